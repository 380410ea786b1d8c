#include "readers.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "cli/program.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;

std::span<const Reader> readers() {
#define GAINCELL_ROW(name, function) \
  Reader { name, prepare_##function, mutate_##function, run_##function }
  static constexpr std::array kReaders{
      GAINCELL_ROW("bench", bench),     GAINCELL_ROW("netlist", netlist),
      GAINCELL_ROW("columns", columns), GAINCELL_ROW("deck", deck),
      GAINCELL_ROW("frame", frame),     GAINCELL_ROW("journal", journal),
      GAINCELL_ROW("shard", shard),     GAINCELL_ROW("cache", cache),
      GAINCELL_ROW("samples", samples), GAINCELL_ROW("device", device),
      GAINCELL_ROW("q/k/v", vectors),   GAINCELL_ROW("safetensors", safetensors),
      GAINCELL_ROW("config", config),   GAINCELL_ROW("vocabulary", vocabulary),
      GAINCELL_ROW("merges", merges),   GAINCELL_ROW("tokenizer", tokenizer),
      GAINCELL_ROW("text", text),       GAINCELL_ROW("csv", csv),
      GAINCELL_ROW("report", report),
  };
#undef GAINCELL_ROW
  return kReaders;
}

int run_verb(std::vector<std::string> words) {
  words.insert(words.begin(), "gaincell");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return cli::run_program(static_cast<int>(words.size()), argv.data());
}

std::vector<Sample> read_samples(const fs::path& source, const std::string& extension) {
  constexpr std::uintmax_t kLargest = 20'000;
  std::vector<Sample> found;
  for (const auto& entry : fs::recursive_directory_iterator(source))
    if (entry.is_regular_file() && entry.path().extension() == extension &&
        entry.file_size() < kLargest)
      found.push_back({entry.path().lexically_relative(source).string(), read_file(entry.path())});
  std::sort(found.begin(), found.end(),
            [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return found;
}

}  // namespace gaincell::fuzz
