#pragma once

#include <memory>
#include <string>

#include "model/merges.h"
#include "model/tokenizer.h"

namespace gaincell::model {

// A tokenizer with tokens that are no text: `special` by how they are written, and `beginning`,
// which stands ahead of every text (-1: none).
std::unique_ptr<Tokenizer> with_special_tokens(std::unique_ptr<Tokenizer> plain, Vocabulary special,
                                               int beginning);

}  // namespace gaincell::model
