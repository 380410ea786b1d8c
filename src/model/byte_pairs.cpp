#include "model/byte_pairs.h"

#include <fmt/format.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <queue>
#include <stdexcept>
#include <tuple>

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
  WordCutter() {
    int error = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kWordPattern), PCRE2_ZERO_TERMINATED,
                              PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr));
    if (!code_) throw std::logic_error("the word pattern does not compile");
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without JIT it is slower, not wrong
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  // Calls word(std::string_view) for each, in order. The text must be UTF-8. Words join to the
  // text: every character is matched by some branch.
  template <typename Word>
  void cut(std::string_view text, Word word) {
    std::size_t at = 0;
    while (at < text.size()) {
      const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                    text.size(), at, PCRE2_NO_UTF_CHECK, match_.get(), nullptr);
      if (found <= 0) throw std::runtime_error(fmt::format("PCRE2 error {} at byte {}", found, at));
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match_.get());
      assert(range[0] == at && range[1] > at);
      word(text.substr(range[0], range[1] - range[0]));
      at = range[1];
    }
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
            std::string_view merges, const std::string& merges_place, int unknown)
      : vocabulary_place_(vocabulary_place), unknown_(unknown) {
    const auto characters = byte_characters();
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto found = vocabulary.find(characters[byte]);
      byte_ids_[byte] = found == vocabulary.end() ? kMissing : found->second;
    }
    known_bytes_ = 256 - std::count(byte_ids_.begin(), byte_ids_.end(), kMissing);
    if (known_bytes_ == 0) {
      throw Error({.place = vocabulary_place,
                   .rule = "has no token that is one byte: this is no byte-level vocabulary",
                   .remedy = "use the vocabulary that belongs to the merges"});
    }
    read_merges(vocabulary, merges, merges_place);
    read_texts(vocabulary, characters);
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
      std::vector<int> of_word = merge(word);
      const bool whole = replace_missing(of_word, word, text, place);
      ids.insert(ids.end(), of_word.begin(), of_word.end());
      // A word with unknown bytes is counted each time that it comes.
      if (whole && word.size() <= kLongestCachedWord && cache_.size() < kMostCachedWords) {
        cache_.emplace(word, of_word);
      }
    });
    return ids;
  }

  std::string decode(std::span<const int> ids) const override {
    std::string text;
    for (const int id : ids) {
      const auto found = texts_.find(id);
      text += found == texts_.end() ? "\xEF\xBF\xBD" : found->second;
    }
    return text;
  }

  std::string kind() const override { return "byte pairs"; }
  std::size_t unknown_bytes() const override { return unknown_bytes_; }

 private:
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

  struct Merge {
    int rank;
    int id;
  };

  static std::uint64_t pair_key(int left, int right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }

  void read_merges(const Vocabulary& vocabulary, std::string_view merges,
                   const std::string& place) {
    int line_number = 0;
    while (!merges.empty()) {
      const std::size_t feed = merges.find('\n');
      std::string_view line = merges.substr(0, feed);
      merges.remove_prefix(feed == std::string_view::npos ? merges.size() : feed + 1);
      ++line_number;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
      const std::size_t space = line.find(' ');
      const std::string left(line.substr(0, space));
      const std::string right(space == std::string_view::npos ? "" : line.substr(space + 1));
      const auto id = [&](const std::string& token) {
        const auto found = vocabulary.find(token);
        return token.empty() || found == vocabulary.end() ? -1 : found->second;
      };
      const int left_id = id(left), right_id = id(right), whole_id = id(left + right);
      if (left_id < 0 || right_id < 0 || whole_id < 0) {
        throw Error({.place = fmt::format("{}:{}", place, line_number),
                     .value = std::string(line),
                     .rule = "a merge joins two tokens of the vocabulary into a third",
                     .remedy = "use the merges that belong to the vocabulary"});
      }
      // The first rank of a repeated pair holds.
      merges_.emplace(pair_key(left_id, right_id),
                      Merge{static_cast<int>(merges_.size()), whole_id});
    }
  }

  void read_texts(const Vocabulary& vocabulary, const std::array<std::string, 256>& characters) {
    std::unordered_map<std::string, char> bytes;
    for (std::size_t byte = 0; byte < 256; ++byte)
      bytes[characters[byte]] = static_cast<char>(byte);
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

  // Merges by rank: all places of the best pair from left to right, then the next best. Symbols
  // form a linked list and candidate pairs a heap, so n bytes cost n log n.
  std::vector<int> merge(std::string_view word) const {
    struct Symbol {
      int id, previous, next;  // id -1: merged into its left neighbour, or kMissing
    };
    const int n = static_cast<int>(word.size());
    std::vector<Symbol> symbols(word.size());
    for (int i = 0; i < n; ++i) {
      symbols[i] = {byte_ids_[static_cast<unsigned char>(word[i])], i - 1, i + 1 < n ? i + 1 : -1};
    }
    struct Candidate {
      int rank, left, left_id, right_id, id;
      bool operator>(const Candidate& other) const {
        return std::tie(rank, left) > std::tie(other.rank, other.left);
      }
    };
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
    const auto consider = [&](int left) {
      if (left < 0 || symbols[left].next < 0) return;
      const int left_id = symbols[left].id, right_id = symbols[symbols[left].next].id;
      if (left_id < 0 || right_id < 0) return;
      const auto found = merges_.find(pair_key(left_id, right_id));
      if (found != merges_.end())
        heap.push({found->second.rank, left, left_id, right_id, found->second.id});
    };
    for (int i = 0; i + 1 < n; ++i) consider(i);

    std::vector<int> merged;
    while (!heap.empty()) {
      const int rank = heap.top().rank;
      merged.clear();
      // New neighbours wait until all places of this pair are done, as in the published procedure.
      while (!heap.empty() && heap.top().rank == rank) {
        const Candidate c = heap.top();
        heap.pop();
        Symbol& left = symbols[c.left];
        if (left.id != c.left_id || left.next < 0 || symbols[left.next].id != c.right_id) continue;
        Symbol& right = symbols[left.next];
        left.id = c.id;
        right.id = -1;
        left.next = right.next;
        if (left.next >= 0) symbols[left.next].previous = c.left;
        merged.push_back(c.left);
      }
      for (const int i : merged) {
        consider(symbols[i].previous);
        consider(i);
      }
    }
    std::vector<int> ids;
    for (int i = n > 0 ? 0 : -1; i >= 0; i = symbols[i].next) ids.push_back(symbols[i].id);
    return ids;
  }

  std::string vocabulary_place_;
  int unknown_;  // -1: none
  std::ptrdiff_t known_bytes_ = 0;
  std::size_t unknown_bytes_ = 0;
  std::array<int, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::unordered_map<int, std::string> texts_;
  std::unordered_map<std::string, std::vector<int>> cache_;
  WordCutter cutter_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_pairs(const Vocabulary& vocabulary,
                                           const std::string& vocabulary_place,
                                           std::string_view merges, const std::string& merges_place,
                                           int unknown) {
  return std::make_unique<BytePairs>(vocabulary, vocabulary_place, merges, merges_place, unknown);
}

}  // namespace gaincell::model
