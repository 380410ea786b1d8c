// `gaincell sweep` as a user runs it: figures of plain commands, shards, pictures, wrong studies.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

constexpr const char* kHead =
    "gaincell_study: 1\nname: tiny\nmodel: model\ntext: text.txt\ntokens: 60\nagainst: softmax\n";
// Five parameters, the corners and the middle of the space among them.
constexpr const char* kFive =
    "attention: analog\nat: {device: device.h5}\n"
    "vary:\n  window: [4, 12]\n  q_levels: [16, 4]\n  retention_factor: [1, 0.2]\n"
    "  token_period_s: [10u, 0.1m]\n  cell_gain: [0.01, 0.1]\n";

// 24 learned positions, 7 characters.
class SweepVerb : public ::testing::Test {
 protected:
  gaincell::testing::ScratchFolder folder;

  void SetUp() override {
    Config config = tiny_config();
    config.attention.kind = AttentionKind::kLinear;
    write_tiny_model(folder / "model", config, tiny_tensors(config));
    lut::example_device().write(folder / "device.h5");
    Random random(4);
    std::string text;
    for (int i = 0; i < 300; ++i) text += "abcdef\n"[random.below(7)];
    write_file(folder / "text.txt", text);
  }
  gaincell::testing::Outcome run(const std::string& arguments) {
    std::istringstream stream(arguments);
    return gaincell::testing::run("gaincell", {std::istream_iterator<std::string>(stream), {}},
                                  folder.path());
  }
  std::string done(const std::string& arguments, int exit_code = 0) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << arguments << "\n" << outcome.err;
    return outcome.out;
  }
  json swept(const std::string& rest) {
    write_file(folder / "study.yaml", kHead + rest);
    done("sweep study.yaml -o study.h5 -q");
    return json::parse(done("show study.h5 --json"));
  }
  // Exit code 2, one line, nothing on standard output, no file.
  std::string refused(const std::string& rest, const std::string& options = "") {
    write_file(folder / "study.yaml", kHead + rest);
    const auto before = folder.names();
    const auto outcome = run("sweep study.yaml -o no.h5 " + options);
    EXPECT_EQ(outcome.exit_code, 2) << rest;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: "));
    EXPECT_EQ(folder.names(), before);
    return outcome.err;
  }
  static void expect_same_nats(const json& one, const json& other) {
    EXPECT_EQ(one.at("figures").at("nats_per_token"), other.at("figures").at("nats_per_token"));
  }
  // The run's own command says what the study says of it, to the last bit.
  void expect_plain(const json& run_of_study) {
    std::string command = run_of_study.at("command");
    ASSERT_THAT(command, StartsWith("gaincell infer "));
    const json plain = json::parse(done(command.substr(9) + " --json"));
    const json& figures = run_of_study.at("figures");
    EXPECT_EQ(figures.at("nats_per_token"), plain.at("nats_per_token")) << command;
    EXPECT_EQ(figures.at("perplexity"), plain.at("perplexity"));
    EXPECT_EQ(figures.at("attention_latency_s"), plain.at("attention_latency_s_per_token"));
    for (const char* key : {"same_top", "kl_nats", "kl_nats_standard_error", "nats_difference"})
      EXPECT_EQ(figures.at(key), plain.at("agreement").at(key)) << key;
    for (const auto& [part, joules] : plain.at("energy_j_per_token").items())
      EXPECT_EQ(figures.at("energy_" + part + "_j"), joules) << part;
    for (const char* key : {"q", "k", "v"})
      EXPECT_EQ(figures.at(fmt::format("clipped_{}", key)), plain["ranges"]["clipped"][key]);
  }
};

