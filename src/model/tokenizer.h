#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gaincell::model {

// Text to token ids and back. Text is UTF-8 and is read as it stands: no clean-up, and a literal
// "<|endoftext|>" is so many characters unless special tokens are taken. encode() keeps a cache of
// words, so one tokenizer serves one thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Error where the text is not UTF-8 or has a character outside the vocabulary: names `place` (the
  // text's file), line and column, the character and its code point, and what to do.
  virtual std::vector<int> encode(std::string_view text, const std::string& place) = 0;
  // Of what follows a special token within a text.
  virtual std::vector<int> encode_after(std::string_view text, const std::string& place) {
    return encode(text, place);
  }
  // From now on special and added tokens that are written out in a text are themselves.
  virtual void take_special_tokens() {}
  // The text of these tokens, special ones by name; an id without a token becomes U+FFFD.
  virtual std::string decode(std::span<const int> ids) const = 0;
  virtual std::string kind() const = 0;  // "characters", "byte pairs" or "sentence pieces"
  // Bytes so far that the vocabulary does not have and for which its unknown token was put.
  virtual std::size_t unknown_bytes() const { return 0; }
};

// What decode() does with the texts of all ids.
std::string decoded(const std::unordered_map<int, std::string>& texts, std::span<const int> ids);

// The tokenizer of a model folder, by the usual files: `vocab.json` (or `encoder.json`) maps tokens
// to ids. With `merges.txt` (or `vocab.bpe`) it is GPT-2's byte-level byte-pair encoding (Radford
// et al. 2019; merges after Sennrich et al. 2016); without, every token is one character. Where
// there is no vocab.json, `tokenizer.json` has both: GPT-2's kind, LLaMA 3's (another pattern of
// words), or SentencePiece's (blanks as U+2581, missing characters as bytes), as is a vocab.json of
// characters that has U+2581. Special and added tokens are those that these files name, and those
// beside them (added_tokens.json, tokenizer_config.json, special_tokens_map.json).
// A text begins with the token that tokenizer.json or tokenizer_config.json puts there, or with
// `beginning` where there is neither; -1 is none. Error where a file is missing or damaged, or an
// id lies outside 0 .. vocab_size - 1.
std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int vocab_size,
                                          int beginning = -1);

// WikiText's raw file as it is joined for perplexity figures: every line keeps its line feed, blank
// lines lose everything, and two line feeds stand between lines. A line may end in CR LF as well.
std::string join_wikitext(std::string_view raw);

}  // namespace gaincell::model
