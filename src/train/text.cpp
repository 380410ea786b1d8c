#include "train/text.h"

#include <string_view>

#include "base/files.h"
#include "base/sha256.h"
#include "base/utf8.h"

namespace gaincell::train {
namespace {

std::vector<std::string> characters(const std::string& bytes, const std::filesystem::path& path,
                                    const std::string& encoding) {
  const std::string text = decode_text(bytes, path.string(), encoding).text;
  std::vector<std::string> result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); at += result.back().size())
    result.push_back(
        text.substr(at, static_cast<std::size_t>(utf8_length(std::string_view(text).substr(at)))));
  return result;
}

}  // namespace

Corpus read_corpus(const std::filesystem::path& text, const std::filesystem::path& held_out,
                   const std::string& encoding) {
  const std::string training_bytes = read_file(text);
  const std::string held_out_bytes = held_out.empty() ? std::string() : read_file(held_out);
  std::vector<std::string> training = characters(training_bytes, text, encoding);
  std::vector<std::string> held = characters(held_out_bytes, held_out, encoding);
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
