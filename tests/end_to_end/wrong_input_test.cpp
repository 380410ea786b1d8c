// What a user meets who gives the program something wrong: one message that names place, value,
// rule and remedy, exit code 2, and no file left behind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/files.h"
#include "base/random.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::run;
using testing::ScratchFolder;
using ::testing::StartsWith;

const char* const kDivider = R"(.subckt divider in out
r1 in out 1k
r2 out 0 1k
.ends
)";
const char* const kBench = R"(gaincell_bench: 1
name: divider
description: a divider by two
circuit: {netlist: divider.cir, subcircuit: divider}
conditions:
  v_in: {unit: V, minimum: 0, maximum: 1, step: linear, points: 3}
sources:
  in: {net: in, dc: "{v_in}"}
analysis: {type: op}
measurements:
  v_out: {unit: V, value: v(out)}
tables:
  divided: {of: v_out, over: [v_in], long_name: divided voltage}
)";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

class WrongInput : public ::testing::Test {
 protected:
  WrongInput() {
    write_file(folder_ / "divider.cir", kDivider);
    write_file(folder_ / "divider.yaml", kBench);
  }

  // The outcome must be a refusal: exit code 2, one line that holds every part, and exactly the
  // files that were there before.
  void expect_refused(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& parts) {
    const auto before = folder_.names();
    const Outcome outcome = run("gaincell", arguments, folder_.path());
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out << outcome.err;
    std::string last = outcome.err;
    while (!last.empty() && last.back() == '\n') last.pop_back();
    last = last.substr(last.rfind('\n') + 1);
    EXPECT_THAT(last, StartsWith("gaincell: error: "));
    for (const std::string& part : parts) EXPECT_THAT(last, HasSubstr(part));
    EXPECT_EQ(folder_.names(), before);
  }

  void write_samples() {
    const Outcome outcome =
        run("gaincell", {"characterize", "divider.yaml", "-o", "samples.h5"}, folder_.path());
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  // A GPT-2 of one layer over the characters a, b and newline.
  void write_model() {
    model::Config config;
    config.n_layer = config.n_head = 1;
    config.n_embd = 4;
    config.n_inner = 16;
    config.n_positions = config.attention.window = 8;
    config.vocab_size = 3;
    fs::create_directory(folder_ / "model");
    model::write_config(folder_ / "model" / "config.json", config);
    write_file(folder_ / "model" / "vocab.json", R"({"\n": 0, "a": 1, "b": 2})");
    Random random(1);
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
      model::Tensor tensor{.shape = shape, .values = {}};
      for (std::int64_t i = 0; i < model::element_count(shape); ++i)
        tensor.values.push_back(static_cast<float>(0.1 * random.normal()));
      tensors_["transformer." + name] = std::move(tensor);
    };
    add("wte.weight", {3, 4});
    add("wpe.weight", {8, 4});
    add("h.0.ln_1.weight", {4});
    add("h.0.ln_1.bias", {4});
    add("h.0.attn.c_attn.weight", {4, 12});
    add("h.0.attn.c_attn.bias", {12});
    add("h.0.attn.c_proj.weight", {4, 4});
    add("h.0.attn.c_proj.bias", {4});
    add("h.0.ln_2.weight", {4});
    add("h.0.ln_2.bias", {4});
    add("h.0.mlp.c_fc.weight", {4, 16});
    add("h.0.mlp.c_fc.bias", {16});
    add("h.0.mlp.c_proj.weight", {16, 4});
    add("h.0.mlp.c_proj.bias", {4});
    add("ln_f.weight", {4});
    add("ln_f.bias", {4});
    write_tensors();
    write_file(folder_ / "text.txt", "abba\nbaab\nab\n");
  }
  void write_tensors() {
    model::write_safetensors(folder_ / "model" / "model.safetensors", tensors_);
  }

  ScratchFolder folder_;
  std::map<std::string, model::Tensor> tensors_;
};

