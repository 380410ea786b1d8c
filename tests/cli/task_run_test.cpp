// An evaluation that is broken off goes on from its journal to the same bytes.
#include "cli/task_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "characterize/campaign/simulation.h"
#include "tests/lut/example_device.h"
#include "tests/model/tiny_model.h"
#include "tests/support/program.h"

namespace gaincell::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Resume : public ::testing::Test {
 protected:
  gaincell::testing::ScratchFolder folder;

  void SetUp() override {
    model::Config config = model::tiny_config();
    config.attention.kind = model::AttentionKind::kLinear;
    model::write_tiny_model(folder / "model", config, model::tiny_tensors(config));
    lut::example_device().write(folder / "device.h5");
    std::string requests, text;
    // Some three blocks of tokens.
    for (int k = 0; k < 600; ++k)
      requests +=
          json{{"context", letters(15, k)}, {"continuation", letters(8, 1000 + k)}}.dump() + "\n";
    write_file(folder / "requests.jsonl", requests);
    for (int k = 0; k < 300; ++k) text += letters(30, k);
    write_file(folder / "wiki.raw", text);
  }
  static std::string letters(int count, std::uint64_t seed) {
    Random random(seed);
    std::string text = "a";
    for (int i = 1; i < count; ++i) text += "abcdef"[random.below(6)];
    return text;
  }
  TaskRunOptions options(const std::string& attention) const {
    TaskRunOptions o;
    o.run.model = (folder / "model").string();
    o.run.attention = attention;
    o.run.threads = 2;
    if (attention == "analog") {
      o.run.device = (folder / "device.h5").string();
      // Read noise is drawn anew at every conversion: it has to go on where it was.
      o.run.spread = {"cell_gain=0.02", "relu_noise_c=1e-16", "signed_noise_c=1e-16"};
    }
    o.requests = (folder / "requests.jsonl").string();
    o.output = (folder / "out.json").string();
    o.journal_every_s = 0;
    return o;
  }
  TaskRunOptions text_options() const {
    TaskRunOptions o = options("linear");
    o.requests.clear();
    o.task = "wikitext2";
    o.data = (folder / "wiki.raw").string();
    return o;
  }
  static std::string bytes(const TaskRun& run) { return run.to_json().dump(); }

  // As with Ctrl-C in the second block.
  static int broken_off(TaskRunOptions o) {
    int blocks = 0;
    o.progress = [&](double) {
      if (++blocks == 2) characterize::ask_stop();
    };
    EXPECT_THROW((void)run_task(o), characterize::Interrupted);
    return blocks;
  }
  static int blocks_of(TaskRunOptions o, std::string& out) {
    int blocks = 0;
    o.progress = [&](double) { ++blocks; };
    const TaskRun run = run_task(o);
    EXPECT_THAT(run.journal->note(), HasSubstr("went on from"));
    out = bytes(run);
    run.journal->remove();
    return blocks;
  }
  void expect_same_bytes(const TaskRunOptions& o) {
    TaskRunOptions plain = o;
    plain.output.clear();
    int all = 0;
    plain.progress = [&](double) { ++all; };
    const std::string whole = bytes(run_task(plain));
    ASSERT_GT(all, 2);
    EXPECT_EQ(broken_off(o), 2);
    std::string out;
    EXPECT_EQ(blocks_of(o, out), all - 2);
    EXPECT_EQ(out, whole);
  }
  static std::string complaint(const TaskRunOptions& o) {
    try {
      (void)run_task(o);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(Resume, RequestsGoOnToTheSameBytes) {
  for (const char* attention : {"softmax", "linear", "analog"}) {
    SCOPED_TRACE(attention);
    expect_same_bytes(options(attention));
  }
}

TEST_F(Resume, WindowsOfATextGoOnToTheSameBytes) { expect_same_bytes(text_options()); }

TEST_F(Resume, ATornRecordIsDroppedAndThreadsMayBeOthers) {
  TaskRunOptions o = options("analog");
  TaskRunOptions plain = o;
  plain.output.clear();
  const std::string whole = bytes(run_task(plain));
  broken_off(o);
  const std::string journal = read_file(folder / "out.json.journal");
  std::ofstream(folder / "out.json.journal", std::ios::binary)
      << journal.substr(0, journal.size() - 5);
  std::string out;
  EXPECT_GT(blocks_of(o, out), 1);
  EXPECT_EQ(out, whole);
  broken_off(o);
  o.run.threads = 1;
  blocks_of(o, out);
  json one = json::parse(out), two = json::parse(whole);
  EXPECT_NE(one, two);
  one["settings"].erase("threads");
  two["settings"].erase("threads");
  EXPECT_EQ(one, two);
}

TEST_F(Resume, AJournalOfOtherSettingsIsRefusedWithWhatDiffers) {
  broken_off(options("linear"));
  TaskRunOptions other = options("linear");
  other.run.window = 7;
  other.limit = 590;
  EXPECT_THAT(complaint(other),
              AllOf(HasSubstr("out.json.journal: is the journal of another evaluation"),
                    HasSubstr("window: 24 there, 7 here"), HasSubstr("limit: null there, 590 here"),
                    HasSubstr("--fresh")));
  other.fresh = true;
  const TaskRun run = run_task(other);
  EXPECT_EQ(run.journal->note(), "");
  EXPECT_EQ(run.figures.at("items"), 590);
}

TEST_F(Resume, AnotherFileUnderTheJournalsNameStays) {
  write_file(folder / "out.json.journal", "notes of mine");
  EXPECT_THAT(complaint(options("linear")), HasSubstr("is a file of another kind"));
  EXPECT_EQ(read_file(folder / "out.json.journal"), "notes of mine");
}

}  // namespace
}  // namespace gaincell::cli
