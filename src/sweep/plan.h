#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sweep/design.h"

namespace gaincell::sweep {

// All that a study's file says beside its figures. What shards and journals carry, so that nobody
// needs the study's files to join them.
struct StudyPlan {
  std::string name, description, yaml;
  std::string design;  // "grid" ..
  std::vector<Axis> axes;
  std::vector<Point> points;
  std::vector<std::uint64_t> seeds;      // empty: nothing is said of seeds, one run a point
  std::vector<std::string> commands;     // one a run
  std::vector<std::string> adaptations;  // one a point, or none
  // What the figures follow from: program, settings, hashes of files. Equal ones, equal figures.
  nlohmann::ordered_json identity;

  std::size_t seed_count() const { return seeds.empty() ? 1 : seeds.size(); }
  std::size_t runs() const { return points.size() * seed_count(); }
  std::size_t point_of(std::size_t run) const { return run / seed_count(); }
  std::string run_name(std::size_t run) const;  // "point 3 (window=64), seed 2"

  nlohmann::ordered_json to_json() const;
  static StudyPlan from_json(const nlohmann::json& json);
};

// The plan of a study but for hashes, which `identity` gets beside what stands in it.
StudyPlan plan_study(const Study& study);

// Where two identities differ: "/vary/window/0: 16 there, 32 here", a line each, at most `most`.
std::vector<std::string> differences(const nlohmann::json& there, const nlohmann::json& here,
                                     std::size_t most);

}  // namespace gaincell::sweep