TEST_F(WrongInput, TheUnspoiledFilesAreAccepted) {
  write_samples();
  write_model();
  EXPECT_EQ(run("gaincell", {"compile", "samples.h5", "-o", "device.h5"}, folder_.path()).exit_code,
            0);
  const Outcome outcome = run(
      "gaincell", {"infer", "--model", "model", "--text", "text.txt", "--json"}, folder_.path());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(WrongInput, SpellingMistakeInABenchNamesLineAndNearestKey) {
  write_file(folder_ / "divider.yaml", replaced(kBench, "measurements:", "mesurements:"));
  expect_refused({"characterize", "divider.yaml", "-o", "samples.h5"},
                 {"divider.yaml:10", "mesurements", "measurements"});
}

TEST_F(WrongInput, MissingModelCardIsNamed) {
  write_file(folder_ / "divider.cir", replaced(kDivider, "r2 out 0 1k", "d1 out 0 no_such_diode"));
  expect_refused({"characterize", "divider.yaml", "-o", "samples.h5"},
                 {"divider.cir", "no_such_diode"});
}

TEST_F(WrongInput, MissingModelFileIsNamed) {
  write_file(folder_ / "divider.yaml",
             replaced(kBench, "conditions:", "models: [none.inc]\nconditions:"));
  expect_refused({"characterize", "divider.yaml", "-o", "samples.h5"}, {"none.inc"});
}

TEST_F(WrongInput, NetlistThatNeverConvergesIsAFileOfFailuresThatReplayOpens) {
  // Two ideal sources fight over one net: no solution exists.
  write_file(folder_ / "divider.cir", replaced(kDivider, "r2 out 0 1k", "v2 in 0 5"));
  const Outcome outcome =
      run("gaincell", {"characterize", "divider.yaml", "-o", "samples.h5"}, folder_.path());
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("divider: 3 points"), HasSubstr("3 FAILED"),
                                 HasSubstr("point 0 (v_in=0)")));
  const Outcome replayed =
      run("gaincell", {"replay", "samples.h5", "--at", "v_in=0.5", "-o", "r"}, folder_.path());
  EXPECT_THAT(replayed.out, HasSubstr("point 1 (v_in=0.5)"));
  EXPECT_THAT(read_file(folder_ / "r" / "op.cir"), HasSubstr("v2"));
}

TEST_F(WrongInput, TruncatedSamplesAreNamed) {
  write_samples();
  fs::resize_file(folder_ / "samples.h5", fs::file_size(folder_ / "samples.h5") / 2);
  expect_refused({"compile", "samples.h5", "-o", "device.h5"}, {"samples.h5", "truncated"});
}

TEST_F(WrongInput, DeviceOfAnotherVersionIsNamedWithBothVersions) {
  write_samples();
  ASSERT_EQ(run("gaincell", {"compile", "samples.h5", "-o", "device.h5"}, folder_.path()).exit_code,
            0);
  ASSERT_EQ(run("/usr/bin/python3",
                {"-c", "import h5py; h5py.File('device.h5', 'a').attrs['format_version'] = 99"},
                folder_.path())
                .exit_code,
            0);
  expect_refused({"show", "device.h5"}, {"device.h5", "99", "1"});
}

TEST_F(WrongInput, MissingTensorIsNamed) {
  write_model();
  tensors_.erase("transformer.h.0.mlp.c_fc.bias");
  write_tensors();
  expect_refused({"infer", "--model", "model", "--text", "text.txt"},
                 {"model.safetensors", "h.0.mlp.c_fc.bias"});
}

TEST_F(WrongInput, MisshapenTensorIsNamedWithBothShapes) {
  write_model();
  auto& tensor = tensors_["transformer.h.0.mlp.c_fc.bias"];
  tensor.shape = {4, 4};
  write_tensors();
  expect_refused({"infer", "--model", "model", "--text", "text.txt"},
                 {"model.safetensors", "h.0.mlp.c_fc.bias", "[4, 4]", "[16]"});
}

TEST_F(WrongInput, CharacterOutsideTheVocabularyIsNamedWithItsPlace) {
  write_model();
  write_file(folder_ / "text.txt", "abba\nbaxb\n");
  expect_refused({"infer", "--model", "model", "--text", "text.txt"}, {"text.txt:2:3", "x"});
}

TEST_F(WrongInput, WindowOfZeroIsRefused) {
  write_model();
  expect_refused({"infer", "--model", "model", "--text", "text.txt", "--window", "0"},
                 {"window", "0"});
}

TEST_F(WrongInput, AnalogAttentionWithoutADeviceSaysWhatToGive) {
  write_model();
  expect_refused({"infer", "--model", "model", "--text", "text.txt", "--attention", "analog"},
                 {"--device"});
}

TEST_F(WrongInput, MisspeltVerbAndOptionAreRefused) {
  expect_refused({"charcterize", "divider.yaml"}, {"charcterize", "characterize"});
  expect_refused({"compile", "samples.h5", "-o", "device.h5", "--outptu", "x"}, {"--outptu"});
}

}  // namespace
}  // namespace gaincell
