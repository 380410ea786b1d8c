#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/merges.h"
#include "model/tokenizer.h"

namespace gaincell::model {

struct BytePairRules {
  int unknown = -1;          // token for a byte that the vocabulary lacks; -1: none
  std::string words{};       // pattern that cuts text into words; empty: GPT-2's
  bool whole_words = false;  // a word that is a token is one, whatever the merges say
};

// Byte-level byte-pair encoding, GPT-2's and by other rules LLaMA 3's. `merges` is the text of
// merges.txt (Merges). A byte that the vocabulary lacks becomes the unknown token, or is an Error
// with its place in the text where there is none. The places are for messages.
std::unique_ptr<Tokenizer> make_byte_pairs(const Vocabulary& vocabulary,
                                           const std::string& vocabulary_place,
                                           std::string_view merges, const std::string& merges_place,
                                           const BytePairRules& rules = {});

}  // namespace gaincell::model
