#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attention/analog.h"
#include "model/transformer.h"

namespace gaincell::cli {

// What a run held at the ends of ranges, layer by layer, and how a user hears of it.
struct RangeNotes {
  std::vector<attention::RangeReport> layers;
  double known_age_s = attention::Circuit::kUnlimited;
  std::vector<std::string> warnings = {};  // of what was plain before the run

  // Shares, over all and by layer and head.
  nlohmann::ordered_json to_json() const;
  // A line each; empty where nothing was held.
  std::vector<std::string> lines() const;
  // What is unusual (clipping is, above a share), a line each.
  std::vector<std::string> unusual() const;
  // On standard error: all, or that.
  void say() const;
  void warn() const;

 private:
  bool clips_as_usual() const;
};
// Of all layers since they were made.
std::vector<attention::RangeReport> range_reports(model::Transformer& transformer);

// Error where too large a share of what `text` tokens read would be older than the device's
// retention is known for.
void require_known_ages(const attention::Circuit& circuit, const attention::AnalogOptions& options,
                        std::int64_t text, int window);

// Where a device's currents and its converters' full scales do not go together, or its zero is
// none.
std::vector<std::string> circuit_warnings(const attention::Circuit& circuit);

}  // namespace gaincell::cli
