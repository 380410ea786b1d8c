#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/tokenizer.h"

namespace gaincell::model {

using Vocabulary = std::unordered_map<std::string, int>;

// GPT-2's byte-level byte-pair encoding. `merges` is the text of merges.txt: an optional "#version"
// line, then one "left right" a line, best first. A byte that the vocabulary lacks becomes the
// token `unknown`, or is an Error with its place in the text where that is -1. The places are for
// messages.
std::unique_ptr<Tokenizer> make_byte_pairs(const Vocabulary& vocabulary,
                                           const std::string& vocabulary_place,
                                           std::string_view merges, const std::string& merges_place,
                                           int unknown = -1);

}  // namespace gaincell::model
