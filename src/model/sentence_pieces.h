#pragma once

#include <memory>
#include <string>

#include "model/byte_pairs.h"
#include "model/tokenizer.h"

namespace gaincell::model {

// What SentencePiece's byte-pair vocabularies (LLaMA's) do besides merging.
struct SentencePieceRules {
  // Where a blank is put ahead: of nothing, of each part between special tokens, or of the text.
  enum class Blank { kNowhere, kEachPart, kFirstPart };
  Blank blank = Blank::kEachPart;
  bool cut_at_blanks = false;  // merges do not cross a blank
  bool spare_blank = false;    // none is put ahead of a part that begins with one
  bool fuse_unknown = false;   // neighbouring unknown characters are one token
  int unknown = -1;            // -1: none
};

// Characters, blanks written as U+2581, are merged by rank; a character that the vocabulary lacks
// is its bytes' tokens "<0x41>", where it has them all, else the unknown token, else an Error with
// its place. `merges` as of make_byte_pairs(); none: one token a character.
std::unique_ptr<Tokenizer> make_sentence_pieces(const Vocabulary& vocabulary,
                                                const std::string& vocabulary_place,
                                                std::string_view merges,
                                                const std::string& merges_place,
                                                SentencePieceRules rules);

}  // namespace gaincell::model
