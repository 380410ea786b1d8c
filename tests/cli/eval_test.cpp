// `gaincell eval` as a user runs it: tasks, requests, wrong files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/random.h"
#include "tests/lut/example_device.h"
#include "tests/model/tiny_model.h"
#include "tests/support/program.h"

namespace gaincell::model {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// 24 learned positions, 7 characters.
class Eval : public ::testing::Test {
 protected:
  gaincell::testing::ScratchFolder folder;

  void SetUp() override {
    write_model();
    lut::example_device().write(folder / "device.h5");
  }
  void write_model(int tokens = 7) {
    Config config = tiny_config();
    config.vocab_size = tokens;
    config.attention.kind = AttentionKind::kLinear;
    write_tiny_model(folder / "model", config, tiny_tensors(config));
  }
  void write_model_with_blank() {
    write_model(8);
    write_file(folder / "model" / "vocab.json",
               R"({"a":0,"b":1,"c":2,"d":3,"e":4,"f":5,"\n":6," ":7})");
  }
  gaincell::testing::Outcome run(std::vector<std::string> arguments,
                                 const std::string& verb = "eval") {
    arguments.insert(arguments.begin(), {verb, "--model", "model"});
    return gaincell::testing::run("gaincell", arguments, folder.path());
  }
  std::string answered(const std::vector<std::string>& arguments,
                       const std::string& verb = "eval") {
    const auto outcome = run(arguments, verb);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }
  json of(std::vector<std::string> arguments, const std::string& verb = "eval") {
    arguments.push_back("--json");
    return json::parse(answered(arguments, verb));
  }
  std::vector<json> lines_of(const std::vector<std::string>& arguments) {
    std::istringstream stream(answered(arguments));
    std::vector<json> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
    return lines;
  }
  // Exit code 2, one line, nothing on standard output, no file.
  std::string refused(const std::vector<std::string>& arguments) {
    const auto before = folder.names();
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: "));
    EXPECT_EQ(folder.names(), before);
    return outcome.err;
  }
  std::string refused_file(const std::string& task, const std::string& text) {
    write_file(folder / "wrong.jsonl", text);
    return task.empty() ? refused({"--requests", "wrong.jsonl"})
                        : refused({"--task", task, "--data", "wrong.jsonl"});
  }
  std::string letters(int count, std::uint64_t seed = 4) {
    Random random(seed);
    std::string text;
    for (int i = 0; i < count; ++i) text += "abcdef\n"[random.below(7)];
    return text;
  }
  static std::string request(const std::string& context, const std::string& continuation) {
    return json{{"context", context}, {"continuation", continuation}}.dump() + "\n";
  }
};

TEST_F(Eval, RequestsAreInfersNats) {
  // 25 tokens are what 24 positions hold, the last being a target only.
  const std::string text = letters(25);
  write_file(folder / "text.txt", text);
  write_file(folder / "one.jsonl", request(text.substr(0, 1), text.substr(1)));
  for (const std::string attention : {"softmax", "linear"}) {
    const json whole = of({"--attention", attention, "--text", "text.txt"}, "infer");
    const auto lines = lines_of({"--attention", attention, "--requests", "one.jsonl", "--each"});
    ASSERT_EQ(lines.size(), 1u);
    const double nats = whole.at("nats_per_token").get<double>() * 24;
    EXPECT_NEAR(-lines[0].at("log_likelihood").get<double>(), nats, 1e-9 * nats);
    EXPECT_EQ(lines[0].at("tokens"), 24);
    double sum = 0;
    for (const json& one : lines[0].at("token_log_likelihoods")) sum += one.get<double>();
    EXPECT_NEAR(sum, -nats, 1e-9 * nats);
  }
}

TEST_F(Eval, AnswersComeInTheOrderOfTheRequestsAndKnowNoNeighbour) {
  std::string all;
  std::vector<std::string> each;
  for (int k = 0; k < 20; ++k)
    each.push_back(request(letters(1 + k % 7, k).append("a"), "b" + letters(1 + k % 11, 100 + k)));
  for (const std::string& one : each) all += one;
  write_file(folder / "all.jsonl", all);
  const auto together = lines_of({"--requests", "all.jsonl", "--threads", "2"});
  ASSERT_EQ(together.size(), each.size());
  for (const std::size_t k : {0u, 7u, 19u}) {
    write_file(folder / "one.jsonl", each[k]);
    EXPECT_EQ(lines_of({"--requests", "one.jsonl", "--threads", "1"})[0], together[k]) << k;
  }
  EXPECT_EQ(lines_of({"--requests", "all.jsonl", "--limit", "3"}).size(), 3u);
}

TEST_F(Eval, GreedyIsWhatGenerateSays) {
  const std::string prompt = "abcab";
  const std::string text =
      answered({"--prompt", prompt, "--tokens", "6", "--top-k", "1"}, "generate");
  ASSERT_THAT(text, StartsWith(prompt));
  const std::string likeliest = text.substr(prompt.size(), 6);
  std::string other = likeliest;
  other[5] = other[5] == 'a' ? 'b' : 'a';
  write_file(folder / "two.jsonl", request(prompt, likeliest) + request(prompt, other));
  const auto lines = lines_of({"--requests", "two.jsonl"});
  EXPECT_EQ(lines[0].at("greedy"), true);
  EXPECT_EQ(lines[1].at("greedy"), false);
}

TEST_F(Eval, ThreadsChangeNoByteOfAnAnalogRun) {
  std::string all;
  for (int k = 0; k < 12; ++k) all += request("a" + letters(k, k) + "c", letters(9, 50 + k) + "d");
  write_file(folder / "all.jsonl", all);
  // Read noise is drawn in the order of the requests.
  const auto with = [&](const std::string& threads) {
    json report =
        of({"--attention", "analog", "--device", "device.h5", "--spread",
            "cell_gain=0.02,relu_noise_c=1e-16", "--requests", "all.jsonl", "--threads", threads});
    report.at("settings").erase("threads");
    return report;
  };
  const json one = with("1");
  EXPECT_EQ(one.dump(), with("2").dump());
  EXPECT_GT(one.at("energy_j_per_token").at("active").get<double>(), 0);
  EXPECT_EQ(one.at("answers").size(), 12u);
}

TEST_F(Eval, LongContextsLoseTheirBeginningAndItIsSaid) {
  const std::string text = letters(60);
  write_file(folder / "cut.jsonl",
             request(text.substr(0, 55), text.substr(55)) + request("a", "b"));
  const auto outcome = run({"--requests", "cut.jsonl", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err,
              HasSubstr("1 of 2 requests (50 %) are longer than the model's positions"));
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report.at("requests_cut"), 1);
  EXPECT_EQ(report.at("answers")[0].at("cut"), true);
  EXPECT_FALSE(report.at("answers")[1].contains("cut"));
  write_file(folder / "one.jsonl", request(text.substr(35, 20), text.substr(55)));
  EXPECT_EQ(lines_of({"--requests", "one.jsonl"})[0].at("log_likelihood"),
            report.at("answers")[0].at("log_likelihood"));
}

TEST_F(Eval, TasksHaveTheirFiguresWithIntervals) {
  write_model_with_blank();
  std::string lines;
  for (int k = 0; k < 8; ++k) lines += json{{"text", letters(9, k) + "a b"}}.dump() + "\n";
  write_file(folder / "lambada.jsonl", lines);
  const json report = of({"--task", "lambada", "--data", "lambada.jsonl", "--each"});
  EXPECT_EQ(report.at("items"), 8);
  EXPECT_LE(report.at("accuracy_interval")[0], report.at("accuracy"));
  EXPECT_GE(report.at("accuracy_interval")[1], report.at("accuracy"));
  double nats = 0;
  for (const json& item : report.at("each"))
    nats -= item.at("log_likelihoods")[0].get<double>() / 8;
  EXPECT_NEAR(report.at("perplexity").get<double>(), std::exp(nats), 1e-9 * std::exp(nats));
  EXPECT_EQ(of({"--task", "lambada", "--data", "lambada.jsonl", "--limit", "3"}).at("items"), 3);
  for (const char* key : {"data_sha256", "model_sha256", "task", "intervals"})
    EXPECT_TRUE(report.at("settings").contains(key)) << key;
}

TEST_F(Eval, WikitextIsAsInferHasItByTokenWordAndByte) {
  write_model_with_blank();
  std::string text;
  for (int k = 0; k < 12; ++k) text += "abc de " + letters(12, k) + "\n";
  write_file(folder / "wiki.raw", text);
  const json report = of({"--task", "wikitext2", "--data", "wiki.raw"});
  const json whole = of({"--text", "wiki.raw", "--text-format", "wikitext"}, "infer");
  EXPECT_EQ(report.at("perplexity"), whole.at("perplexity"));
  EXPECT_EQ(report.at("tokens"), whole.at("tokens"));
  // Characters are tokens here, but for the first.
  EXPECT_EQ(report.at("bytes"), report.at("tokens").get<int>() + 1);
  const double nats = report.at("nats_per_token").get<double>() * report.at("tokens").get<double>();
  const auto by = [&](const char* what) { return std::exp(nats / report.at(what).get<double>()); };
  EXPECT_NEAR(report.at("word_perplexity").get<double>(), by("words"), 1e-9 * by("words"));
  EXPECT_NEAR(report.at("byte_perplexity").get<double>(), by("bytes"), 1e-9);
  const json some = of({"--task", "wikitext2", "--data", "wiki.raw", "--limit", "50"});
  EXPECT_EQ(some.at("tokens"), 49);
  EXPECT_EQ(some.at("bytes"), 50);
}

TEST_F(Eval, InferSaysHowFarItAgreesWithAnotherAttention) {
  write_file(folder / "text.txt", letters(700));
  const auto infer = [&](const std::string& attention, const std::string& against) {
    return of({"--attention", attention, "--text", "text.txt", "--against", against}, "infer");
  };
  const json report = infer("linear", "softmax"), other = infer("softmax", "linear"),
             same = infer("linear", "linear");
  const json& agreement = report.at("agreement");
  const auto number = [](const json& inside, const char* key) {
    return inside.at(key).get<double>();
  };
  EXPECT_GT(number(agreement, "kl_nats"), 0);
  EXPECT_LE(number(agreement, "same_top"), 1);
  EXPECT_LT(agreement.at("kl_nats_interval")[0], agreement.at("kl_nats"));
  // The paired difference is that of the two runs.
  EXPECT_NEAR(number(agreement, "nats_difference"),
              number(report, "nats_per_token") - number(other, "nats_per_token"), 1e-12);
  EXPECT_EQ(agreement.at("same_top"), other.at("agreement").at("same_top"));
  EXPECT_EQ(agreement.at("reference_nats_per_token"), other.at("nats_per_token"));
  EXPECT_EQ(number(same.at("agreement"), "kl_nats"), 0);
  EXPECT_EQ(number(same.at("agreement"), "same_top"), 1);
  EXPECT_EQ(number(same.at("agreement"), "nats_difference"), 0);
  const auto wrong = run({"--text", "text.txt", "--against", "analog"}, "infer");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--against = analog: must be softmax or linear"));
}

TEST_F(Eval, WrongFilesAreRefusedWithLineKeyAndRemedy) {
  EXPECT_THAT(refused_file("lambada", "{\"goal\": \"a\", \"sol1\": \"b\", \"sol2\": \"c\"}\n"),
              HasSubstr("wrong.jsonl:1: is a line for --task piqa, none of lambada's public file; "
                        "give lambada's own file, or --task piqa"));
  EXPECT_THAT(refused_file("lambada", "{\"txt\": \"a b\"}\n"),
              AllOf(HasSubstr("wrong.jsonl:1: text: is missing"), HasSubstr("as it comes")));
  EXPECT_THAT(refused_file("arc_easy", request("a", "b")),
              HasSubstr("is a line for --requests, none of arc_easy's"));
  EXPECT_THAT(refused_file("wikitext2", "{\"text\": \"a b\"}\n"),
              AllOf(HasSubstr("holds JSON objects"), HasSubstr("or --task lambada")));
  EXPECT_THAT(refused_file("", "{\"text\": \"a b\"}\n"),
              AllOf(HasSubstr("no request"), HasSubstr("give --task lambada --data FILE")));
  EXPECT_THAT(refused_file("lambada", ""), HasSubstr("wrong.jsonl: holds no JSON object"));
  EXPECT_THAT(refused_file("lambada", "{\"text\": \"a b\"}\n{\"text\": \"a"),
              HasSubstr("wrong.jsonl:2"));
  EXPECT_THAT(refused_file("lambada", "{\"text\": \"a \xff\"}\n"),
              AllOf(HasSubstr("wrong.jsonl:1"), HasSubstr("UTF-8")));
  EXPECT_THAT(refused_file("winogrande",
                           "{\"sentence\": \"a _ b\", \"option1\": \"a\", \"option2\": \"b\", "
                           "\"answer\": \"3\"}\n"),
              HasSubstr("wrong.jsonl:1: answer = 3: must be 1 to 2, one of 2 choices"));
  EXPECT_THAT(refused_file("piqa", "{\"goal\": \"a\", \"sol1\": \"b\", \"sol2\": \"c\"}\n"),
              AllOf(HasSubstr("wrong-labels.lst"), HasSubstr("--labels")));
  EXPECT_THAT(refused_file("", request("a", "b") + request("a", "")),
              HasSubstr("wrong.jsonl:2: continuation = \"\": gives no token of its own"));
  EXPECT_THAT(refused_file("", request("", "b")), HasSubstr("wrong.jsonl:1: context = \"\""));
  EXPECT_THAT(refused_file("", "{\"context\": \"a\", \"continuation\": \"b\", \"id\": 3}\n"),
              HasSubstr("wrong.jsonl:1: id = 3"));
  EXPECT_THAT(refused_file("", request("a", letters(30))),
              AllOf(HasSubstr("continuation = 30 tokens"), HasSubstr("24 learned positions")));
}

TEST_F(Eval, AnOutputIsWhatIsPrintedAndLeavesNoJournal) {
  write_file(folder / "a.jsonl", request("ab", "c") + request("a", "b"));
  const std::string lines = answered({"--requests", "a.jsonl"}),
                    object = answered({"--requests", "a.jsonl", "--json"});
  EXPECT_EQ(answered({"--requests", "a.jsonl", "-o", "out"}), "wrote out\n");
  EXPECT_EQ(read_file(folder / "out"), lines);
  answered({"--requests", "a.jsonl", "--json", "-o", "out"});
  EXPECT_EQ(read_file(folder / "out"), object);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a.jsonl", "device.h5", "model", "out"}));
  write_file(folder / "b.jsonl", request("a", "b") + request("a", "x"));
  EXPECT_THAT(refused({"--requests", "b.jsonl", "-o", "new"}), HasSubstr("b.jsonl:2"));
  EXPECT_THAT(refused({"--requests", "a.jsonl", "-o", "nowhere/new"}), HasSubstr("nowhere"));
  EXPECT_THAT(refused({"--requests", "a.jsonl", "--fresh"}), HasSubstr("--fresh: has no effect"));
}

TEST_F(Eval, WrongOptionsAreRefused) {
  write_file(folder / "a.jsonl", request("a", "b"));
  EXPECT_THAT(refused({"--task", "lamabda", "--data", "a.jsonl"}),
              AllOf(HasSubstr("--task"), HasSubstr("lambada")));
  EXPECT_THAT(refused({"--task", "lambada"}), HasSubstr("--data: is missing"));
  EXPECT_THAT(refused({}), HasSubstr("--task: is missing"));
  EXPECT_THAT(refused({"--requests", "a.jsonl", "--limit", "0"}),
              HasSubstr("--limit = 0: must be at least 1"));
  EXPECT_THAT(refused({"--requests", "a.jsonl", "--labels", "a.jsonl"}), HasSubstr("--labels"));
  EXPECT_THAT(refused({"--requests", "a.jsonl", "--attention", "analog"}),
              AllOf(HasSubstr("--device"), HasSubstr("needs the tables")));
  EXPECT_THAT(refused({"--requests", "nowhere.jsonl"}), HasSubstr("nowhere.jsonl"));
}

}  // namespace
}  // namespace gaincell::model
