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
#include "model/sentence_pieces.h"
#include "model/special_tokens.h"

namespace gaincell::model {
namespace {

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

  std::string decode(std::span<const int> ids) const override { return decoded(texts_, ids); }

  std::string kind() const override { return "characters"; }

 private:
  std::string place_;
  std::unordered_map<std::uint32_t, int> ids_;
  std::unordered_map<int, std::string> texts_;
};

constexpr const char* kBlank = "\xE2\x96\x81";  // U+2581

// What a file may say in any type: a word that is no text is none of those that are known, a flag
// that is none is neither.
std::string word_of(const nlohmann::json& object, const char* key) {
  const bool has = object.is_object() && object.contains(key) && object[key].is_string();
  return has ? object[key].get<std::string>() : "";
}
std::optional<bool> flag_of(const nlohmann::json& object, const char* key, bool otherwise) {
  if (!object.is_object() || !object.contains(key) || object[key].is_null()) return otherwise;
  if (!object[key].is_boolean()) return std::nullopt;
  return object[key].get<bool>();
}
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
  Vocabulary vocabulary, special;
  std::string vocabulary_place, merges_place;
  std::optional<std::string> merges;
  std::string unknown;  // the token for bytes that the vocabulary lacks; empty = none named
  std::optional<SentencePieceRules> pieces;
  BytePairRules pairs;
  std::optional<int> beginning;  // none: not said
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

// tokenizer.json: {"normalizer", "pre_tokenizer", "model": {"type": "BPE", "vocab", "merges"},
// "post_processor", "added_tokens"}. Only what the tokenizers here do is taken.
class TokenizerJson {
 public:
  explicit TokenizerJson(const std::filesystem::path& path)
      : place_(path.string()), object_(parse_json(read_file(path), place_, kCopyAgain)) {}

  TokenizerFiles read(int vocab_size) const {
    if (at("/model/type") != "BPE") throw refuse("/model/type", "only \"BPE\" is read");
    for (const char* key : {"/model/dropout", "/model/continuing_subword_prefix",
                            "/model/end_of_word_suffix", "/truncation", "/padding"})
      if (!is_off(at(key))) throw refuse(key, "is not built");
    if (!at("/model/merges").is_array()) throw refuse("/model/merges", "must be a list");

    TokenizerFiles files;
    files.vocabulary_place = files.merges_place = place_;
    nlohmann::json tokens = at("/model/vocab");
    for (const auto& added : at("/added_tokens")) {
      if (!added.is_object() || !added.contains("content") || !added["content"].is_string() ||
          !added.contains("id") || !tokens.is_object())
        continue;
      const std::string content = added["content"];
      if (!tokens.contains(content)) tokens[content] = added["id"];
      files.special[content] = 0;  // its id is the vocabulary's
    }
    files.vocabulary = vocabulary_of(tokens, place_ + ": model.vocab", vocab_size);
    for (auto& [content, id] : files.special) id = files.vocabulary.at(content);
    if (at("/model/unk_token").is_string()) files.unknown = at("/model/unk_token");
    files.beginning = beginning(files.vocabulary);
    read_kind(files);
    return files;
  }

 private:
  nlohmann::json at(const std::string& key) const {
    const nlohmann::json::json_pointer pointer(key);
    return object_.is_object() && object_.contains(pointer) ? object_[pointer] : nlohmann::json();
  }
  Error refuse(const std::string& key, const std::string& rule) const {
    return Error({.place = place_,
                  .key = key.substr(1),
                  .value = brief_json(at(key)),
                  .rule = rule,
                  .remedy = "use a model with byte pairs as GPT-2's or LLaMA's are"});
  }
  static bool is_off(const nlohmann::json& value) {
    return value.is_null() || value == false ||
           (value.is_string() && value.get_ref<const std::string&>().empty());
  }

  void read_kind(TokenizerFiles& files) const {
    const nlohmann::json cutter = at("/pre_tokenizer");
    const bool byte_level =
        !cutter.is_null() && cutter.dump().find("ByteLevel") != std::string::npos;
    const bool pieces = !byte_level && (!at("/normalizer").is_null() || !cutter.is_null() ||
                                        !is_off(at("/model/byte_fallback")));
    if (pieces) {
      files.pieces = read_pieces();
    } else {
      for (const char* key : {"/normalizer", "/model/byte_fallback", "/model/fuse_unk"})
        if (!is_off(at(key))) throw refuse(key, "is not built for byte-level pairs");
      files.pairs.whole_words = !is_off(at("/model/ignore_merges"));
      if (byte_level) files.pairs.words = word_pattern(cutter);
      if (cutter.is_null() && !at("/model/merges").empty())
        throw refuse("/pre_tokenizer", "must be ByteLevel, as GPT-2's");
    }
    if (byte_level || !at("/model/merges").empty()) read_merges(files);
  }

