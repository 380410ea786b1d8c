#include "model/tokenizer.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/utf8.h"
#include "model/byte_pairs.h"
#include "temporary_folder.h"

namespace gaincell::model {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kData = GAINCELL_SOURCE_DIR "/../shared/data";

struct TokenizerFolder : ::testing::Test {
  TemporaryFolder folder;

  void vocabulary(const nlohmann::json& object) {
    write_file(folder.path() / "vocab.json", object.dump());
  }
  std::string complaint(Tokenizer& tokenizer, std::string_view text) {
    try {
      tokenizer.encode(text, "play.txt");
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
  std::string reading_complaint(int vocab_size) {
    try {
      read_tokenizer(folder.path(), vocab_size);
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
};

TEST_F(TokenizerFolder, WithoutMergesTakesOneTokenACharacter) {
  vocabulary({{"a", 2}, {"\n", 0}, {"é", 1}, {"\"", 3}});
  const auto tokenizer = read_tokenizer(folder.path(), 4);
  const std::string text = "aé\n\"a";
  EXPECT_THAT(tokenizer->encode(text, "t"), ElementsAre(2, 1, 0, 3, 2));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, "t")), text);
}

TEST_F(TokenizerFolder, NamesTheForeignCharacterAndItsPlace) {
  vocabulary({{"a", 0}, {"\n", 1}, {"é", 2}});
  const auto tokenizer = read_tokenizer(folder.path(), 3);
  EXPECT_THAT(complaint(*tokenizer, "aa\néaßa"),
              AllOf(HasSubstr("play.txt:2:3"), HasSubstr("'ß' (U+00DF)"), HasSubstr("3 characters"),
                    HasSubstr("vocab.json"), HasSubstr("; replace it")));
  EXPECT_THAT(complaint(*tokenizer, "a\ta"),
              AllOf(HasSubstr("play.txt:1:2"), HasSubstr("= U+0009")));
  EXPECT_THAT(complaint(*tokenizer, "a\xE9"), AllOf(HasSubstr("0xE9"), HasSubstr("not UTF-8")));
}

TEST_F(TokenizerFolder, RefusesADamagedVocabulary) {
  EXPECT_THAT(reading_complaint(3), HasSubstr("vocab.json"));
  vocabulary({{"a", 0}, {"b", 3}});
  EXPECT_THAT(reading_complaint(3), HasSubstr("b = 3: ids lie in 0 .. vocab_size - 1 = 2"));
  vocabulary({{"a", 0}, {"b", 0}});
  EXPECT_THAT(reading_complaint(3), HasSubstr("another token has this id"));
  vocabulary({{"a", 0}, {"bc", 1}});
  EXPECT_THAT(reading_complaint(3), HasSubstr("every token must be one character"));
  write_file(folder.path() / "vocab.json", "[]");
  EXPECT_THAT(reading_complaint(3), HasSubstr("maps tokens to ids"));
}

TEST(Utf8, AcceptsExactlyTheWellFormed) {
  EXPECT_EQ(utf8_length("a"), 1);
  EXPECT_EQ(utf8_length("é"), 2);
  EXPECT_EQ(utf8_length("€"), 3);
  EXPECT_EQ(utf8_length("😀"), 4);
  EXPECT_EQ(code_point("😀"), 0x1F600u);
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xC3", "\xC3(", "\xFF"}) {
    EXPECT_EQ(utf8_length(bad), 0) << bad;
  }
}

// All 256 byte tokens, and then one token per merge.
struct Pairs {
  Vocabulary vocabulary;
  std::string merges = "#version: 0.2\n";

