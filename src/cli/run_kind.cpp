#include "cli/run_kind.h"

#include <array>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/store/formats.h"
#include "base/store/reader.h"

namespace gaincell::cli {
namespace {

bool is_hdf5(const std::filesystem::path& file) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::array<char, 8> start{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(start.data(), start.size());
  return std::string_view(start.data(), static_cast<std::size_t>(stream.gcount())) == kSignature;
}

}  // namespace

RunKind run_kind(const std::filesystem::path& file) {
  // A pipe can be read once alone, and HDF5 reads files.
  if (!std::filesystem::is_regular_file(file) || !is_hdf5(file)) return RunKind::kInference;
  const std::string kind = store::Reader(file).root().text_attribute(store::kFormatName, "");
  if (kind == store::kDeviceFormat.name) return RunKind::kDevice;
  if (kind == store::kSamplesFormat.name) return RunKind::kSamples;
  if (kind == store::kStudyFormat.name) return RunKind::kStudy;
  throw Error({.place = file.string(),
               .key = kind.empty() ? "" : store::kFormatName,
               .value = kind,
               .rule = "is no device, samples or study file of gaincell, nor an inference",
               .remedy = "give what `gaincell compile`, `gaincell characterize`, `gaincell sweep` "
                         "or `gaincell infer --json` wrote"});
}

}  // namespace gaincell::cli
