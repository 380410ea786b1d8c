// The audit's arithmetic, on made-up pulses.
#include "audit/audit.h"

#include <gtest/gtest.h>

#include "base/store/reader.h"
#include "tests/lut/example_device.h"

namespace gaincell::audit {
namespace {

constexpr double kTMax = 15e-9;

Comparison made_up() {
  Comparison comparison;
  const double spice[] = {0, 5e-9, 10e-9, 15e-9}, off[] = {0, 30e-12, -60e-12, 10e-12};
  for (int i = 0; i < 4; ++i) {
    comparison.columns.push_back(
        {{0, 0, i, 0, i}, true, "", spice[i], spice[i] + off[i], spice[i] + 2 * off[i]});
    comparison.cases.push_back({{0, 0, i, 0, i}, {0.4, 0.5}, {1e-9, 2e-9}, spice[i]});
  }
  comparison.columns.push_back({{}, false, "no convergence", 0, 1, 1});
  comparison.cases.push_back({{}, {0.4, 0.5}, {1e-9, 2e-9}, 0});
  return comparison;
}

TEST(Deviation, IsOfTheColumnsThatRan) {
  const Comparison comparison = made_up();
  EXPECT_EQ(comparison.failed(), 1u);
  const Deviation d = comparison.of(&Compared::column_s, 1e-12);
  EXPECT_EQ(d.points, 4u);
  EXPECT_NEAR(d.rms, std::sqrt((900.0 + 3600.0 + 100.0) / 4), 1e-6);
  EXPECT_NEAR(d.max, 60, 1e-6);
  EXPECT_NEAR(d.bias, -5, 1e-6);
  EXPECT_NEAR(comparison.of(&Compared::fast_s, 1e-12).max, 120, 1e-6);
  EXPECT_EQ(comparison.worst(&Compared::column_s, 2), (std::vector<std::size_t>{2, 1}));
}

TEST(Counts, DifferWhereTheCounterRoundsOtherwise) {
  Comparison comparison;
  const double lsb = 2 * kTMax / 31;
  comparison.columns = {{{}, true, "", 3.4 * lsb, 3.45 * lsb, 3.6 * lsb},
                        {{}, true, "", -2.49 * lsb, -2.51 * lsb, -2.3 * lsb},
                        {{}, false, "", 0, 5 * lsb, 5 * lsb}};
  EXPECT_EQ(comparison.counts_that_differ(&Compared::column_s, kTMax, 32), 0.5);
  EXPECT_EQ(comparison.counts_that_differ(&Compared::fast_s, kTMax, 32), 0.5);
}

using AuditFile = lut::TemporaryFolder;

TEST_F(AuditFile, HoldsEveryColumnAndTheWorstDeck) {
  Audit audit;
  audit.title = "made up";
  audit.t_max_s = audit.full_scale_s = kTMax;
  audit.output_levels = 32;
  audit.first = audit.second = made_up();
  audit.worst_decks = {"* deck one\n.end\n", "* deck two\n.end\n"};
  const auto json = audit.to_json();
  EXPECT_NEAR(json["column"]["pulse_max_percent"].get<double>(), 0.4, 1e-9);
  EXPECT_NEAR(json["column"]["output_max_lsb"].get<double>(), 60e-12 / audit.lsb_s(), 1e-9);
  EXPECT_EQ(json["failures"]["first"][0]["reason"], "no convergence");
  std::size_t counted = 0;
  for (const auto& n : json["histogram"]["pulse"]["count"]) counted += n.get<std::size_t>();
  EXPECT_EQ(counted, 4u);
  EXPECT_EQ(json["worst"]["first"][0]["token"], 2);

  audit.write(file_, "{}");
  const auto root = store::Reader(file_).root();
  const auto first = root.group("first");
  EXPECT_EQ(first.dataset("v_store").shape(), (std::vector<std::size_t>{5, 2}));
  EXPECT_TRUE(std::isnan(first.dataset("spice_pulse").read_vector<double>()[4]));
  EXPECT_EQ(root.group("second").dataset("worst_deck").read_scalar<std::string>(),
            "* deck two\n.end\n");
  EXPECT_FALSE(root.has("sub_tile_first"));
}

}  // namespace
}  // namespace gaincell::audit
