#include "model/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/byte_pairs.h"

namespace gaincell::model {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

class Characters final : public Tokenizer {
 public:
  Characters(const Vocabulary& vocabulary, const std::string& place) : place_(place) {
    for (const auto& [text, id] : vocabulary) {
      if (text.empty() || utf8_length(text) != static_cast<int>(text.size())) {
        throw Error({.place = place,
                     .key = text,
                     .rule = "without merges.txt every token must be one character",
                     .remedy = "add the model's merges.txt"});
      }
      ids_[code_point(text)] = id;
      texts_[id] = text;
    }
  }

  std::vector<int> encode(std::string_view text, const std::string& place) override {
    require_utf8(text, place);
    std::vector<int> ids;
    ids.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const auto character =
          text.substr(at, static_cast<std::size_t>(utf8_length(text.substr(at))));
      const std::uint32_t code = code_point(character);
      const auto found = ids_.find(code);
      if (found == ids_.end()) {
        const bool printable = code >= 0x20 && code != 0x7F;
        throw Error(
            {.place = text_place(place, text, at),
             .key = "character",
             .value = printable ? fmt::format("'{}' (U+{:04X})", character, code)
                                : fmt::format("U+{:04X}", code),
             .rule = fmt::format("is not among the {} characters of {}", ids_.size(), place_),
             .remedy = "replace it in the text, or use a model trained with it"});
      }
      ids.push_back(found->second);
      at += character.size();
    }
    return ids;
  }

  std::string decode(std::span<const int> ids) const override {
    std::string text;
    for (const int id : ids) {
      const auto found = texts_.find(id);
      text += found == texts_.end() ? kReplacement : found->second;
    }
    return text;
  }

  std::string kind() const override { return "characters"; }

 private:
  std::string place_;
  std::unordered_map<std::uint32_t, int> ids_;
  std::unordered_map<int, std::string> texts_;
};

constexpr const char* kCopyAgain = "copy the model's tokenizer files again";

Vocabulary vocabulary_of(const nlohmann::json& object, const std::string& place, int vocab_size) {
  if (!object.is_object() || object.empty()) {
    throw Error({.place = place,
                 .value = brief_json(object),
                 .rule = "must be a JSON object that maps tokens to ids",
                 .remedy = kCopyAgain});
  }
  Vocabulary vocabulary;
  std::vector<bool> taken(static_cast<std::size_t>(vocab_size));
  for (const auto& [token, id] : object.items()) {
    const bool in_range = id.is_number_unsigned() && id.get<std::uint64_t>() < taken.size();
    if (!in_range || taken[id.get<std::size_t>()]) {
      throw Error({.place = place,
                   .key = token,
                   .value = brief_json(id),
                   .rule = in_range
                               ? "another token has this id"
                               : fmt::format("ids lie in 0 .. vocab_size - 1 = {}", vocab_size - 1),
                   .remedy = "use the vocabulary that belongs to config.json"});
    }
    taken[id.get<std::size_t>()] = true;
    vocabulary.emplace(token, id.get<int>());
  }
  return vocabulary;
}

// What a folder says of its tokens; merges are the text of merges.txt.
struct TokenizerFiles {
  Vocabulary vocabulary;
  std::string vocabulary_place, merges_place;
  std::optional<std::string> merges;
  std::string unknown;  // the token for bytes that the vocabulary lacks; empty = none named
};

// "unk_token" of the small files beside the vocabulary: a text, or an object with the text.
std::string unknown_token(const std::filesystem::path& folder) {
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const auto path = folder / name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    const nlohmann::json object = parse_json(read_file(path), path.string(), kCopyAgain);
    for (const char* key : {"/unk_token", "/unk_token/content"}) {
      const nlohmann::json::json_pointer pointer(key);
      if (object.is_object() && object.contains(pointer) && object[pointer].is_string())
        return object[pointer].get<std::string>();
    }
  }
  return {};
}

