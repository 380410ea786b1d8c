#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "cli/commands.h"
#include "cli/say.h"
#include "lut/device_file.h"

namespace gaincell::cli {
namespace {

struct SealOptions {
  std::filesystem::path file, output;
};

// "edited", or "edited_2" where the device was sealed before.
std::string free_name(const lut::DeviceFile& device) {
  std::string name = "edited";
  for (int i = 2; std::any_of(device.provenance().begin(), device.provenance().end(),
                              [&](const lut::Provenance& p) { return p.bench == name; });
       ++i)
    name = fmt::format("edited_{}", i);
  return name;
}

int seal(const SealOptions& options) {
  std::error_code code;
  if (std::filesystem::equivalent(options.file, options.output, code))
    throw Error({.key = "--output",
                 .value = options.output.string(),
                 .rule = "is the file that is read, which it would replace"});
  std::vector<std::string> notes;
  lut::DeviceFile device = lut::DeviceFile::read_edited(options.file, notes);
  lut::Provenance provenance{free_name(device), {}};
  provenance.attributes["description"] =
      "the tables and constants are those of a file that another program changed or wrote";
  provenance.attributes["file_sha256"] = sha256_of_file(options.file);
  provenance.attributes["changes"] = notes.empty()
                                         ? "every table agrees with its hold-out points as stated"
                                         : fmt::format("{}", fmt::join(notes, "\n"));
  device.add(std::move(provenance));
  device.write(options.output);
  for (const std::string& note : notes) say("{}\n", note);
  say("wrote {}\n", options.output.string());
  return 0;
}

}  // namespace

Run cmd_seal(Arguments& app) {
  auto options = std::make_shared<SealOptions>();
  app.add_option("file", options->file, "device file").required();
  app.add_option("-o,--output", options->output, "device file to write").required();
  app.footer(
      "The errors of every table are measured anew at its hold-out points; a limit that no longer "
      "holds\nis taken out. /provenance/edited of the new file says what changed.");
  return [options] { return seal(*options); };
}

}  // namespace gaincell::cli
