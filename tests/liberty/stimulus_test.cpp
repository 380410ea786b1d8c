// What is simulated of a cell: by its functions alone.
#include "liberty/stimulus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gaincell::liberty {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Cell nand2() {
  Cell cell;
  cell.name = "nand2";
  cell.inputs = {"A", "B"};
  cell.outputs.push_back({"Y", Function("!(A & B)")});
  return cell;
}

Cell flip_flop() {
  Cell cell;
  cell.name = "dff";
  cell.inputs = {"D", "CK", "RN"};
  cell.outputs.push_back({"Q", Function("IQ")});
  cell.kind = Kind::kFlipFlop;
  cell.clock = {1, true};
  cell.data = 0;
  cell.clear = Control{2, false};
  return cell;
}

CellLibrary library_of(Cell cell) {
  CellLibrary library;
  library.slews_s = {5e-12, 50e-12};
  library.loads_f = {1e-15, 5e-15, 10e-15};
  library.constraint_slews_s = library.slews_s;
  library.holdout_slews = library.holdout_loads = 2;
  library.cells = {std::move(cell)};
  return library;
}

TEST(CellBehaviour, AFlipFlopTakesItsDataAtTheEdge) {
  const Cell cell = flip_flop();
  Behaviour dff(cell, 0b100);  // RN high
  dff.drive(0, true);
  EXPECT_FALSE(dff.output(0));
  dff.drive(1, true);
  EXPECT_TRUE(dff.output(0));
  dff.drive(0, false);
  EXPECT_TRUE(dff.output(0));
  dff.drive(2, false);
  EXPECT_FALSE(dff.output(0));
}

TEST(CellBehaviour, AClockGateHoldsItsEnableWhileTheClockIsHigh) {
  Cell cell;
  cell.inputs = {"E", "CK"};
  cell.outputs.push_back({"GCK", Function("CK & IQ")});
  cell.kind = Kind::kClockGate;
  cell.clock = {1, true};
  Behaviour gate(cell, 0b10);
  gate.drive(0, true);
  EXPECT_FALSE(gate.output(0));
  gate.drive(1, false);
  gate.drive(1, true);
  EXPECT_TRUE(gate.output(0));
}

TEST(CellStimuli, EachStateThatMovesTheOutputHasAllLoadsAndTheOthersOne) {
  const CellLibrary library = library_of(nand2());
  const std::vector<Stimulus> all = stimuli(library);
  ASSERT_EQ(all.size(), 4u);  // two pins, and their hold-out points
  const Stimulus& a = all[0];
  ASSERT_EQ(a.copies.size(), 4u);
  EXPECT_EQ(a.copies[0].levels, 0u);  // B low: the output stays
  EXPECT_EQ(a.copies[1].levels, 2u);
  EXPECT_THAT(outcomes(library.cells[0], a, a.copies[0])[0].moved, IsEmpty());
  const std::vector<Outcome> moved = outcomes(library.cells[0], a, a.copies[3]);
  EXPECT_THAT(moved[0].moved, ElementsAre(0u));
  EXPECT_FALSE(moved[0].outputs[0]);
  EXPECT_TRUE(moved[1].outputs[0]);
}

TEST(CellStimuli, HoldOutPointsLieInsideTheGridAndAreTheSameEachTime) {
  const CellLibrary library = library_of(nand2());
  const std::vector<Stimulus> once = stimuli(library), again = stimuli(library);
  std::size_t held = 0;
  for (std::size_t k = 0; k < once.size(); ++k) {
    EXPECT_EQ(once[k].slews_s, again[k].slews_s);
    if (!once[k].holdout) continue;
    ++held;
    ASSERT_EQ(once[k].slews_s.size(), 2u);
    EXPECT_GT(once[k].slews_s.front(), library.slews_s.front());
    EXPECT_LT(once[k].slews_s.back(), library.slews_s.back());
  }
  EXPECT_EQ(held, 2u);
}

TEST(CellStimuli, AFlipFlopIsBroughtThroughAllOfItsEdges) {
  const CellLibrary library = library_of(flip_flop());
  std::set<std::pair<std::size_t, bool>> seen, hidden;
  for (const Stimulus& one : stimuli(library)) {
    if (one.holdout || one.leakage) continue;
    const std::vector<Outcome> all = outcomes(library.cells[0], one, one.copies[0]);
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (!one.steps[k].measured) continue;
      if (all[k].moved.empty()) hidden.insert({one.steps[k].pin, one.steps[k].high});
      for (const std::size_t output : all[k].moved)
        seen.insert({one.steps[k].pin, all[k].outputs[output]});
    }
  }
  using Edges = std::set<std::pair<std::size_t, bool>>;
  EXPECT_EQ(seen, (Edges{{1, true}, {1, false}, {2, false}}));
  EXPECT_EQ(hidden, (Edges{{0, true}, {0, false}, {1, true}, {1, false}, {2, true}, {2, false}}));
}

TEST(CellConstraints, OfAFlipFlopWithClear) {
  const std::vector<Constraint> all = constraints(library_of(flip_flop()));
  std::set<std::string> names;
  for (const Constraint& one : all) names.insert(one.name);
  EXPECT_EQ(names, (std::set<std::string>{"dff_D_setup_rise", "dff_D_setup_fall", "dff_D_hold_rise",
                                          "dff_D_hold_fall", "dff_RN_recovery_rise",
                                          "dff_RN_removal_rise"}));
  for (const Constraint& one : all) {
    EXPECT_EQ(one.ahead(), one.name.find("setup") != std::string::npos ||
                               one.name.find("recovery") != std::string::npos)
        << one.name;
    if (one.name == "dff_D_setup_rise") {
      EXPECT_TRUE(one.output_rises);
    }
    // Data that falls behind the edge was high at it.
    if (one.name == "dff_D_hold_fall") {
      EXPECT_TRUE(one.output_rises);
    }
  }
}

}  // namespace
}  // namespace gaincell::liberty