TEST_F(SweepVerb, TheEndsOfFiveParametersAreThoseOfPlainCommands) {
  const json study = swept(std::string(kFive) + "seeds: [3]\n");
  ASSERT_EQ(study.at("points").size(), 32u);
  EXPECT_EQ(study.at("failed"), 0);
  for (const std::size_t point : {0, 10, 31}) expect_plain(study["points"][point]["runs"][0]);
  // Each parameter has an effect.
  for (const std::size_t step : {1, 2, 4, 8, 16})
    EXPECT_NE(study["points"][0]["runs"][0]["figures"]["nats_per_token"],
              study["points"][step]["runs"][0]["figures"]["nats_per_token"])
        << step;
  EXPECT_EQ(study["points"][0]["figures"]["cells"]["mean"], 2 * 2 * 32 * 4);
  EXPECT_TRUE(study["points"][0]["figures"]["area_m2"]["mean"].is_null());
  EXPECT_EQ(study["sensitivities"][0]["parameters"].size(), 5u);
}

TEST_F(SweepVerb, JobsAndShardsChangeNoByte) {
  write_file(folder / "study.yaml", std::string(kHead) + kFive + "design: one_at_a_time\n");
  done("sweep study.yaml -o whole.h5 -q");
  done("sweep study.yaml -o jobs.h5 -q --jobs 3");
  EXPECT_EQ(read_file(folder / "jobs.h5"), read_file(folder / "whole.h5"));
  for (const char* k : {"1", "2"})
    done(fmt::format("sweep study.yaml -o part{0} -q --shard {0}/2", k));
  done("merge part2 part1 -o merged.h5");
  EXPECT_EQ(read_file(folder / "merged.h5"), read_file(folder / "whole.h5"));
}

TEST_F(SweepVerb, AnAdaptedPointIsThatOfAdaptAndInfer) {
  const json study = swept(
      "attention: analog\nat: {device: device.h5}\nvary: {window: [4, 12], kv_levels: [8, 4]}\n"
      "adapt: {text: text.txt, steps: 3, batch: 2, length: 20}\n");
  const json& point = study["points"][3];
  std::string command = point.at("adaptation");
  done(command.substr(9));
  expect_plain(point["runs"][0]);
  EXPECT_NE(point["runs"][0]["figures"]["nats_per_token"],
            study["points"][2]["runs"][0]["figures"]["nats_per_token"]);
}

TEST_F(SweepVerb, LevelsOfTheLinearModelAreVariedWithoutADevice) {
  const json study = swept(
      "attention: linear\nvary: {q_levels: [64, 2], kv_levels: [64, 2], output_levels: [32, 2], "
      "s_sat_first_a: [80u, 8u], decay_per_token: [0, 0.1]}\ndesign: one_at_a_time\n");
  ASSERT_EQ(study["points"].size(), 6u);
  for (std::size_t point = 1; point < 6; ++point)
    EXPECT_NE(study["points"][0]["figures"]["nats_per_token"]["mean"],
              study["points"][point]["figures"]["nats_per_token"]["mean"])
        << study["points"][point]["parameters"];
  EXPECT_TRUE(study["front"].is_null());  // digital attention has no joules
}

TEST_F(SweepVerb, KeysAndValuesHaveLevelsOfTheirOwnOnLinearHardware) {
  const auto nats = [](const json& study, std::size_t point) {
    return study["points"][point]["runs"][0]["figures"]["nats_per_token"];
  };
  const json study = swept("attention: linear\nvary: {k_levels: [8, 3], v_levels: [8, 3]}\n");
  ASSERT_EQ(study["points"].size(), 4u);
  EXPECT_NE(nats(study, 0), nats(study, 1));
  EXPECT_NE(nats(study, 0), nats(study, 2));
  EXPECT_NE(nats(study, 1), nats(study, 2));
  expect_same_nats(study["points"][3]["runs"][0],
                   swept("attention: linear\nvary: {kv_levels: [3, 4]}\n")["points"][0]["runs"][0]);
  EXPECT_THAT(refused("attention: analog\nat: {device: device.h5}\nvary: {k_levels: [8, 3]}\n"),
              AllOf(HasSubstr("k_levels"), HasSubstr("in common; give kv_levels")));
}

