// A model folder's files, and the text that it reads. The model is tiny; it is loaded and scores
// some tokens.
#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "model/safetensors.h"
#include "mutate.h"
#include "mutate_json.h"
#include "readers.h"
#include "tests/model/tiny_model.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCharacters = "characters";  // learned positions, softmax
constexpr const char* kLinear = "linear";          // rotary positions, scalers
constexpr const char* kPairs = "pairs";            // byte pairs
constexpr std::array kFolders{kCharacters, kLinear, kPairs};
constexpr const char* kText = "abc abd cafe fade bed dead bad cab\nface\nabcabc deaf\n";

// GPT-2 spells bytes that do not print as characters from U+0100 on.
std::string spelled(unsigned byte, unsigned& next) {
  const bool printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const unsigned code = printable ? byte : next++;
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

void write_model(const fs::path& folder, model::Config config) {
  model::write_tiny_model(folder, config, model::tiny_tensors(config));
}

void write_pairs(const fs::path& folder) {
  nlohmann::ordered_json vocabulary;
  unsigned next = 0x100;
  int id = 0;
  for (unsigned byte = 0; byte < 256; ++byte) vocabulary[spelled(byte, next)] = id++;
  const std::array<std::array<const char*, 2>, 6> merges{{{"a", "b"},
                                                          {"ab", "c"},
                                                          {"d", "e"},
                                                          {"de", "a"},
                                                          {"\xc4\xa0", "b"},
                                                          {"\xc4\xa0"
                                                           "b",
                                                           "e"}}};
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : merges) {
    text += std::string(left) + " " + right + "\n";
    vocabulary[std::string(left) + right] = id++;
  }
  model::Config config = model::tiny_config();
  config.n_layer = 1;
  config.vocab_size = id;
  write_model(folder, config);
  write_file(folder / "vocab.json", vocabulary.dump());
  write_file(folder / "merges.txt", text);
}

void write_models(const fs::path& folder) {
  model::Config config = model::tiny_config();
  config.vocab_size = 8;
  const std::string vocabulary = R"({"a":0,"b":1,"c":2,"d":3,"e":4,"f":5,"\n":6," ":7})";
  write_model(folder / kCharacters, config);
  config.positions = model::Positions::kRotary;
  config.rotary_dims = 8;
  config.attention.kind = model::AttentionKind::kLinear;
  config.tie_word_embeddings = false;
  write_model(folder / kLinear, config);
  for (const char* name : {kCharacters, kLinear})
    write_file(folder / name / "vocab.json", vocabulary);
  write_pairs(folder / kPairs);
  write_file(folder / "text.txt", kText);
}

std::vector<Sample> prepare_files(const fs::path& folder, const char* file) {
  write_models(folder);
  std::vector<Sample> samples;
  for (const char* name : kFolders) {
    const fs::path path = fs::path(name) / file;
    if (fs::exists(folder / path)) samples.push_back({path.string(), read_file(folder / path)});
  }
  return samples;
}

int infer(Case& at, const fs::path& folder) {
  if (at.one_in(6)) {
    // What a model says may be any bytes.
    if (std::freopen("/dev/null", "w", stdout) == nullptr) return 1;
    return run_verb({"generate", "--model", folder.string(), "--prompt", "abc", "--tokens", "4",
                     "--threads", "1"});
  }
  std::vector<std::string> words{"infer",    "--model", folder.string(), "--text", "text.txt",
                                 "--tokens", "12",      "--threads",     "1"};
  if (at.one_in(2)) words.push_back("--json");
  return run_verb(words);
}

// Where the folder's softmax model is read as a whole, its own attention is asked for.
fs::path put_changed(Case& at, std::string (*change)(Case&, const std::string&)) {
  const Sample& chosen = at.any_sample();
  const fs::path input = at.folder / chosen.name;
  put_input(input, change(at, chosen.bytes), at.random);
  return input;
}

std::string changed_json(Case& at, const std::string& bytes) {
  if (at.one_in(6)) return mutate_text(bytes, at.random, text_words(), at.corpus);
  if (at.one_in(40)) return recode(bytes, at.random);
  return mutate_json(bytes, at.random);
}

std::string changed_text(Case& at, const std::string& bytes) {
  if (at.one_in(12)) return recode(bytes, at.random);
  return mutate_text(bytes, at.random, text_words(), at.corpus);
}

class Safetensors {
 public:
  explicit Safetensors(const std::string& bytes) {
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    header_ = bytes.substr(sizeof size, size);
    data_ = bytes.substr(sizeof size + size);
  }

  std::string changed(Random& random) {
    switch (random.below(8)) {
      case 0:
        data_ = mutate_bytes(std::move(data_), random);
        break;
      case 1:
        put_number(random);
        break;
      case 2:
      case 3:
        lay_out(random);
        break;
      case 4:
        data_.resize(data_.size() / 4 * random.below(9));
        break;
      default:
        header_ = mutate_json(header_, random);
    }
    return bytes(random);
  }