// A block of tokenizer.json: {"model": {"type": "BPE", "vocab", "merges"}, "pre_tokenizer", ...}.
// Only what the two tokenizers here do is taken.
TokenizerFiles read_tokenizer_json(const std::filesystem::path& path, int vocab_size) {
  const std::string place = path.string();
  const nlohmann::json object = parse_json(read_file(path), place, kCopyAgain);
  const auto at = [&](const char* key) {
    const nlohmann::json::json_pointer pointer(key);
    return object.is_object() && object.contains(pointer) ? object[pointer] : nlohmann::json();
  };
  const auto refuse = [&](const char* key, const std::string& rule) {
    return Error({.place = place,
                  .key = key + 1,
                  .value = brief_json(at(key)),
                  .rule = rule,
                  .remedy = "use a model with GPT-2's byte-level pairs: its vocab.json and "
                            "merges.txt are model.vocab and model.merges of this file"});
  };
  if (at("/model/type") != "BPE") throw refuse("/model/type", "only \"BPE\" is read");
  for (const char* key :
       {"/normalizer", "/model/dropout", "/model/byte_fallback", "/model/fuse_unk",
        "/model/ignore_merges", "/model/continuing_subword_prefix", "/model/end_of_word_suffix"}) {
    const nlohmann::json value = at(key);
    const bool off = value.is_null() || value == false ||
                     (value.is_string() && value.get_ref<const std::string&>().empty());
    if (!off) throw refuse(key, "is not built");
  }
  const nlohmann::json merges = at("/model/merges"), cutter = at("/pre_tokenizer");
  if (!merges.is_array()) throw refuse("/model/merges", "must be a list");
  const bool characters = cutter.is_null() && merges.empty();
  if (!characters &&
      (at("/pre_tokenizer/type") != "ByteLevel" || at("/pre_tokenizer/add_prefix_space") == true ||
       at("/pre_tokenizer/use_regex") == false))
    throw refuse("/pre_tokenizer", "must be ByteLevel, as GPT-2's, without a blank put ahead");

  TokenizerFiles files;
  files.vocabulary_place = files.merges_place = place;
  nlohmann::json tokens = at("/model/vocab");
  for (const auto& added : at("/added_tokens"))
    if (added.is_object() && added.contains("content") && added["content"].is_string() &&
        added.contains("id") && tokens.is_object() &&
        !tokens.contains(added["content"].get<std::string>()))
      tokens[added["content"].get<std::string>()] = added["id"];
  files.vocabulary = vocabulary_of(tokens, place + ": model.vocab", vocab_size);
  if (at("/model/unk_token").is_string()) files.unknown = at("/model/unk_token");
  if (characters) return files;
  files.merges.emplace();
  files.merges_place = place + ": model.merges";
  for (const auto& merge : merges) {
    const bool pair =
        merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    const std::string line = merge.is_string() ? merge.get<std::string>()
                             : pair
                                 ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
                                 : "";
    if (line.empty() || std::count(line.begin(), line.end(), ' ') != 1 ||
        line.find_first_of("\r\n") != std::string::npos)
      throw Error({.place = files.merges_place,
                   .value = brief_json(merge),
                   .rule = "a merge is two tokens with a blank between",
                   .remedy = kCopyAgain});
    *files.merges += line + "\n";
  }
  return files;
}

TokenizerFiles read_tokenizer_files(const std::filesystem::path& folder, int vocab_size) {
  std::error_code ignored;
  const auto exists = [&](const char* name) {
    return std::filesystem::exists(folder / name, ignored);
  };
  const auto first_of = [&](const char* name, const char* older) {
    return folder / (exists(name) || !exists(older) ? name : older);
  };
  const auto vocabulary_path = first_of("vocab.json", "encoder.json");
  if (!std::filesystem::exists(vocabulary_path, ignored)) {
    if (exists("tokenizer.json")) return read_tokenizer_json(folder / "tokenizer.json", vocab_size);
    std::string other;
    for (const char* name : {"tokenizer.model", "spiece.model", "vocab.txt"})
      if (exists(name)) other = name;
    throw Error({.place = vocabulary_path.string(),
                 .rule = other.empty()
                             ? "is missing"
                             : fmt::format("is missing; the folder has {}, a tokenizer of "
                                           "another kind than GPT-2's",
                                           other),
                 .remedy = "copy vocab.json and merges.txt, or tokenizer.json, into the folder"});
  }
  TokenizerFiles files;
  files.vocabulary_place = vocabulary_path.string();
  files.vocabulary =
      vocabulary_of(parse_json(read_file(vocabulary_path), files.vocabulary_place, kCopyAgain),
                    files.vocabulary_place, vocab_size);
  const auto merges_path = first_of("merges.txt", "vocab.bpe");
  files.merges_place = merges_path.string();
  if (std::filesystem::exists(merges_path, ignored)) files.merges = read_file(merges_path);
  files.unknown = unknown_token(folder);
  return files;
}

// The token that a vocabulary has for what it does not know; -1 where it has none.
int unknown_id(const TokenizerFiles& files) {
  for (const std::string& name : {files.unknown, std::string("<unk>"), std::string("[UNK]"),
                                  std::string("<UNK>"), std::string("<|unk|>")}) {
    const auto found = files.vocabulary.find(name);
    if (!name.empty() && found != files.vocabulary.end()) return found->second;
  }
  return -1;
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int vocab_size) {
  const TokenizerFiles files = read_tokenizer_files(folder, vocab_size);
  if (files.merges)
    return make_byte_pairs(files.vocabulary, files.vocabulary_place, *files.merges,
                           files.merges_place, unknown_id(files));
  return std::make_unique<Characters>(files.vocabulary, files.vocabulary_place);
}

std::string join_wikitext(std::string_view raw) {
  std::string joined;
  bool first = true;
  while (!raw.empty()) {
    const std::size_t feed = raw.find('\n');
    std::string_view line = raw.substr(0, feed);
    if (line.ends_with('\r')) line.remove_suffix(1);
    raw.remove_prefix(feed == std::string_view::npos ? raw.size() : feed + 1);
    if (!first) joined += "\n\n";
    first = false;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) (joined += line) += '\n';
  }
  return joined;
}

}  // namespace gaincell::model