TEST_F(SweepVerb, ATasksScoreIsThatOfEval) {
  std::string lines, labels;
  Random random(9);
  for (int k = 0; k < 40; ++k) {
    const auto letters = [&] {
      std::string text;
      for (int i = 0; i < 6; ++i) text += "abcdef"[random.below(6)];
      return text;
    };
    lines += json{{"sentence", letters() + "_" + letters()},
                  {"option1", letters()},
                  {"option2", letters()},
                  {"answer", k % 2 + 1}}
                 .dump() +
             "\n";
  }
  write_file(folder / "task.jsonl", lines);
  write_file(folder / "model" / "vocab.json", R"({"a":0,"b":1,"c":2,"d":3,"e":4,"f":5," ":6})");
  const std::string head = "gaincell_study: 1\nname: tiny\nmodel: model\n",
                    task = "task: {name: winogrande, data: task.jsonl, limit: 30}\n",
                    rest =
                        "attention: analog\nat: {device: device.h5}\nvary: {window: [2, 20], "
                        "q_levels: [16, 2]}\n";
  write_file(folder / "study.yaml", head + task + rest);
  done("sweep study.yaml -o study.h5 -q --jobs 2");
  const json study = json::parse(done("show study.h5 --json"));
  EXPECT_EQ(study.at("failed"), 0);
  bool differ = false;
  for (const std::size_t point : {0, 3}) {
    const json& run_of_study = study["points"][point]["runs"][0];
    const std::string command = run_of_study.at("command");
    ASSERT_THAT(command, StartsWith("gaincell eval "));
    const json plain = json::parse(done(command.substr(9) + " --json"));
    const json& figures = run_of_study.at("figures");
    for (const char* key : {"accuracy", "accuracy_standard_error", "nats_per_token", "items"})
      EXPECT_EQ(figures.at(key), plain.at(key)) << key;
    EXPECT_EQ(figures.at("energy_active_j"), plain.at("energy_j_per_token").at("active"));
    EXPECT_GT(figures.at("cells"), 0);
    EXPECT_TRUE(figures.at("perplexity").is_null());
    differ |=
        figures.at("nats_per_token") != study["points"][1]["runs"][0]["figures"]["nats_per_token"];
  }
  EXPECT_TRUE(differ);
  EXPECT_EQ(study["front"]["of"][1], "accuracy");
  EXPECT_THAT(done("show study.h5"), HasSubstr("accuracy"));
  const auto refused_study = [&](const std::string& text) {
    write_file(folder / "study.yaml", text);
    const auto outcome = run("sweep study.yaml -o no.h5");
    EXPECT_EQ(outcome.exit_code, 2);
    return outcome.err;
  };
  EXPECT_THAT(refused_study(head + task + "tokens: 50\n" + rest),
              AllOf(HasSubstr("tokens"), HasSubstr("no effect beside `task`")));
  EXPECT_THAT(refused_study(head + rest), HasSubstr("needs `text` or `task`"));
  EXPECT_THAT(refused_study(head + "task: {name: winogrand, data: task.jsonl}\n" + rest),
              AllOf(HasSubstr("task.name"), HasSubstr("winogrande")));
  EXPECT_THAT(refused_study(head + "task: {name: hellaswag, data: task.jsonl}\n" + rest),
              HasSubstr("is a line for --task winogrande"));
}

TEST_F(SweepVerb, ThePublishedDeviceHasItsOwnNumbers) {
  const json study = swept(
      "attention: analog\nat: {device: published}\nvary: {s_sat_first_a: [80u, 20u], "
      "retention_tau_s: [5m, 5u], tile: [64, 4]}\ndesign: one_at_a_time\n");
  for (std::size_t point = 1; point < 4; ++point)
    EXPECT_NE(study["points"][0]["figures"]["nats_per_token"]["mean"],
              study["points"][point]["figures"]["nats_per_token"]["mean"])
        << study["points"][point]["parameters"];
}