  Pairs() {
    std::uint32_t next = 0x100;
    for (std::uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const std::uint32_t code = printable ? b : next++;
      std::string character;
      if (code < 0x80) {
        character = std::string(1, static_cast<char>(code));
      } else {
        character = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
      }
      vocabulary.emplace(character, static_cast<int>(b));
    }
  }
  void add(const std::string& left, const std::string& right) {
    merges += left + " " + right + "\n";
    vocabulary.emplace(left + right, static_cast<int>(vocabulary.size()));
  }
  std::unique_ptr<Tokenizer> make() const {
    return make_byte_pairs(vocabulary, "vocab.json", merges, "merges.txt");
  }
};

TEST(BytePairs, MergesTheBestRankFirst) {
  Pairs pairs;
  pairs.add("b", "c");   // 256
  pairs.add("a", "b");   // 257
  pairs.add("a", "bc");  // 258
  const auto tokenizer = pairs.make();
  EXPECT_THAT(tokenizer->encode("abc", "t"), ElementsAre(258));
  EXPECT_THAT(tokenizer->encode("ab", "t"), ElementsAre(257));
  EXPECT_THAT(tokenizer->encode("abbc", "t"), ElementsAre(257, 256));
}

TEST(BytePairs, PairsEqualSymbolsFromTheLeft) {
  Pairs pairs;
  pairs.add("a", "a");    // 256
  pairs.add("aa", "aa");  // 257
  const auto tokenizer = pairs.make();
  EXPECT_THAT(tokenizer->encode("aaa", "t"), ElementsAre(256, 'a'));
  EXPECT_THAT(tokenizer->encode("aaaaaaa", "t"), ElementsAre(257, 256, 'a'));
}

// The published procedure, quadratic and obvious.
std::vector<std::string> merge_by_scanning(
    std::vector<std::string> word,
    const std::map<std::pair<std::string, std::string>, int>& ranks) {
  while (word.size() > 1) {
    int best = -1;
    std::pair<std::string, std::string> best_pair;
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
      const auto found = ranks.find({word[i], word[i + 1]});
      if (found != ranks.end() && (best < 0 || found->second < best)) {
        best = found->second;
        best_pair = found->first;
      }
    }
    if (best < 0) break;
    std::vector<std::string> merged;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (i + 1 < word.size() && word[i] == best_pair.first && word[i + 1] == best_pair.second) {
        merged.push_back(word[i] + word[i + 1]);
        ++i;
      } else {
        merged.push_back(word[i]);
      }
    }
    word = merged;
  }
  return word;
}

TEST(BytePairs, AgreeWithThePublishedProcedureOnRandomMerges) {
  Random random(3);
  for (int trial = 0; trial < 200; ++trial) {
    Pairs pairs;
    std::map<std::pair<std::string, std::string>, int> ranks;
    std::vector<std::string> tokens = {"a", "b", "c"};
    for (int i = 0; i < 12; ++i) {
      // The same text may come from two pairs, and ranks are in any order: harsher than real
      // merges.
      const std::string left = tokens[random.below(tokens.size())],
                        right = tokens[random.below(tokens.size())];
      if (!ranks.emplace(std::pair(left, right), static_cast<int>(ranks.size())).second) continue;
      pairs.add(left, right);
      tokens.push_back(left + right);
    }
    const auto tokenizer = pairs.make();
    for (int word = 0; word < 20; ++word) {
      std::string text;
      std::vector<std::string> letters;
      for (std::uint64_t i = 0, n = 1 + random.below(30); i < n; ++i) {
        letters.emplace_back(1, static_cast<char>('a' + random.below(3)));
        text += letters.back();
      }
      std::vector<int> expected;
      for (const auto& token : merge_by_scanning(letters, ranks))
        expected.push_back(pairs.vocabulary.at(token));
      ASSERT_EQ(tokenizer->encode(text, "t"), expected) << text;
    }
  }
}

TEST(BytePairs, TakeALongWordInNearLinearTime) {
  Pairs pairs;
  std::string token = "a";
  for (int i = 0; i < 8; ++i) pairs.add(token, token), token += token;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(pairs.make()->encode(std::string(1 << 20, 'a'), "t").size(), (1u << 20) / 256);
  // A quadratic merge would take hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(BytePairs, RefuseMergesOfAnotherVocabulary) {
  Pairs pairs;
  pairs.merges += "a b\n";
  try {
    pairs.make();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("merges.txt:2"), HasSubstr("a b")));
  }
  EXPECT_THROW(make_byte_pairs({{"the", 0}, {"##re", 1}}, "vocab.json", "", "merges.txt"), Error);
}

