#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/say.h"
#include "export/formats.h"

namespace gaincell::cli {
namespace {

struct ExportOptions {
  std::filesystem::path file, output;
  std::string format;
};

}  // namespace

Run cmd_export(Arguments& app) {
  auto options = std::make_shared<ExportOptions>();
  app.add_option("file", options->file, "device, samples or study file").required();
  app.add_option("--to", options->format, "format").required().one_of(exports::format_names());
  app.add_option("-o,--output", options->output, "file or folder to write").required();
  std::string footer = "Formats:\n";
  for (const exports::Format& format : exports::formats())
    footer += "  " + std::string(format.name) + ": " + std::string(format.help) +
              (format.samples == nullptr ? " (devices only)" : "") + "\n";
  app.footer(footer + "docs/exports.md has the rest.");
  return [options] {
    exports::export_file(options->file, options->format, options->output);
    say("wrote {}\n", options->output.string());
    return 0;
  };
}

}  // namespace gaincell::cli
