#include "energy/activity.h"

#include <gtest/gtest.h>

namespace gaincell::energy {
namespace {

CellReads reads(double first) {
  return {Nodes({0, 1}), PulseNodes(5, 1), 2, {first, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
}

Activity activity() {
  Activity one;
  one.tokens = 1;
  one.token_heads = 2;
  one.sub_tile_steps = 3;
  one.dac_values = 4;
  one.writes = {5, 6};
  one.first_reads = reads(1);
  one.second_reads = reads(100);
  one.first_conversions = {Nodes({-1, 1}), {7, 8}};
  one.second_conversions = {Nodes({-2, 2}), {9, 10}};
  return one;
}

void expect_times(const Activity& some, double n) {
  EXPECT_EQ(some.tokens, n * 1);
  EXPECT_EQ(some.token_heads, n * 2);
  EXPECT_EQ(some.sub_tile_steps, n * 3);
  EXPECT_EQ(some.dac_values, n * 4);
  EXPECT_EQ(some.writes, (std::vector<double>{n * 5, n * 6}));
  EXPECT_EQ(some.first_reads.total(), n * (12 * 13 / 2.0));
  EXPECT_EQ(some.second_reads.total(), n * (12 * 13 / 2.0 + 99));
  EXPECT_EQ(some.first_conversions.count, (std::vector<double>{n * 7, n * 8}));
  EXPECT_EQ(some.second_conversions.count, (std::vector<double>{n * 9, n * 10}));
}

TEST(CellReads, LieByAgeThenPulseThenLevel) {
  CellReads some = reads(1);
  EXPECT_EQ(some.at(0, 0)[0], 1);
  EXPECT_EQ(some.at(0, 0)[1], 2);
  EXPECT_EQ(some.at(0, 2)[0], 5);
  EXPECT_EQ(some.at(1, 0)[0], 7);
  EXPECT_EQ(std::as_const(some).at(1, 2)[1], 12);
  EXPECT_EQ(some.at(1, 2) - some.at(0, 0), 10);
}

TEST(Conversions, AddUpOverCharges) {
  EXPECT_EQ((Conversions{Nodes({-1, 1}), {7, 8}}).total(), 15);
  EXPECT_EQ(Conversions{}.total(), 0);
}

TEST(Activity, AddsEveryCount) {
  Activity sum = activity();
  sum += activity();
  sum += activity();
  expect_times(sum, 3);
}

TEST(Activity, OfNothingTakesTheOthersNodes) {
  Activity sum;
  sum += activity();
  expect_times(sum, 1);
  EXPECT_EQ(sum.first_reads.age_s, Nodes({0, 1}));
  EXPECT_EQ(sum.first_reads.pulse_s, PulseNodes(5, 1));
  EXPECT_EQ(sum.first_reads.levels, 2);
  EXPECT_EQ(sum.second_conversions.charge_c, Nodes({-2, 2}));
  sum += Activity{};
  expect_times(sum, 1);
}

TEST(Activity, SinceAnEarlierOneIsTheDifference) {
  Activity later = activity();
  later += activity();
  later += activity();
  expect_times(later.since(activity()), 2);
  expect_times(later.since(later), 0);
  expect_times(activity().since({}), 1);
}

}  // namespace
}  // namespace gaincell::energy
