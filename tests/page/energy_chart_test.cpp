#include "plot/energy_chart.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gaincell {
namespace {

using nlohmann::json;

json energy_of(const char* kind_of_dac) {
  return {{"energy_j_per_token", {{"first_array", 4e-9}, {"write_dac", 2e-10}}},
          {"settings",
           {{"window", 64},
            {"layers", 1},
            {"heads", 2},
            {"energy_items",
             {{{"part", "first_array"}, {"kind", "active"}},
              {{"part", "write_dac"}, {"kind", kind_of_dac}},
              {{"part", "digital_control"}, {"kind", "digital"}}}}}}};
}

TEST(EnergyChart, SaysOfThePartsAtHandWhichAreThePapersAlone) {
  const plot::EnergyBars of_circuit = plot::energy_bars(energy_of("active"), "a");
  EXPECT_EQ(plot::said_of_published({of_circuit}),
            "Not simulated but taken over from there: digital_control (4 nJ)");
  const plot::EnergyBars of_paper = plot::energy_bars(energy_of("digital"), "b");
  EXPECT_EQ(plot::said_of_published({of_circuit, of_paper}),
            "Not simulated but taken over from there: digital_control (4 nJ), write_dac (330 pJ)");
  EXPECT_EQ(plot::said_of_published({}), "");
}

TEST(EnergyChart, PutsThePublishedFigureBesideASimulatedDac) {
  const auto names = [](const char* kind) {
    return plot::energy_chart({plot::energy_bars(energy_of(kind), "a")}).panels.front().x_names;
  };
  const auto has = [](const std::vector<std::string>& parts) {
    return std::find(parts.begin(), parts.end(), "write_dac") != parts.end();
  };
  EXPECT_TRUE(has(names("active")));
  EXPECT_FALSE(has(names("digital")));
}

}  // namespace
}  // namespace gaincell
