#include "train/text.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"

namespace gaincell::train {
namespace {

std::vector<std::string> characters(const std::string& bytes, const std::filesystem::path& path) {
  std::vector<std::string> result;
  result.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    bool valid = size > 0 && i + size <= bytes.size();
    for (std::size_t j = 1; valid && j < size; ++j)
      valid = (static_cast<unsigned char>(bytes[i + j]) & 0xc0u) == 0x80u;
    if (!valid) {
      throw Error({.place = path.string(),
                   .key = fmt::format("byte {}", i),
                   .value = fmt::format("0x{:02x}", lead),
                   .rule = "is not UTF-8",
                   .remedy = "convert the text, e.g. with iconv"});
    }
    result.push_back(bytes.substr(i, size));
    i += size;
  }
  return result;
}

}  // namespace

Corpus read_corpus(const std::filesystem::path& text, const std::filesystem::path& held_out) {
  const std::string training_bytes = read_file(text);
  const std::string held_out_bytes = held_out.empty() ? std::string() : read_file(held_out);
  std::vector<std::string> training = characters(training_bytes, text);
  std::vector<std::string> held = characters(held_out_bytes, held_out);
  if (held_out.empty()) {
    const auto split = static_cast<std::ptrdiff_t>(training.size() * 9 / 10);
    held.assign(training.begin() + split, training.end());
    training.erase(training.begin() + split, training.end());
  }
  Corpus corpus;
  for (const auto* part : {&training, &held})
    for (const std::string& character : *part) corpus.vocabulary.emplace(character, 0);
  std::int64_t id = 0;
  for (auto& [character, number] : corpus.vocabulary) number = id++;
  for (const std::string& character : training)
    corpus.training.push_back(corpus.vocabulary.at(character));
  for (const std::string& character : held)
    corpus.held_out.push_back(corpus.vocabulary.at(character));
  corpus.sha256 = sha256(training_bytes + held_out_bytes);
  return corpus;
}

}  // namespace gaincell::train
