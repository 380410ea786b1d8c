#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lut/gain_cell_device.h"

namespace gaincell::report {

// One inference as `gaincell infer --json` printed it.
struct Run {
  std::string label;
  nlohmann::json inference;
};

struct Comparison {
  std::vector<Run> runs;
  std::optional<double> token_period_s;  // of the uniform levels; none = one layer's own time
  std::vector<std::pair<std::string, double>> seconds;  // step of the pipeline -> wall clock
};

// Reads one run; the label is the file's name without its ending. Throws Error naming the key that
// a result of `gaincell infer --json` must have and this file does not.
Run read_run(const std::string& path);

// Runs side by side, in Markdown: perplexity; energy per token and head by part, active, standing
// and digital, what is not counted, and attention latency beside the published figures (Leroux et
// al. 2025: 1,120 / 700 / 4,000 / 330 pJ, 65 ns, at a window of 1,024), with the device's energy on
// uniform levels at that window; errors of the tables; run times. Runs without circuits have no
// energy, which is said and not filled in.
std::string markdown(const Comparison& comparison, const lut::GainCellDevice& device);

}  // namespace gaincell::report
