#include "model/tokenizer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "model/byte_pairs.h"
#include "model/utf8.h"

namespace gaincell::model {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

class Characters final : public Tokenizer {
 public:
  Characters(const Vocabulary& vocabulary, const std::string& place) : place_(place) {
    for (const auto& [text, id] : vocabulary) {
      if (text.empty() || utf8_length(text) != static_cast<int>(text.size())) {
        throw Error({.place = place,
                     .key = text,
                     .rule = "without merges.txt every token must be one character",
                     .remedy = "add the model's merges.txt"});
      }
      ids_[code_point(text)] = id;
      texts_[id] = text;
    }
  }

  std::vector<int> encode(std::string_view text, const std::string& place) override {
    require_utf8(text, place);
    std::vector<int> ids;
    ids.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const auto character =
          text.substr(at, static_cast<std::size_t>(utf8_length(text.substr(at))));
      const std::uint32_t code = code_point(character);
      const auto found = ids_.find(code);
      if (found == ids_.end()) {
        const bool printable = code >= 0x20 && code != 0x7F;
        throw Error(
            {.place = text_place(place, text, at),
             .key = "character",
             .value = printable ? fmt::format("'{}' (U+{:04X})", character, code)
                                : fmt::format("U+{:04X}", code),
             .rule = fmt::format("is not among the {} characters of {}", ids_.size(), place_),
             .remedy = "replace it in the text, or use a model trained with it"});
      }
      ids.push_back(found->second);
      at += character.size();
    }
    return ids;
  }

  std::string decode(std::span<const int> ids) const override {
    std::string text;
    for (const int id : ids) {
      const auto found = texts_.find(id);
      text += found == texts_.end() ? kReplacement : found->second;
    }
    return text;
  }

  std::string kind() const override { return "characters"; }

 private:
  std::string place_;
  std::unordered_map<std::uint32_t, int> ids_;
  std::unordered_map<int, std::string> texts_;
};

Vocabulary read_vocabulary(const std::filesystem::path& path, int vocab_size) {
  const auto object = nlohmann::json::parse(read_file(path), nullptr, false);
  if (object.is_discarded() || !object.is_object() || object.empty()) {
    throw Error({.place = path.string(),
                 .rule = "must be a JSON object that maps tokens to ids",
                 .remedy = "copy the model's vocab.json again"});
  }
  Vocabulary vocabulary;
  std::vector<bool> taken(static_cast<std::size_t>(vocab_size));
  for (const auto& [token, id] : object.items()) {
    const bool in_range = id.is_number_unsigned() && id.get<std::uint64_t>() < taken.size();
    if (!in_range || taken[id.get<std::size_t>()]) {
      throw Error({.place = path.string(),
                   .key = token,
                   .value = id.dump(),
                   .rule = in_range
                               ? "another token has this id"
                               : fmt::format("ids lie in 0 .. vocab_size - 1 = {}", vocab_size - 1),
                   .remedy = "use the vocabulary that belongs to config.json"});
    }
    taken[id.get<std::size_t>()] = true;
    vocabulary.emplace(token, id.get<int>());
  }
  return vocabulary;
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int vocab_size) {
  const auto first_of = [&](const char* name, const char* older) {
    return std::filesystem::exists(folder / name) || !std::filesystem::exists(folder / older)
               ? folder / name
               : folder / older;
  };
  const auto vocabulary_path = first_of("vocab.json", "encoder.json");
  const auto merges_path = first_of("merges.txt", "vocab.bpe");
  const Vocabulary vocabulary = read_vocabulary(vocabulary_path, vocab_size);
  if (std::filesystem::exists(merges_path)) {
    return make_byte_pairs(vocabulary, vocabulary_path.string(), read_file(merges_path),
                           merges_path.string());
  }
  return std::make_unique<Characters>(vocabulary, vocabulary_path.string());
}

std::string join_wikitext(std::string_view raw) {
  std::string joined;
  bool first = true;
  while (!raw.empty()) {
    const std::size_t feed = raw.find('\n');
    const std::string_view line = raw.substr(0, feed);
    raw.remove_prefix(feed == std::string_view::npos ? raw.size() : feed + 1);
    if (!first) joined += "\n\n";
    first = false;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) (joined += line) += '\n';
  }
  return joined;
}

}  // namespace gaincell::model