// Small published vocabularies have only the bytes of what they were trained on.
TEST(BytePairs, NeedOnlyTheBytesOfTheText) {
  Pairs pairs;
  pairs.add("a", "b");  // 256
  pairs.vocabulary.erase("c");
  const auto tokenizer = pairs.make();
  EXPECT_THAT(tokenizer->encode("abba", "t"), ElementsAre(256, 'b', 'a'));
  try {
    tokenizer->encode("ab\nabcab", "play.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("play.txt:2:3: byte = 0x63"), HasSubstr("255 bytes"),
                                    HasSubstr("no unknown token")));
  }
  pairs.vocabulary.emplace("<unk>", 300);
  const auto knowing =
      make_byte_pairs(pairs.vocabulary, "vocab.json", pairs.merges, "merges.txt", {.unknown = 300});
  EXPECT_THAT(knowing->encode("abcab abcab", "t"), ElementsAre(256, 300, 256, ' ', 256, 300, 256));
  EXPECT_EQ(knowing->unknown_bytes(), 2u);
}

TEST_F(TokenizerFolder, IsReadOfTokenizerJsonAlone) {
  const nlohmann::json characters = {
      {"model",
       {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}}}, {"merges", nlohmann::json::array()}}},
      {"pre_tokenizer", nullptr}};
  const auto as = [&](const nlohmann::json& object) {
    write_file(folder.path() / "tokenizer.json", object.dump());
    return read_tokenizer(folder.path(), 5);
  };
  EXPECT_THAT(as(characters)->encode("ab", "t"), ElementsAre(0, 1));

  nlohmann::json pairs = characters;
  pairs["model"]["vocab"]["ab"] = 2;
  pairs["model"]["merges"] = {"a b"};
  pairs["model"]["unk_token"] = "?!";
  pairs["added_tokens"] = {{{"id", 4}, {"content", "?!"}}};
  pairs["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  EXPECT_THAT(as(pairs)->encode("aab", "t"), ElementsAre(0, 2));
  EXPECT_THAT(as(pairs)->encode("axb", "t"), ElementsAre(0, 4, 1));
  pairs["model"]["merges"] = nlohmann::json::array({nlohmann::json::array({"a", "b"})});
  EXPECT_THAT(as(pairs)->encode("aab", "t"), ElementsAre(0, 2));

  const auto refusal = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json object = pairs;
    object[nlohmann::json::json_pointer(pointer)] = value;
    try {
      as(object);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal("/model/type", "Unigram"), HasSubstr("model/type = \"Unigram\": only"));
  EXPECT_THAT(refusal("/normalizer", {{"type", "NFC"}}), HasSubstr("normalizer"));
  EXPECT_THAT(refusal("/model/byte_fallback", true), HasSubstr("byte_fallback = true"));
  EXPECT_THAT(refusal("/pre_tokenizer/type", "Metaspace"), HasSubstr("ByteLevel"));
  EXPECT_THAT(refusal("/pre_tokenizer/add_prefix_space", true), HasSubstr("ByteLevel"));
  EXPECT_THAT(refusal("/pre_tokenizer", nullptr), HasSubstr("ByteLevel"));
  EXPECT_THAT(refusal("/pre_tokenizer", "ByteLevel"), HasSubstr("must be ByteLevel without"));
  EXPECT_THAT(refusal("/pre_tokenizer/add_prefix_space", 3),
              HasSubstr("must be ByteLevel without"));
  EXPECT_EQ(refusal("/pre_tokenizer/use_regex", nullptr), "accepted");
  EXPECT_EQ(refusal("/post_processor", {{"type", 3}}), "accepted");
  EXPECT_THAT(refusal("/model/merges", {"a"}), HasSubstr("two tokens"));
  EXPECT_THAT(refusal("/model/merges", {"a q"}), HasSubstr("joins two tokens of the vocabulary"));
  EXPECT_THAT(refusal("/model/vocab/ab", 0), HasSubstr("another token has this id"));
  EXPECT_THAT(refusal("/model/vocab", 3), HasSubstr("maps tokens to ids"));
  EXPECT_THAT(refusal("/model", nullptr), HasSubstr("model/type"));
}

