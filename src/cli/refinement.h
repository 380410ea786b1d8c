#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "characterize/campaign/campaign_plan.h"
#include "lut/compile.h"

namespace gaincell::cli {

// "bench.condition" of the axes that the simulator itself goes along, in even steps: nodes beside
// them would have no run.
std::vector<std::string> swept_inside(const characterize::CampaignPlan& campaign,
                                      const std::string& bench);

inline constexpr const char* kRefineHelp =
    "begin with a quarter of the values of each table's axes, and add some where a hold-out says "
    "the "
    "error is, until the tables' limits hold";

// Axes that begin with few of the bench's values and get more where a table misses its limit
// (`--refine`). Refined are the axes of tables that all have a limit, where a value costs
// simulations.
class Refinement {
 public:
  // Of the benches as they stand. Throws Error where no axis can be refined.
  explicit Refinement(const characterize::CampaignPlan& whole);

  // What the next campaign is to run.
  const std::vector<characterize::AxisValues>& axes() const { return axes_; }
  // Adds values where limits are missed; false where none is, or none can be added.
  bool add(const lut::Compiled& compiled);

  std::size_t rounds() const { return rounds_; }
  std::size_t whole_simulations() const { return whole_simulations_; }
  // For people: a line an axis, and one of the simulations.
  std::string brief(std::size_t simulations) const;
  nlohmann::json to_json() const;

 private:
  struct Wish {
    characterize::AxisValues* axis;
    double value, off;
  };
  struct Reached {
    std::size_t values;  // of all axes of the table's bench
    double error;
  };

  std::size_t values_of(const std::string& bench) const;
  bool stuck(const lut::TableEntry& entry);
  std::vector<Wish> wishes_of(const lut::TableEntry& entry);
  characterize::AxisValues* find(const std::string& bench, const std::string& axis);

  std::vector<characterize::AxisValues> axes_;
  std::vector<characterize::AxisValues> bench_axes_;       // the same, as the benches have them
  std::map<std::string, std::vector<std::string>> fixed_;  // by bench: the axes that stay
  std::map<std::string, std::vector<Reached>> reached_;    // by table, round by round
  std::size_t rounds_ = 1, whole_simulations_ = 0;
};

}  // namespace gaincell::cli