  // GPT-2's is the empty one.
  std::string word_pattern(const nlohmann::json& cutter) const {
    const auto is_plain = [&](const nlohmann::json& level, bool words) {
      return word_of(level, "type") == "ByteLevel" &&
             flag_of(level, "add_prefix_space", true) == false &&
             flag_of(level, "use_regex", true) == words;
    };
    const bool list = word_of(cutter, "type") == "Sequence" && cutter.contains("pretokenizers") &&
                      cutter["pretokenizers"].is_array();
    if (!list && is_plain(cutter, true)) return {};
    if (list && cutter["pretokenizers"].size() == 2) {
      const nlohmann::json &split = cutter["pretokenizers"][0], &level = cutter["pretokenizers"][1];
      const nlohmann::json::json_pointer regex("/pattern/Regex");
      if (word_of(split, "type") == "Split" && split.contains(regex) && split[regex].is_string() &&
          word_of(split, "behavior") == "Isolated" && flag_of(split, "invert", false) == false &&
          is_plain(level, false))
        return split[regex];
    }
    throw refuse("/pre_tokenizer",
                 "must be ByteLevel without a blank put ahead, alone or after one Split by a "
                 "pattern, isolated");
  }

  SentencePieceRules read_pieces() const {
    using Blank = SentencePieceRules::Blank;
    SentencePieceRules rules{.blank = Blank::kNowhere};
    if (!is_off(at("/model/ignore_merges"))) throw refuse("/model/ignore_merges", "is not built");
    rules.fuse_unknown = !is_off(at("/model/fuse_unk"));
    const nlohmann::json cutter = at("/pre_tokenizer"), normalizer = at("/normalizer");
    bool blanks = false;
    const auto normalise = [&](const nlohmann::json& step) {
      const std::string type = word_of(step, "type");
      const nlohmann::json::json_pointer pattern("/pattern/String");
      if (type == "Prepend" && word_of(step, "prepend") == kBlank && !blanks) {
        rules.blank = Blank::kEachPart;
      } else if (type == "Replace" && step.contains(pattern) && step[pattern] == " " &&
                 word_of(step, "content") == kBlank) {
        blanks = true;
      } else {
        throw refuse("/normalizer", "may put U+2581 ahead and in the place of blanks, no more");
      }
    };
    if (normalizer.is_object() && word_of(normalizer, "type") == "Sequence") {
      for (const auto& step : at("/normalizer/normalizers")) normalise(step);
    } else if (!normalizer.is_null()) {
      normalise(normalizer);
    }
    if (!cutter.is_null()) {
      if (word_of(cutter, "type") != "Metaspace" || word_of(cutter, "replacement") != kBlank)
        throw refuse("/pre_tokenizer", "must be ByteLevel, or Metaspace with U+2581");
      const std::optional<bool> ahead = flag_of(cutter, "add_prefix_space", true);
      const std::optional<bool> cut = flag_of(cutter, "split", true);
      if (!ahead || !cut) throw refuse("/pre_tokenizer", "its switches must be true or false");
      const bool named = cutter.contains("prepend_scheme") && !cutter["prepend_scheme"].is_null();
      const std::string scheme = named    ? word_of(cutter, "prepend_scheme")
                                 : *ahead ? "always"
                                          : "never";
      if (scheme == "always") {
        rules.blank = Blank::kEachPart;
      } else if (scheme == "first") {
        rules.blank = Blank::kFirstPart;
      } else if (scheme != "never") {
        throw refuse("/pre_tokenizer/prepend_scheme", "must be always, first or never");
      }
      rules.cut_at_blanks = *cut;
      rules.spare_blank = true;
      blanks = true;
    }
    if (!blanks) throw refuse("/normalizer", "must write blanks as U+2581");
    return rules;
  }