TEST_F(TokenizerFolder, SaysWhatIsThereWhereNoVocabularyIs) {
  write_file(folder.path() / "tokenizer.model", "x");
  EXPECT_THAT(reading_complaint(3), AllOf(HasSubstr("vocab.json: is missing; the folder has "
                                                    "tokenizer.model"),
                                          HasSubstr("or tokenizer.json")));
}

// LLaMA 2's form: blanks as U+2581, one ahead; characters that are missing as their bytes.
TEST_F(TokenizerFolder, ReadsSentencePiecesOfTokenizerJson) {
  nlohmann::json file = {
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "▁"}},
          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}}}},
      {"added_tokens", {{{"id", 1}, {"content", "<s>"}}, {{"id", 12}, {"content", "<|user|>"}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"vocab",
         {{"<unk>", 0},
          {"<s>", 1},
          {"▁", 2},
          {"a", 3},
          {"b", 4},
          {"ab", 5},
          {"▁ab", 6},
          {"<0xC3>", 7},
          {"<0xA9>", 8},
          {"b▁", 9},
          {"b▁a", 10}}},
        {"merges", {"a b", "▁ ab", "b ▁"}}}}};
  write_file(folder.path() / "tokenizer.json", file.dump());
  const auto tokenizer = read_tokenizer(folder.path(), 13);
  EXPECT_EQ(tokenizer->kind(), "sentence pieces");
  EXPECT_THAT(tokenizer->encode("ab b aé", "t"), ElementsAre(1, 6, 2, 9, 3, 7, 8));
  EXPECT_EQ(tokenizer->decode(std::vector{1, 6, 2, 9, 3, 7, 8, 12}), "<s> ab b aé<|user|>");
  // Neighbours that are unknown are one token.
  EXPECT_THAT(tokenizer->encode("äöa", "t"), ElementsAre(1, 2, 0, 3));
  // A special token is so many characters, until it is asked for.
  EXPECT_THAT(tokenizer->encode("ab<|user|>ab", "t"), ElementsAre(1, 6, 0, 5));
  tokenizer->take_special_tokens();
  EXPECT_THAT(tokenizer->encode("ab<|user|>ab", "t"), ElementsAre(1, 6, 12, 6));
  EXPECT_THAT(tokenizer->encode("<s>ab", "t"), ElementsAre(1, 6));

  // The newer form of the same: blanks are cut at, and one is put ahead of the text alone.
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}};
  write_file(folder.path() / "tokenizer.json", file.dump());
  const auto newer = read_tokenizer(folder.path(), 13);
  EXPECT_THAT(newer->encode("ab b a", "t"), ElementsAre(1, 6, 2, 4, 2, 3));
  newer->take_special_tokens();
  EXPECT_THAT(newer->encode("ab<|user|>ab", "t"), ElementsAre(1, 6, 12, 5));

  for (const char* key : {"type", "replacement", "prepend_scheme", "add_prefix_space", "split"}) {
    nlohmann::json odd = file;
    odd["pre_tokenizer"][key] = 3;
    write_file(folder.path() / "tokenizer.json", odd.dump());
    EXPECT_THAT(reading_complaint(13), HasSubstr("pre_tokenizer")) << key;
  }

  file["normalizer"] = {{"type", "NFKC"}};
  write_file(folder.path() / "tokenizer.json", file.dump());
  EXPECT_THAT(reading_complaint(13), HasSubstr("normalizer"));
}

TEST_F(TokenizerFolder, CutsWordsByThePatternOfTokenizerJson) {
  nlohmann::json file = {
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"},
           {"pattern", {{"Regex", "a+|b"}}},
           {"behavior", "Isolated"},
           {"invert", false}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}}},
      {"model",
       {{"type", "BPE"},
        {"ignore_merges", true},
        {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"aa", 4}, {"aaa", 5}}},
        {"merges", {"a b", "a a"}}}}};
  write_file(folder.path() / "tokenizer.json", file.dump());
  const auto tokenizer = read_tokenizer(folder.path(), 6);
  // "aaa" is a word and a token, though no merge makes it; nothing merges across "a" and "b".
  EXPECT_THAT(tokenizer->encode("aaabcaa", "t"), ElementsAre(5, 1, 2, 4));
  file["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed";
  write_file(folder.path() / "tokenizer.json", file.dump());
  EXPECT_THAT(reading_complaint(6), HasSubstr("pre_tokenizer"));
}

