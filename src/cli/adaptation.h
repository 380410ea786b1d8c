#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/device_files.h"
#include "cli/text_input.h"
#include "model/adapt.h"
#include "model/model.h"

namespace gaincell::cli {

// A model's scalers fitted to a device, as `gaincell adapt` and the Python package do it.
struct AdaptationOptions {
  std::string model, device, out;
  std::vector<std::string> published_variant;
  TextInput text;
  std::string level = "fast";
  std::vector<std::string> without;
  std::vector<std::string> hardware = {};  // see HardwareChanges
  std::optional<int> window;               // none = the model's own
  std::optional<double> token_period_s;    // none = the layers' own time
  int batch = 16, length = 256;            // calibration sequences, tokens of each
  std::uint64_t seed = 1;
  int threads = 0;
  std::string digital = "f32";  // what the digital layers multiply in
  model::AdaptOptions adapt;
  DeviceFiles* device_files = nullptr;  // of many adaptations; none = each reads its own
};

struct Adaptation {
  model::AdaptReport report;
  nlohmann::ordered_json record;  // what stands in the model folder's adaptation
  double seconds = 0;
  std::vector<std::string> warnings;  // what is unusual and no error

  nlohmann::ordered_json to_json() const;
};

// The command line of `gaincell adapt`.
void declare(Arguments& app, AdaptationOptions& options);
// What it finds for a model at hand, without a folder. Throws Error for wrong input.
Adaptation fit(const AdaptationOptions& options, const model::Model& model);
// Writes the model folder as well.
Adaptation adapt(const AdaptationOptions& options);

}  // namespace gaincell::cli