  void read_merges(TokenizerFiles& files) const {
    files.merges.emplace();
    files.merges_place = place_ + ": model.merges";
    for (const auto& merge : at("/model/merges")) {
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
  }

  // What a TemplateProcessing puts ahead of a single text.
  int beginning(const Vocabulary& vocabulary) const {
    const nlohmann::json processor = at("/post_processor");
    if (!processor.is_object()) return -1;
    nlohmann::json steps = nlohmann::json::array({processor});
    if (word_of(processor, "type") == "Sequence" && processor.contains("processors"))
      steps = processor["processors"];
    const nlohmann::json::json_pointer first("/single/0/SpecialToken/id");
    for (const auto& step : steps) {
      if (!step.is_object() || word_of(step, "type") != "TemplateProcessing") continue;
      if (!step.contains(first) || !step[first].is_string()) return -1;
      const auto found = vocabulary.find(step[first].get<std::string>());
      if (found != vocabulary.end()) return found->second;
    }
    return -1;
  }

  std::string place_;
  nlohmann::json object_;
};

bool is_marked(std::string_view token, std::string_view open, std::string_view close) {
  return token.size() > open.size() + close.size() && token.starts_with(open) &&
         token.ends_with(close) && !token.starts_with("<0x");
}

// The text of a token that a small file names: a text, or an object with the text.
std::string content_of(const nlohmann::json& value) {
  if (value.is_string()) return value;
  if (value.is_object() && value.contains("content") && value["content"].is_string())
    return value["content"];
  return {};
}

// Special and added tokens by the small files beside the vocabulary, and the beginning.
void read_small_files(const std::filesystem::path& folder, int vocab_size, int beginning,
                      TokenizerFiles& files) {
  const auto object_in = [&](const char* name) {
    const auto path = folder / name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return nlohmann::json::object();
    nlohmann::json object = parse_json(read_file(path), path.string(), kCopyAgain);
    return object.is_object() ? object : nlohmann::json::object();
  };
  const auto add = [&](const std::string& content, const nlohmann::json& id, const char* file) {
    const bool in_range =
        id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(vocab_size);
    const auto known = files.vocabulary.find(content);
    if (content.empty() || !in_range ||
        (known != files.vocabulary.end() && known->second != id.get<int>()))
      throw Error({.place = (folder / file).string(),
                   .key = content,
                   .value = brief_json(id),
                   .rule = in_range
                               ? "the vocabulary gives it another id"
                               : fmt::format("ids lie in 0 .. vocab_size - 1 = {}", vocab_size - 1),
                   .remedy = "use the files that belong to config.json"});
    files.special[content] = id.get<int>();
  };
  const nlohmann::json added = object_in("added_tokens.json");
  for (const auto& [content, id] : added.items()) add(content, id, "added_tokens.json");
  const nlohmann::json config = object_in("tokenizer_config.json");
  const nlohmann::json decoder = config.value("added_tokens_decoder", nlohmann::json::object());
  for (const auto& [id, token] : decoder.items())
    add(content_of(token), nlohmann::json::parse(id, nullptr, false), "tokenizer_config.json");
  for (const nlohmann::json& object : {config, object_in("special_tokens_map.json")})
    for (const auto& [name, token] : object.items()) {
      const auto known = files.vocabulary.find(content_of(token));
      if (name.ends_with("_token") && known != files.vocabulary.end())
        files.special[known->first] = known->second;
    }
  for (const auto& [token, id] : files.vocabulary)
    if (is_marked(token, "<|", "|>") || (files.pieces && is_marked(token, "<", ">")))
      files.special[token] = id;
  if (config.contains("add_bos_token") && config["add_bos_token"].is_boolean()) {
    const auto named = files.special.find(content_of(config.value("bos_token", nlohmann::json())));
    const int known = named != files.special.end() ? named->second : beginning;
    files.beginning = config["add_bos_token"].get<bool>() ? known : -1;
  }
  if (!files.beginning) files.beginning = beginning;
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
    if (exists("tokenizer.json")) return TokenizerJson(folder / "tokenizer.json").read(vocab_size);
    std::string other;
    for (const char* name : {"tokenizer.model", "spiece.model", "vocab.txt"})
      if (exists(name)) other = name;
    throw Error(
        {.place = vocabulary_path.string(),
         .rule = other.empty()
                     ? "is missing"
                     : fmt::format("is missing; the folder has {}, which is not read", other),
         .remedy = "copy vocab.json and merges.txt, or tokenizer.json, into the folder; "
                   "save_pretrained() of a fast tokenizer of transformers writes one"});
  }
  TokenizerFiles files;
  files.vocabulary_place = vocabulary_path.string();
  files.vocabulary =
      vocabulary_of(parse_json(read_file(vocabulary_path), files.vocabulary_place, kCopyAgain),
                    files.vocabulary_place, vocab_size);
  const auto merges_path = first_of("merges.txt", "vocab.bpe");
  files.merges_place = merges_path.string();
  if (std::filesystem::exists(merges_path, ignored)) {
    files.merges = read_file(merges_path);
  } else if (files.vocabulary.contains(kBlank)) {
    files.pieces.emplace();
  }
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

std::string decoded(const std::unordered_map<int, std::string>& texts, std::span<const int> ids) {
  constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  std::string text;
  for (const int id : ids) {
    const auto found = texts.find(id);
    text += found == texts.end() ? kReplacement : found->second;
  }
  return text;
}

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int vocab_size,
                                          int beginning) {
  TokenizerFiles files = read_tokenizer_files(folder, vocab_size);
  read_small_files(folder, vocab_size, beginning, files);
  std::unique_ptr<Tokenizer> plain;
  if (files.pieces) {
    files.pieces->unknown = unknown_id(files);
    plain = make_sentence_pieces(files.vocabulary, files.vocabulary_place,
                                 files.merges.value_or(""), files.merges_place, *files.pieces);
  } else if (files.merges) {
    files.pairs.unknown = unknown_id(files);
    plain = make_byte_pairs(files.vocabulary, files.vocabulary_place, *files.merges,
                            files.merges_place, files.pairs);
  } else {
    std::erase_if(files.vocabulary,
                  [&](const auto& entry) { return files.special.contains(entry.first); });
    plain = std::make_unique<Characters>(files.vocabulary, files.vocabulary_place);
  }
  return with_special_tokens(std::move(plain), std::move(files.special), *files.beginning);
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
