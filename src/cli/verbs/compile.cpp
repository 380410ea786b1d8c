#include "lut/compile.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/process.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct CompileOptions {
  std::vector<std::filesystem::path> samples;
  std::filesystem::path output;
  bool unsealed = false;
  bool json = false;
  lut::CompileOptions compile;
};

int compile(const CompileOptions& options) {
  std::vector<lut::SamplesFile> files;
  for (const std::filesystem::path& path : options.samples) {
    files.push_back(lut::SamplesFile::read(
        path, options.unsealed ? lut::Unsealed::kWarn : lut::Unsealed::kRefuse));
  }
  require_output(options.output);
  const lut::Compiled compiled = lut::compile(files, options.compile);
  if (compiled.report.tables.empty() && compiled.report.spreads.empty())
    throw Error({.place = options.samples.front().string(),
                 .rule = "no bench in it asks for a table or a spread",
                 .remedy = "add `tables` to a bench"});
  if (compiled.report.ok()) compiled.device.write(options.output);

  if (options.json) {
    nlohmann::json json = compiled.report.to_json();
    json["output"] =
        compiled.report.ok() ? nlohmann::json(options.output.string()) : nlohmann::json();
    fmt::print("{}\n", json_text(json, 2));
  } else {
    say("{}", compiled.report.brief());
    if (compiled.report.ok()) say("wrote {}\n", options.output.string());
  }
  if (compiled.report.ok()) return 0;
  tell(fmt::format("gaincell: compile failed, {} not written: see the tables above that fail\n",
                   options.output.string()));
  return 1;
}

}  // namespace

Run cmd_compile(Arguments& app) {
  auto options = std::make_shared<CompileOptions>();
  app.add_option("samples", options->samples, "samples files of `gaincell characterize`")
      .required();
  app.add_option("-o,--output", options->output, "device file to write").required();
  app.add_option("--list", options->compile.listed_points,
                 "missing points to spell out for each table");
  app.add_flag("--unsealed", options->unsealed,
               "also samples without a checksum, or that another program changed");
  app.add_flag("--json", options->json, "the report as JSON");
  app.footer("Exits with 1, and writes nothing, where a table misses its limit or lacks points.");
  return [options] { return compile(*options); };
}

}  // namespace gaincell::cli
