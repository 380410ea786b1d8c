#include "model/byte_pairs.h"

#include <fmt/format.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>

#include "base/error.h"
#include "base/utf8.h"

namespace gaincell::model {
namespace {

// How GPT-2 cuts text into words; merges never cross a cut.
constexpr const char* kWordPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Words above this length are rare and long; caching them would only hold memory.
constexpr std::size_t kLongestCachedWord = 64;
constexpr std::size_t kMostCachedWords = 1u << 20;

// GPT-2 writes each byte as a printable character in its files: printable Latin-1 bytes stand for
// themselves, the others follow from U+0100 on in byte order.
std::array<std::string, 256> byte_characters() {
  std::array<std::string, 256> table;
  std::uint32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    append_utf8(printable ? byte : next++, table[byte]);
  }
  return table;
}

// Cuts text by the pattern. Move-only owner of the compiled pattern.
class WordCutter {
 public:
  WordCutter(const std::string& pattern, const std::string& place) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr));
    if (!code_)
      throw Error({.place = place,
                   .key = "pre_tokenizer",
                   .value = pattern,
                   .rule = fmt::format("the pattern is not understood at its character {}", at),
                   .remedy = "copy the model's tokenizer files again"});
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without JIT it is slower, not wrong
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  // Calls word(std::string_view) for each, in order. The text must be UTF-8. Words join to the
  // text: what no branch matches is a word too.
  template <typename Word>
  void cut(std::string_view text, Word word) {
    std::size_t at = 0;
    while (at < text.size()) {
      const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                    text.size(), at, PCRE2_NO_UTF_CHECK, match_.get(), nullptr);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found <= 0) throw std::runtime_error(fmt::format("PCRE2 error {} at byte {}", found, at));
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match_.get());
      if (range[1] <= range[0]) break;  // of nothing: no word is to be had of the rest
      if (range[0] > at) word(text.substr(at, range[0] - at));
      word(text.substr(range[0], range[1] - range[0]));
      at = range[1];
    }
    if (at < text.size()) word(text.substr(at));
  }

 private:
  struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  struct FreeMatch {
    void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
  };
  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_match_data, FreeMatch> match_;
};

class BytePairs final : public Tokenizer {
 public:
  BytePairs(const Vocabulary& vocabulary, const std::string& vocabulary_place,
            std::string_view merges, const std::string& merges_place, const BytePairRules& rules)
      : vocabulary_place_(vocabulary_place),
        unknown_(rules.unknown),
        whole_words_(rules.whole_words),
        cutter_(rules.words.empty() ? kWordPattern : rules.words, vocabulary_place) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto found = vocabulary.find(characters_[byte]);
      byte_ids_[byte] = found == vocabulary.end() ? kMissing : found->second;
    }
    known_bytes_ = 256 - std::count(byte_ids_.begin(), byte_ids_.end(), kMissing);
    if (known_bytes_ == 0) {
      throw Error({.place = vocabulary_place,
                   .rule = "has no token that is one byte: this is no byte-level vocabulary",
                   .remedy = "use the vocabulary that belongs to the merges"});
    }
    merges_ = Merges(vocabulary, merges, merges_place);
    if (whole_words_) words_ = vocabulary;
    read_texts(vocabulary);
  }

  std::vector<int> encode(std::string_view text, const std::string& place) override {
    require_utf8(text, place);
    std::vector<int> ids;
    cutter_.cut(text, [&](std::string_view word) {
      const auto found = cache_.find(std::string(word));
      if (found != cache_.end()) {
        ids.insert(ids.end(), found->second.begin(), found->second.end());
        return;
      }
      std::vector<int> of_word = tokens_of(word);
      const bool whole = replace_missing(of_word, word, text, place);
      ids.insert(ids.end(), of_word.begin(), of_word.end());
      // A word with unknown bytes is counted each time that it comes.
      if (whole && word.size() <= kLongestCachedWord && cache_.size() < kMostCachedWords) {
        cache_.emplace(word, of_word);
      }
    });
    return ids;
  }

  std::string decode(std::span<const int> ids) const override { return decoded(texts_, ids); }

  std::string kind() const override { return "byte pairs"; }
  std::size_t unknown_bytes() const override { return unknown_bytes_; }

 private:
  std::vector<int> tokens_of(std::string_view word) const {
    if (whole_words_) {
      std::string characters;
      for (const char byte : word) characters += characters_[static_cast<unsigned char>(byte)];
      const auto found = words_.find(characters);
      if (found != words_.end()) return {found->second};
    }
    std::vector<int> bytes;
    for (const char byte : word) bytes.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    return merges_.apply(bytes);
  }

  // A byte that the vocabulary does not have; no merge has part in it.
  static constexpr int kMissing = -1;

  // Puts the unknown token for missing bytes; false where there were any. Error where the
  // vocabulary has none.
  bool replace_missing(std::vector<int>& ids, std::string_view word, std::string_view text,
                       const std::string& place) {
    const auto missing = std::count(ids.begin(), ids.end(), kMissing);
    if (missing == 0) return true;
    if (unknown_ < 0) {
      const auto at = std::find_if(word.begin(), word.end(), [this](char byte) {
        return byte_ids_[static_cast<unsigned char>(byte)] == kMissing;
      });
      throw Error(
          {.place = text_place(place, text, static_cast<std::size_t>(&*at - text.data())),
           .key = "byte",
           .value = fmt::format("0x{:02X}", static_cast<unsigned char>(*at)),
           .rule = fmt::format("is not among the {} bytes of {}, which has no unknown token either",
                               known_bytes_, vocabulary_place_),
           .remedy = "replace it in the text, or use a model with all 256 bytes"});
    }
    std::replace(ids.begin(), ids.end(), kMissing, unknown_);
    unknown_bytes_ += static_cast<std::size_t>(missing);
    return false;
  }

  void read_texts(const Vocabulary& vocabulary) {
    std::unordered_map<std::string, char> bytes;
    for (std::size_t byte = 0; byte < 256; ++byte)
      bytes[characters_[byte]] = static_cast<char>(byte);
    for (const auto& [token, id] : vocabulary) {
      std::string text;
      for (std::size_t at = 0; at < token.size();) {
        const int length = utf8_length(std::string_view(token).substr(at));
        const auto found = length == 0
                               ? bytes.end()
                               : bytes.find(token.substr(at, static_cast<std::size_t>(length)));
        if (found == bytes.end()) {  // a special token, not made of bytes: it stands for itself
          text = token;
          break;
        }
        text += found->second;
        at += static_cast<std::size_t>(length);
      }
      texts_[id] = text;
    }
  }

  std::string vocabulary_place_;
  int unknown_;  // -1: none
  std::ptrdiff_t known_bytes_ = 0;
  std::size_t unknown_bytes_ = 0;
  const std::array<std::string, 256> characters_ = byte_characters();
  std::array<int, 256> byte_ids_{};
  Merges merges_;
  bool whole_words_;
  Vocabulary words_;  // where whole words come first
  std::unordered_map<int, std::string> texts_;
  std::unordered_map<std::string, std::vector<int>> cache_;
  WordCutter cutter_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_pairs(const Vocabulary& vocabulary,
                                           const std::string& vocabulary_place,
                                           std::string_view merges, const std::string& merges_place,
                                           const BytePairRules& rules) {
  return std::make_unique<BytePairs>(vocabulary, vocabulary_place, merges, merges_place, rules);
}

}  // namespace gaincell::model
