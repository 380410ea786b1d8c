#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sweep/family.h"
#include "sweep/parameters.h"

namespace gaincell::sweep {

// A value of `without`: all effects are on.
inline constexpr const char* kNothing = "nothing";

// One parameter of a study with the values that it takes; numbers, or places in `words`.
struct Axis {
  std::string name, unit, what;
  const Parameter* parameter = nullptr;  // null: a condition that the family's devices were made at
  std::vector<std::string> words{};      // empty: numbers
  std::vector<double> values{};
  bool whole = false;
  bool logarithmic = false;
  bool range = false;  // said by its ends: a draw may lie anywhere between

  bool varied() const { return values.size() > 1; }
  // As a user writes it: "64", "1e-05", "slow".
  std::string text(double value) const;
};

struct StudyText {
  std::string file, format = "plain", encoding{};
  bool special_tokens = false;
};

// A task of the field whose score is the outcome, in place of a text.
struct StudyTask {
  std::string name, data, labels{};
  std::optional<long> limit{};  // only its first so many items
};

// Scalers fitted to the circuit of each point before it is measured.
struct StudyAdaptation {
  StudyText text;
  std::optional<long> steps, batch, length, seed;
};

struct StudyDesign {
  enum class Kind { kGrid, kOneAtATime, kRandom, kLatinHypercube };
  Kind kind = Kind::kGrid;
  std::size_t points = 0;  // of draws
  std::uint64_t seed = 1;
};

// study.yaml: a model and a text, what is varied around them, and how.
struct Study {
  std::string path, yaml;
  std::string name, description;
  std::string model, attention;  // attention empty: the model's own
  StudyText text;                // its file is empty where there is a task
  std::optional<StudyTask> task;
  std::optional<long> tokens, stride;
  std::string against;  // empty: nothing beside it
  std::string level;    // empty: fast
  std::vector<std::string> published_variant;
  Family family;
  std::vector<std::string> device_files;  // all that the study names
  std::set<std::string> with_spread;      // of these, which state mismatch or noise
  std::optional<StudyAdaptation> adaptation;
  std::vector<std::uint64_t> seeds;  // of chip and noise; empty: those that infer has
  std::vector<Axis> axes;            // what is held first, then what is varied, as in the file
  StudyDesign design;
};

// Files in it are named from its folder on. Throws Error with file and line for what is unknown,
// out of range or without effect.
Study read_study(const std::string& path);

}  // namespace gaincell::sweep
