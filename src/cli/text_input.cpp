#include "cli/text_input.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/utf8.h"

namespace gaincell::cli {

void declare(Arguments& app, TextInput& input) {
  app.add_option("--text-format", input.format,
                 "plain, or wikitext: lines joined as is customary for WikiText")
      .needs("--text");
  app.add_flag("--special-tokens", input.special_tokens,
               "take special and added tokens that are written out in the text as themselves")
      .needs("--text");
  app.add_option("--encoding", input.encoding,
                 "of the text: utf-8, utf-16le, utf-16be or latin-1 (default: what its byte order "
                 "mark says, else UTF-8)")
      .needs("--text");
}

TextTokens read_tokens(const TextInput& input, model::Tokenizer& tokenizer,
                       nlohmann::ordered_json& settings) {
  const std::string bytes = read_file(input.path);
  DecodedText decoded = decode_text(bytes, input.path, input.encoding);
  settings["text"] = input.path;
  settings["text_sha256"] = sha256(bytes);
  settings["text_format"] = input.format;
  if (decoded.encoding != "utf-8") settings["text_encoding"] = decoded.encoding;
  if (input.format == "wikitext") {
    decoded.text = model::join_wikitext(decoded.text);
  } else if (input.format != "plain") {
    throw Error(
        {.key = "--text-format", .value = input.format, .rule = "must be plain or wikitext"});
  }
  if (input.special_tokens) {
    tokenizer.take_special_tokens();
    settings["text_special_tokens"] = true;
  }
  TextTokens text;
  text.tokens = tokenizer.encode(decoded.text, input.path);
  settings["text_tokens"] = text.tokens.size();
  if (tokenizer.unknown_bytes() > 0) {
    settings["text_unknown_bytes"] = tokenizer.unknown_bytes();
    text.warnings.push_back(
        fmt::format("{}: {} of {} tokens are bytes that the vocabulary does not have, taken as its "
                    "unknown token",
                    input.path, tokenizer.unknown_bytes(), text.tokens.size()));
  }
  if (decoded.text.find("\r\n") != std::string::npos)
    text.warnings.push_back(fmt::format(
        "{}: lines end in CR LF, and each CR counts as it stands; figures of others are "
        "usually of LF alone",
        input.path));
  return text;
}

void warn_of_short_text(std::size_t tokens, int window, std::vector<std::string>& warnings) {
  if (tokens >= static_cast<std::size_t>(window)) return;
  warnings.push_back(
      fmt::format("the text has {} tokens, fewer than the window of {}: no token is foretold from "
                  "a full one; give a longer text or a smaller --window",
                  tokens, window));
}

}  // namespace gaincell::cli