TEST_F(TokenizerFolder, KnowsAddedAndSpecialTokensOfTheSmallFiles) {
  vocabulary({{"a", 0}, {"b", 1}, {"<|endoftext|>", 2}});
  write_file(folder.path() / "merges.txt", "");
  write_file(folder.path() / "added_tokens.json", R"({"[NEW]": 3})");
  write_file(folder.path() / "tokenizer_config.json",
             R"({"added_tokens_decoder": {"4": {"content": "[MORE]"}}, "add_bos_token": true,
                 "bos_token": "<|endoftext|>"})");
  const auto tokenizer = read_tokenizer(folder.path(), 5);
  EXPECT_EQ(tokenizer->decode(std::vector{2, 0, 3, 4}), "<|endoftext|>a[NEW][MORE]");
  EXPECT_THAT(tokenizer->encode("ab", "t"), ElementsAre(2, 0, 1));
  tokenizer->take_special_tokens();
  EXPECT_THAT(tokenizer->encode("a[NEW][MORE]b<|endoftext|>", "t"), ElementsAre(2, 0, 3, 4, 1, 2));
  write_file(folder.path() / "added_tokens.json", R"({"[NEW]": 5})");
  EXPECT_THAT(reading_complaint(5), AllOf(HasSubstr("added_tokens.json"), HasSubstr("0 .. ")));
}

TEST(Wikitext, IsJoinedAsIsCustomary) {
  const std::string joined = "\n\n = A = \n\n\n\n\nb\n";
  EXPECT_EQ(join_wikitext(" \n = A = \n \nb"), joined);
  EXPECT_EQ(join_wikitext(" \r\n = A = \r\n \r\nb"), joined);
  EXPECT_EQ(join_wikitext(" \r\n = A = \r\n \r\nb\r\n"), joined);
}

struct Gpt2Vocabulary : ::testing::Test {
  std::unique_ptr<Tokenizer> tokenizer;

  void SetUp() override {
    if (!std::filesystem::exists(kData / "tokenizer/vocab.bpe"))
      GTEST_SKIP() << "../shared/data is absent: GPT-2's vocabulary is not part of the project";
    tokenizer = read_tokenizer(kData / "tokenizer", 50257);
  }
};

TEST_F(Gpt2Vocabulary, EncodesWikitext2AsPublished) {
  const std::string text = join_wikitext(read_file(kData / "text/wikitext2/wiki.test.raw"));
  const std::string bytes = read_file(kData / "text/wikitext2/wikitext2_test_gpt2.u16.bin");
  std::vector<int> expected(bytes.size() / 2);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::uint16_t id;
    std::memcpy(&id, bytes.data() + 2 * i, 2);
    expected[i] = id;
  }
  const std::vector<int> ids = tokenizer->encode(text, "wiki.test.raw");
  ASSERT_EQ(ids.size(), 287644u);
  EXPECT_TRUE(ids == expected);
  EXPECT_TRUE(tokenizer->decode(ids) == text);
}

TEST_F(Gpt2Vocabulary, DecodesToTheTextThatWasEncoded) {
  for (const std::string text :
       {"", " ", "  \n\t x", "don't WE'LL I'd've", "naïve café №5 — 東京 😀👍🏽 ",
        "a\u00a0b\u2003c\u0085d\u200be", "x\r\n\r\n  y   z", "1234 ½ ٣٤", "\x01\x02\x7f"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, "t")), text);
  }
  EXPECT_THAT(tokenizer->encode("Hello world", "t"), ElementsAre(15496, 995));
  EXPECT_THAT(tokenizer->encode("<|endoftext|>", "t"), ::testing::SizeIs(::testing::Gt(1u)));
  EXPECT_EQ(tokenizer->decode(std::vector<int>{50256}), "<|endoftext|>");
}

}  // namespace
}  // namespace gaincell::model
