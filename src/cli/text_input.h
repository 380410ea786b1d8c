#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "model/tokenizer.h"

namespace gaincell::cli {

// A text that a model reads.
struct TextInput {
  std::string path;
  std::string format = "plain";
  bool special_tokens = false;  // those written out in the text are themselves
  std::string encoding;         // empty = what its byte order mark says, else UTF-8
};
// --text-format and --encoding, of --text, which is the verb's own.
void declare(Arguments& app, TextInput& input);

struct TextTokens {
  std::vector<int> tokens;
  std::vector<std::string> warnings;  // what is allowed and probably not meant
};

// The text as tokens. What it takes to read it again goes into `settings`, hash included.
TextTokens read_tokens(const TextInput& input, model::Tokenizer& tokenizer,
                       nlohmann::ordered_json& settings);

// Of a text that never fills the window.
void warn_of_short_text(std::size_t tokens, int window, std::vector<std::string>& warnings);

}  // namespace gaincell::cli
