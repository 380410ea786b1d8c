#include "model/sentence_pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "model/merges.h"

namespace gaincell::model {
namespace {

constexpr std::string_view kPieceBlank = "\xE2\x96\x81";  // U+2581

class SentencePieces final : public Tokenizer {
 public:
  SentencePieces(const Vocabulary& vocabulary, const std::string& vocabulary_place,
                 std::string_view merges, const std::string& merges_place, SentencePieceRules rules)
      : vocabulary_place_(vocabulary_place),
        rules_(rules),
        merges_(vocabulary, merges, merges_place) {
    for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
      const std::string name = fmt::format("<0x{:02X}>", byte);
      const auto found = vocabulary.find(name);
      if (found == vocabulary.end()) continue;
      byte_ids_[byte] = found->second;
      texts_[found->second] = std::string(1, static_cast<char>(byte));
    }
    for (const auto& [token, id] : vocabulary) {
      if (utf8_length(token.empty() ? " " : token) == static_cast<int>(token.size()))
        characters_[token] = id;
      texts_.emplace(id, with_blanks(token));
    }
  }

  std::vector<int> encode(std::string_view text, const std::string& place) override {
    return encode_part(text, place, rules_.blank != SentencePieceRules::Blank::kNowhere);
  }
  std::vector<int> encode_after(std::string_view text, const std::string& place) override {
    return encode_part(text, place, rules_.blank == SentencePieceRules::Blank::kEachPart);
  }

  std::string decode(std::span<const int> ids) const override { return decoded(texts_, ids); }

  std::string kind() const override { return "sentence pieces"; }
  std::size_t unknown_bytes() const override { return unknown_bytes_; }

 private:
  static std::string with_blanks(std::string token) {
    for (std::size_t at = 0; (at = token.find(kPieceBlank, at)) != std::string::npos; ++at)
      token = token.substr(0, at) + ' ' + token.substr(at + kPieceBlank.size());
    return token;
  }

  std::vector<int> encode_part(std::string_view text, const std::string& place, bool blank_ahead) {
    require_utf8(text, place);
    std::vector<int> ids, word;
    if (text.empty()) return ids;
    const auto finish = [&] {
      const std::vector<int> merged = merges_.apply(word);
      ids.insert(ids.end(), merged.begin(), merged.end());
      word.clear();
    };
    const bool has_one = text.starts_with(' ') || text.starts_with(kPieceBlank);
    if (blank_ahead && !(rules_.spare_blank && has_one)) add(kPieceBlank, text, 0, place, word);
    for (std::size_t at = 0; at < text.size();) {
      const auto size = static_cast<std::size_t>(utf8_length(text.substr(at)));
      const std::string_view character = text.substr(at, size);
      const bool blank = character == " " || character == kPieceBlank;
      if (blank && rules_.cut_at_blanks) finish();
      add(blank ? kPieceBlank : character, text, at, place, word);
      at += size;
    }
    finish();
    return ids;
  }

  void add(std::string_view character, std::string_view text, std::size_t at,
           const std::string& place, std::vector<int>& word) {
    const auto found = characters_.find(std::string(character));
    if (found != characters_.end()) {
      word.push_back(found->second);
      return;
    }
    const bool as_bytes = std::all_of(character.begin(), character.end(), [&](char byte) {
      return byte_ids_[static_cast<unsigned char>(byte)] >= 0;
    });
    if (as_bytes) {
      for (const char byte : character) word.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
      return;
    }
    if (rules_.unknown < 0)
      throw Error({.place = text_place(place, text, at),
                   .key = "character",
                   .value = fmt::format("U+{:04X}", code_point(character)),
                   .rule = fmt::format("is not in {}, which has no unknown token either",
                                       vocabulary_place_),
                   .remedy = "replace it in the text, or use a model trained with it"});
    unknown_bytes_ += character.size();
    if (!rules_.fuse_unknown || word.empty() || word.back() != rules_.unknown)
      word.push_back(rules_.unknown);
  }

  std::string vocabulary_place_;
  SentencePieceRules rules_;
  Merges merges_;
  std::array<int, 256> byte_ids_ = [] {
    std::array<int, 256> none{};
    none.fill(-1);
    return none;
  }();
  Vocabulary characters_;
  std::unordered_map<int, std::string> texts_;
  std::size_t unknown_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentence_pieces(const Vocabulary& vocabulary,
                                                const std::string& vocabulary_place,
                                                std::string_view merges,
                                                const std::string& merges_place,
                                                SentencePieceRules rules) {
  return std::make_unique<SentencePieces>(vocabulary, vocabulary_place, merges, merges_place,
                                          rules);
}

}  // namespace gaincell::model
