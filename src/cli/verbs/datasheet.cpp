#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/datasheet_page.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct DatasheetOptions {
  std::string samples;
  std::string output;
  bool json = false;
};

int run(const DatasheetOptions& options) {
  const auto sheet = characterize::read_datasheet(options.samples);
  if (options.output.empty()) {
    if (options.json)
      fmt::print("{}", datasheet_json(sheet));
    else
      say("{}", datasheet_page(sheet));
  } else {
    write_file(options.output,
               options.json ? datasheet_json(sheet) : datasheet_for(sheet, options.output));
    say("wrote {}\n", options.output);
  }
  return sheet.misses().empty() ? 0 : 1;
}

}  // namespace

Run cmd_datasheet(Arguments& app) {
  auto options = std::make_shared<DatasheetOptions>();
  app.add_option("samples", options->samples, "samples file").required();
  app.add_option("-o,--output", options->output,
                 "file to write: Markdown, or in full precision X.csv or X.json; default: standard "
                 "output");
  app.add_flag("--json", options->json, "as JSON, in full precision");
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