 private:
  std::string bytes(Random& random) const {
    std::uint64_t size = header_.size();
    if (random.below(15) == 0) {
      static constexpr std::array<std::uint64_t, 7> kSizes{
          0, 1, 99'999'999, 100'000'001, 4'294'967'296, std::uint64_t{1} << 63, ~std::uint64_t{0}};
      size = kSizes[random.below(kSizes.size())];
    }
    std::string all(sizeof size, '\0');
    std::memcpy(all.data(), &size, sizeof size);
    return all + header_ + data_;
  }

  void put_number(Random& random) {
    const auto value = static_cast<float>(odd_number(random));
    const std::size_t at = random.below(data_.size() / sizeof value) * sizeof value;
    std::memcpy(data_.data() + at, &value, sizeof value);
  }

  // A tensor of another type or shape, and the offsets of all as they then must be.
  void lay_out(Random& random) {
    static const std::map<std::string, std::uint64_t> kTypes{
        {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"I16", 2}, {"F16", 2}, {"BF16", 2},
        {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}, {"F4", 1},  {"C64", 8}};
    auto tree = nlohmann::ordered_json::parse(header_);
    const std::size_t chosen = random.below(tree.size());
    std::uint64_t end = 0;
    std::size_t k = 0;
    for (const auto& item : tree.items()) {
      auto& tensor = item.value();
      if (!tensor.contains("shape")) continue;
      auto& shape = tensor["shape"];
      if (k++ == chosen) {
        if (random.below(2) == 0)
          tensor["dtype"] =
              std::next(kTypes.begin(), static_cast<std::ptrdiff_t>(random.below(kTypes.size())))
                  ->first;
        if (shape.empty() || random.below(4) == 0)
          shape.push_back(random.below(3));
        else if (random.below(2) == 0)
          shape[random.below(shape.size())] = random.below(70);
      }
      std::uint64_t size = kTypes.at(tensor["dtype"].get<std::string>());
      for (const auto& extent : shape) size *= extent.get<std::uint64_t>();
      tensor["data_offsets"] = {end, end + size};
      end += size;
    }
    header_ = tree.dump();
    data_.resize(end, '\1');
  }

  std::string header_, data_;
};

}  // namespace

std::vector<Sample> prepare_safetensors(const fs::path& folder) {
  return prepare_files(folder, "model.safetensors");
}
fs::path mutate_safetensors(Case& at) {
  return put_changed(at, [](Case& c, const std::string& bytes) {
    return c.one_in(10) ? mutate_bytes(bytes, c.random) : Safetensors(bytes).changed(c.random);
  });
}
int run_safetensors(Case& at, const fs::path& input) { return infer(at, input.parent_path()); }

std::vector<Sample> prepare_config(const fs::path& folder) {
  return prepare_files(folder, "config.json");
}
fs::path mutate_config(Case& at) { return put_changed(at, changed_json); }
int run_config(Case& at, const fs::path& input) { return infer(at, input.parent_path()); }

std::vector<Sample> prepare_vocabulary(const fs::path& folder) {
  return prepare_files(folder, "vocab.json");
}
fs::path mutate_vocabulary(Case& at) { return put_changed(at, changed_json); }
int run_vocabulary(Case& at, const fs::path& input) { return infer(at, input.parent_path()); }

std::vector<Sample> prepare_merges(const fs::path& folder) {
  return prepare_files(folder, "merges.txt");
}
fs::path mutate_merges(Case& at) { return put_changed(at, changed_text); }
int run_merges(Case& at, const fs::path& input) { return infer(at, input.parent_path()); }

// The one file that newer checkpoints have in place of the two.
std::vector<Sample> prepare_tokenizer(const fs::path& folder) {
  write_models(folder);
  const auto vocabulary = nlohmann::ordered_json::parse(read_file(folder / kPairs / "vocab.json"));
  nlohmann::ordered_json merges = nlohmann::ordered_json::array();
  for (const char* pair : {"a b", "ab c", "d e", "de a", "\xc4\xa0 b", "\304\240b e"})
    merges.push_back(pair);
  const nlohmann::ordered_json pre{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
  const nlohmann::ordered_json whole{{"version", "1.0"},
                                     {"truncation", nullptr},
                                     {"padding", nullptr},
                                     {"added_tokens", nlohmann::ordered_json::array()},
                                     {"normalizer", nullptr},
                                     {"pre_tokenizer", pre},
                                     {"post_processor", pre},
                                     {"decoder", pre},
                                     {"model",
                                      {{"type", "BPE"},
                                       {"dropout", nullptr},
                                       {"unk_token", nullptr},
                                       {"vocab", vocabulary},
                                       {"merges", merges}}}};
  fs::remove(folder / kPairs / "vocab.json");
  fs::remove(folder / kPairs / "merges.txt");
  const fs::path file = fs::path(kPairs) / "tokenizer.json";
  write_file(folder / file, whole.dump());
  return {{file.string(), whole.dump()}};
}
fs::path mutate_tokenizer(Case& at) { return put_changed(at, changed_json); }
int run_tokenizer(Case& at, const fs::path& input) { return infer(at, input.parent_path()); }

std::vector<Sample> prepare_text(const fs::path& folder) {
  write_models(folder);
  return {{"text.txt", kText},
          {"wiki.txt", " \n = Face = \n \n abc dead @-@ bad fade . \n \n = = Bed = = \n cab\n"}};
}
fs::path mutate_text(Case& at) { return put_changed(at, changed_text); }
int run_text(Case& at, const fs::path& input) {
  // Only byte pairs spell an encyclopedia's marks.
  const bool wiki = input.filename() == "wiki.txt";
  const char* model = wiki ? kPairs : kFolders[at.random.below(kFolders.size())];
  std::vector<std::string> words{"infer",        "--model",   model, "--text",
                                 input.string(), "--threads", "1"};
  if (wiki) words.insert(words.end(), {"--text-format", "wikitext"});
  if (at.one_in(2)) words.insert(words.end(), {"--tokens", "20"});
  return run_verb(words);
}

}  // namespace gaincell::fuzz
