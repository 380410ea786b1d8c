#include "model/checksums.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/text.h"

namespace gaincell::model {
namespace {

constexpr const char* kModelFiles[] = {"config.json",   "encoder.json", "merges.txt",
                                       "vocab.bpe",     "vocab.json",   "model.safetensors",
                                       "tokenizer.json"};

bool is_hash(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                          [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::map<std::string, std::string> read_checksums(const std::filesystem::path& folder) {
  std::map<std::string, std::string> sums;
  const auto path = folder / kChecksums;
  if (!std::filesystem::exists(path)) return sums;
  std::istringstream lines(read_file(path));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const std::string hash = lower(line.substr(0, 64));
    // Two blanks, or a blank and the mark of a binary file.
    const bool formed = is_hash(hash) && line.size() > 66 && line[64] == ' ' &&
                        (line[65] == ' ' || line[65] == '*');
    if (!formed)
      throw Error({.place = fmt::format("{}:{}", path.string(), number),
                   .rule = "must be a SHA-256, two blanks and a file's name",
                   .remedy = "write it anew with `sha256sum config.json model.safetensors ...`"});
    std::string name = line.substr(66);
    if (name.starts_with("./")) name.erase(0, 2);
    sums[name] = hash;
  }
  return sums;
}

void require_checksums(const std::filesystem::path& folder) {
  for (const auto& [name, hash] : read_checksums(folder)) {
    const bool read = name.ends_with(".safetensors") || std::ranges::count(kModelFiles, name) > 0;
    if (!read || !std::filesystem::exists(folder / name) || sha256_of_file(folder / name) == hash)
      continue;
    throw Error(
        {.place = (folder / name).string(),
         .rule = fmt::format("is not the file of which {} tells: it was damaged or changed",
                             kChecksums),
         .remedy = fmt::format("copy the model again; if it was changed on purpose, write {0} anew "
                               "with `sha256sum`, or remove it",
                               kChecksums)});
  }
}

void write_checksums(const std::filesystem::path& folder) {
  std::string text;
  for (const char* name : kModelFiles)
    if (std::filesystem::exists(folder / name))
      text += fmt::format("{}  {}\n", sha256_of_file(folder / name), name);
  write_file(folder / kChecksums, text);
}

}  // namespace gaincell::model