TEST_F(SweepVerb, WhatAPointCannotBeRunWithIsRefusedBeforeTheFirst) {
  EXPECT_THAT(refused("attention: linear\nvary: {token_period_s: [1u, 2u]}\n"),
              AllOf(HasSubstr("study.yaml: point 1 (token_period_s=1e-06)"),
                    HasSubstr("linear attention has no circuits")));
  EXPECT_THAT(refused("attention: softmax\nvary: {q_levels: [4, 8]}\n"),
              HasSubstr("softmax attention has no hardware"));
  EXPECT_THAT(refused("attention: analog\nat: {device: device.h5}\nvary: {tile: [32, 64]}\n"),
              AllOf(HasSubstr("tile"), HasSubstr("stands in the device's tables")));
  EXPECT_THAT(refused("attention: analog\nvary: {window: [4, 8]}\n"),
              HasSubstr("needs the tables of a device"));
  EXPECT_THAT(
      refused("attention: analog\nat: {device: device.h5}\nvary: {window: [4, 8]}\nseeds: 2\n"),
      HasSubstr("no mismatch and no noise is drawn"));
  EXPECT_THAT(refused("attention: linear\nvary: {window: [4, 25]}\n"),
              HasSubstr("the model has 24 learned positions"));
  EXPECT_THAT(refused("attention: linear\nvary: {window: [4, 8]}\nstride: 25\n"),
              HasSubstr("at most the model's 24 positions"));
  write_file(folder / "text.txt", "abcdefabcdef");
  EXPECT_THAT(refused("attention: linear\nvary: {window: [4, 16]}\n"),
              HasSubstr("the text has 12 tokens, fewer than the window"));
}

TEST_F(SweepVerb, AnotherStudyDoesNotGoOnFromItsJournal) {
  write_file(folder / "study.yaml",
             std::string(kHead) + "attention: linear\n" + "vary: {window: [4, 8]}\n");
  done("sweep study.yaml -o part -q --shard 1/2");
  std::filesystem::rename(folder / "part", folder / "no.h5.journal");
  EXPECT_THAT(
      refused("attention: linear\nvary: {window: [4, 16]}\n", "--shard 1/2"),
      HasSubstr("is the journal of another study: vary.window.1: \"8\" there, \"16\" here"));
}

TEST_F(SweepVerb, IsShownDrawnReportedAndExported) {
  if (gaincell::testing::run("/bin/sh", {"-c", "command -v gnuplot"}).exit_code != 0)
    GTEST_SKIP() << "gnuplot is not installed";
  const json study = swept(
      "attention: analog\nat: {device: device.h5}\nseeds: 2\n"
      "vary:\n  window: [4, 12]\n  retention_factor: {from: 1, to: 5, scale: logarithmic}\n"
      "  cell_gain: {from: 0.01, to: 0.1}\ndesign: {kind: latin_hypercube, points: 6}\n");
  for (const json& point : study.at("points"))  // another seed is another chip
    EXPECT_NE(point["runs"][0]["figures"]["nats_per_token"],
              point["runs"][1]["figures"]["nats_per_token"]);
  EXPECT_THAT(done("show study.h5"),
              AllOf(HasSubstr("6 points (latin_hypercube), 12 runs, 0 failed"),
                    HasSubstr("retention_factor"), HasSubstr("least squares"), HasSubstr("* no")));
  EXPECT_THAT(done("show study.h5 --front cells,perplexity"), HasSubstr("both cells and perp"));
  EXPECT_EQ(run("show study.h5 --front cells,perplexty").exit_code, 2);
  done("plot study.h5 -o all.svg");
  for (const char* name : {"pareto", "sensitivities", "energy", "window"}) {
    done(fmt::format("plot study.h5 {} -o one.svg", name));
    EXPECT_THAT(read_file(folder / "one.svg"), HasSubstr("tiny: "));
  }
  EXPECT_EQ(run("plot study.h5 nothing -o no.svg").exit_code, 2);
  done("report study.h5 -o page.html");
  EXPECT_THAT(read_file(folder / "page.html"),
              AllOf(HasSubstr("Study tiny"), HasSubstr("<svg"), HasSubstr("Sensitivities")));
  done("export study.h5 --to csv -o study.csv");
  const std::string csv = read_file(folder / "study.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3 + 1 + 12);
  EXPECT_EQ(run("export study.h5 --to mat -o study.mat").exit_code, 2);
}

}  // namespace
}  // namespace gaincell::model
