#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "tests/model/temporary_folder.h"
#include "train/text.h"

namespace gaincell::train {
namespace {

using ::testing::HasSubstr;

std::string nursery_rhyme() {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "one two three four five, once I caught a fish alive; " + std::to_string(i % 7) + "\n";
  return text;
}

TrainOptions tiny(const std::filesystem::path& folder, model::AttentionKind kind) {
  TrainOptions o;
  o.text = folder / "text.txt";
  write_file(o.text, nursery_rhyme());
  o.out = folder / "model";
  o.attention = kind;
  o.layers = 1;
  o.heads = 2;
  o.head_dim = 16;
  o.rotary_dims = 8;
  o.context = 64;
  o.batch = 4;
  o.steps = 150;
  o.warmup = 10;
  o.lr = 1e-2;
  o.eval_every = 75;
  return o;
}

std::string error_of(const TrainOptions& options) {
  try {
    train(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class Trainer : public ::testing::TestWithParam<model::AttentionKind> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(Trainer, LearnsARhymeAndWritesAWholeModelFolder) {
  const TrainOptions o = tiny(folder_.path(), GetParam());
  const TrainReport report = train(o);
  EXPECT_LT(report.held_out, 0.35);  // untrained: ln 30 = 3.4
  EXPECT_NEAR(report.held_out, report.held_out_f32, 0.005);
  EXPECT_EQ(report.losses.size(), 2u);

  const model::Config config = model::read_config(o.out / "config.json");
  EXPECT_EQ(config.attention.kind, GetParam());
  EXPECT_EQ(config.positions, model::Positions::kRotary);
  EXPECT_EQ(config.rotary_dims, 8);
  EXPECT_EQ(config.n_positions, 64);
  const model::SafetensorsReader weights(o.out / "model.safetensors");
  EXPECT_EQ(weights.entries().at("transformer.wte.weight").dtype, "F16");
  EXPECT_EQ(weights.has("transformer.h.0.attn.scaler.q.a"),
            GetParam() == model::AttentionKind::kLinear);
  const auto vocabulary = nlohmann::json::parse(read_file(o.out / "vocab.json"));
  EXPECT_EQ(static_cast<int>(vocabulary.size()), config.vocab_size);
  EXPECT_EQ(vocabulary.at("\n"), 0);
  const auto record = nlohmann::json::parse(read_file(o.out / "training.json"));
  EXPECT_EQ(record.at("recipe").at("seed"), 1);
  EXPECT_EQ(record.at("text").at("sha256_of_training_then_held_out_file").get<std::string>().size(),
            64u);
  EXPECT_THAT(read_file(o.out / "README.md"), HasSubstr("nats per character"));
  EXPECT_FALSE(std::filesystem::exists(o.out.string() + ".state"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Trainer,
                         ::testing::Values(model::AttentionKind::kSoftmax,
                                           model::AttentionKind::kLinear),
                         [](const auto& kind) { return model::to_string(kind.param); });

class Repeated : public ::testing::Test {
 protected:
  TrainOptions short_run(const char* out) {
    TrainOptions o = tiny(folder_.path(), model::AttentionKind::kLinear);
    o.out = folder_.path() / out;
    o.steps = 30;
    o.eval_every = 10;
    o.dropout = 0.1;
    return o;
  }
  static std::string weights(const TrainOptions& o) {
    return read_file(o.out / "model.safetensors");
  }
  TemporaryFolder folder_;
};

TEST_F(Repeated, TheSameSeedGivesTheSameBytesAndAnotherSeedDoesNot) {
  TrainOptions a = short_run("a"), b = short_run("b"), c = short_run("c");
  c.seed = 2;
  train(a);
  train(b);
  train(c);
  EXPECT_EQ(weights(a), weights(b));
  EXPECT_NE(weights(a), weights(c));
}

// Runs the program until its first state is on disk, kills it, and goes on.
TEST_F(Repeated, AKilledRunResumesToTheBytesOfAnUninterruptedOne) {
  const auto command = [&](const std::filesystem::path& out) {
    return std::vector<std::string>{std::string(GAINCELL_BINARY_DIR) + "/bin/gaincell-train",
                                    "--text",
                                    (folder_.path() / "text.txt").string(),
                                    "--attention",
                                    "linear",
                                    "--out",
                                    out.string(),
                                    "--layers",
                                    "1",
                                    "--heads",
                                    "2",
                                    "--head-dim",
                                    "16",
                                    "--rotary-dims",
                                    "8",
                                    "--context",
                                    "64",
                                    "--batch",
                                    "4",
                                    "--warmup",
                                    "10",
                                    "--lr",
                                    "0.01",
                                    "--dropout",
                                    "0.1",
                                    "--steps",
                                    "400",
                                    "--eval-every",
                                    "100",
                                    "--checkpoint-every",
                                    "50",
                                    "--resume"};
  };
  const auto start = [](std::vector<std::string> words) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<char*> pointers;
      for (std::string& word : words) pointers.push_back(word.data());
      pointers.push_back(nullptr);
      if (!std::freopen("/dev/null", "w", stdout)) ::_exit(126);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    return child;
  };
  const auto wait = [](pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  };
  write_file(folder_.path() / "text.txt", nursery_rhyme());
  const auto whole = folder_.path() / "whole", killed = folder_.path() / "killed";
  ASSERT_EQ(wait(start(command(whole))), 0);

  const pid_t victim = start(command(killed));
  const auto state = killed.string() + ".state";
  for (int i = 0; i < 12'000 && !std::filesystem::exists(state); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(victim, SIGKILL);
  ASSERT_TRUE(WIFSIGNALED(wait(victim)));
  ASSERT_TRUE(std::filesystem::exists(state));
  ASSERT_FALSE(std::filesystem::exists(killed / "model.safetensors"));

  ASSERT_EQ(wait(start(command(killed))), 0);
  EXPECT_EQ(read_file(killed / "model.safetensors"), read_file(whole / "model.safetensors"));
}

TEST(LearningRate, RisesThenFollowsTheCosineToFivePercent) {
  TrainOptions o;
  o.steps = 1100;
  o.warmup = 100;
  o.lr = 1;
  EXPECT_DOUBLE_EQ(learning_rate(o, 0), 0.01);
  EXPECT_DOUBLE_EQ(learning_rate(o, 99), 1);
  EXPECT_NEAR(learning_rate(o, 600), 0.525, 1e-12);
  EXPECT_NEAR(learning_rate(o, 1099), 0.05, 1e-5);
}

TEST(LearningRate, WithACooldownIsHeldAndDoesNotDependOnTheLengthBeforeItFalls) {
  TrainOptions a, b;
  a.cooldown = b.cooldown = 100;
  a.steps = 1000;
  b.steps = 500;
  for (int step = 0; step < 400; ++step) EXPECT_EQ(learning_rate(a, step), learning_rate(b, step));
  EXPECT_DOUBLE_EQ(learning_rate(b, 399), b.lr);
  EXPECT_NEAR(learning_rate(b, 499), b.lr * (0.05 + 0.95 / 100), 1e-12);
}

TEST(Corpus, VocabularyIsTheDistinctCharactersInOrderAndTheLastTenthIsHeldOut) {
  TemporaryFolder folder;
  write_file(folder.path() / "t",
             "b\xc3\xa9"
             "a\nab\xc3\xa9"
             "aab");  // 10 characters
  const Corpus corpus = read_corpus(folder.path() / "t", "");
  EXPECT_EQ(corpus.vocabulary,
            (std::map<std::string, std::int64_t>{{"\n", 0}, {"a", 1}, {"b", 2}, {"\xc3\xa9", 3}}));
  EXPECT_EQ(corpus.training, (std::vector<std::int64_t>{2, 3, 1, 0, 1, 2, 3, 1, 1}));
  EXPECT_EQ(corpus.held_out, (std::vector<std::int64_t>{2}));
}

TEST(Corpus, IsReadInTheEncodingsThatTextsHave) {
  TemporaryFolder folder;
  const auto of = [&](const std::string& bytes, const std::string& encoding = {}) {
    write_file(folder.path() / "t", bytes);
    return read_corpus(folder.path() / "t", "", encoding).vocabulary;
  };
  const std::map<std::string, std::int64_t> wanted{{"a", 0}, {"\xc3\xa9", 1}};
  EXPECT_EQ(of("a\xc3\xa9"), wanted);
  EXPECT_EQ(of("\xef\xbb\xbf"
               "a\xc3\xa9"),
            wanted);
  EXPECT_EQ(of("a\xe9", "latin-1"), wanted);
  EXPECT_EQ(of(std::string("\xff\xfe"
                           "a\0\xe9\0",
                           6)),
            wanted);
}

class WrongInput : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  TrainOptions options_ = tiny(folder_.path(), model::AttentionKind::kLinear);
};

TEST_F(WrongInput, OptionsOutOfRangeAreNamed) {
  TrainOptions o = options_;
  o.window = 0;
  EXPECT_THAT(error_of(o), HasSubstr("--window = 0"));
  o = options_;
  o.context = 100;
  EXPECT_THAT(error_of(o), HasSubstr("--context = 100"));
  o = options_;
  o.rotary_dims = 18;
  EXPECT_THAT(error_of(o), HasSubstr("--rotary-dims = 18"));
  o = options_;
  o.lr = std::nan("");
  EXPECT_THAT(error_of(o), HasSubstr("--lr"));
  o = options_;
  o.attention = model::AttentionKind::kAnalog;
  EXPECT_THAT(error_of(o), HasSubstr("gaincell adapt"));
  EXPECT_FALSE(std::filesystem::exists(options_.out));
}

TEST_F(WrongInput, TextThatCannotBeUsedIsRefused) {
  TrainOptions o = options_;
  o.text = folder_.path() / "absent";
  EXPECT_THAT(error_of(o), HasSubstr("absent"));
  o.text = folder_.path() / "latin1";
  write_file(o.text, "caf\xe9 au lait");
  EXPECT_THAT(error_of(o), HasSubstr("latin1:1:4: byte = 0xE9: the text is not UTF-8"));
  write_file(o.text, std::string(100, 'a') + "\xed\xa0\x80");  // a surrogate
  EXPECT_THAT(error_of(o), HasSubstr(":1:101: byte = 0xED"));
  write_file(o.text, "short");
  EXPECT_THAT(error_of(o), HasSubstr("at least 65"));
}

TEST_F(WrongInput, AStateOfAnotherRecipeIsNotResumed) {
  TrainOptions o = options_;
  o.steps = 20;
  o.lr = 1e30;  // diverges after the first state is written
  o.clip = 1e30;
  o.warmup = 0;
  o.checkpoint_every = 1;
  o.eval_every = 1000;
  EXPECT_THAT(error_of(o), HasSubstr("diverged"));
  ASSERT_TRUE(std::filesystem::exists(o.out.string() + ".state"));
  o.resume = true;
  o.lr = 1e-3;
  EXPECT_THAT(error_of(o), HasSubstr("lr"));
  const std::filesystem::path state = o.out.string() + ".state";
  const model::SafetensorsReader whole(state);
  std::map<std::string, model::Tensor> tensors;
  for (const auto& [name, entry] : whole.entries()) tensors[name] = whole.read(name);
  auto words = whole.metadata();
  o.lr = 1e30;
  for (const char* numbers :
       {"{", "{}", "{\"step\":1,\"step\":2}", "[]",
        R"({"step":"1","wall_time_s":0,"loss_sum":0,"loss_count":0,"best":[1,2,3]})"}) {
    words["numbers"] = numbers;
    model::write_safetensors(state, tensors, words);
    EXPECT_THAT(error_of(o), HasSubstr("without --resume")) << numbers;
  }
  words = whole.metadata();
  model::Tensor& first = tensors.lower_bound("mean.")->second;
  first.shape = {static_cast<std::int64_t>(first.values.size()) + 1'000'000};
  first.values.resize(first.values.size() + 1'000'000);
  model::write_safetensors(state, tensors, words);
  EXPECT_THAT(error_of(o), HasSubstr("of another shape"));
  write_file(o.out.string() + ".state", "cut off");
  EXPECT_THAT(error_of(o), HasSubstr(".state"));
}

TEST_F(WrongInput, WhatNoTrainingWroteStays) {
  TrainOptions o = options_;
  std::filesystem::create_directories(o.out);
  write_file(o.out / "README.md", "a user's own");
  EXPECT_THAT(error_of(o), HasSubstr("was not written by `gaincell train`"));
  EXPECT_EQ(read_file(o.out / "README.md"), "a user's own");
  std::filesystem::remove_all(o.out);
  const std::filesystem::path state = o.out.string() + ".state";
  write_file(state, "a user's own");
  EXPECT_THAT(error_of(o), HasSubstr("is none"));
  EXPECT_EQ(read_file(state), "a user's own");
}

}  // namespace
}  // namespace gaincell::train
