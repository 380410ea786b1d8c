#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "attention/analog.h"
#include "cli/arguments.h"
#include "cli/device_files.h"
#include "cli/hardware.h"
#include "cli/published_variant.h"
#include "cli/range_notes.h"
#include "lut/gain_cell_device.h"
#include "model/attention_choice.h"
#include "model/model.h"

namespace gaincell::cli {

// Which options a user gave, by name ("--window").
using WasGiven = std::function<bool(const char* option)>;

// What `infer` and `generate` have in common: a model, an attention, and what it takes to run them.
struct ModelRunOptions {
  std::string model;
  std::string attention;  // empty = the model's own
  std::string device;
  std::vector<std::string> published_variant;  // see parse_published_variant
  std::string level = "fast";
  std::vector<std::string> without;        // effects switched off
  std::vector<std::string> spread;         // mismatch and noise, see parse_spread
  std::vector<std::string> hardware = {};  // other numbers than it has, see HardwareChanges
  bool all_alike = false;                  // no mismatch and no noise, whatever the device states
  std::uint64_t seed = 1;                  // of the mismatch
  std::uint64_t noise_seed = 1;            // of the read noise
  double error_limit = 2e-3;               // of the fast level
  std::optional<int> window;               // none = the model's own
  std::optional<double> token_period_s;    // none = the layers' own time
  int threads = 0;                         // 0 = one per core
  std::string digital = "f32";             // what the digital layers multiply in
  DeviceFiles* device_files = nullptr;     // of many runs; none = each reads its own
  WasGiven was_given = {};                 // none = nobody asked for anything that is idle
};
void declare(Arguments& app, ModelRunOptions& options);
void declare_digital(Arguments& app, std::string& digital);  // --digital

// All of a run that is known before its attention is made, which takes far longer. Not movable: the
// choice refers to the device.
struct RunPlan {
  RunPlan(const ModelRunOptions& options, const model::Model& model);
  RunPlan(const RunPlan&) = delete;
  RunPlan& operator=(const RunPlan&) = delete;

  std::unique_ptr<const lut::GainCellDevice> device;
  model::AttentionChoice choice;
  // The attention's share of a token's way through the model: from q, k and v to the output, in all
  // layers one after the other; none where the attention has no circuits.
  std::optional<double> attention_latency_s;
  double known_age_s = attention::Circuit::kUnlimited;  // see require_known_ages()
  std::vector<std::string> warnings;                    // for the end of the run, with the notes
  // All that it takes to do the run again, file hashes included.
  nlohmann::ordered_json settings;

 private:
  void plan_circuits(const ModelRunOptions& options, const model::Model& model);
};

// A model that is ready to run.
struct ModelRun : RunPlan {
  explicit ModelRun(const ModelRunOptions& options);
  // Of a model at hand, in place of the options' folder.
  ModelRun(const ModelRunOptions& options, model::Model loaded);

  model::Model model;
  std::unique_ptr<model::Transformer> transformer;
  RangeNotes range_notes() { return {range_reports(*transformer), known_age_s, warnings}; }
  // Error where a pass over `text` tokens reads cells older than the device's retention is known
  // for.
  void require_known_ages(std::int64_t text) const;
};

// The device, checked, with latency and hash. `published` is the authors' analytic device.
struct DeviceFacts {
  std::unique_ptr<const lut::GainCellDevice> device;
  std::string sha256;                            // of the file; empty for the published device
  std::optional<lut::PublishedVariant> variant;  // of the published device; none for a file
  double latency_s_per_token(int layers) const;
};
// Error where a variant is asked of a file, which holds its own, and where a change is of something
// that it has not.
// `files`: those that are read already, and where this one then is.
DeviceFacts read_device(const std::string& path,
                        const std::vector<std::string>& published_variant = {},
                        const HardwareChanges& changes = {}, DeviceFiles* files = nullptr);

// Error where one of the options was given though nothing here heeds it.
void refuse_idle(const WasGiven& was_given, std::initializer_list<const char*> options,
                 const std::string& rule, const std::string& remedy);
// The seeds where nothing is drawn, and the fast level's limit at another.
void refuse_idle_engine_options(const WasGiven& was_given, const attention::Spread& spread,
                                const std::string& level);

// --token-period.
void declare_token_period(Arguments& app, std::optional<double>& seconds, const std::string& own);
// What was asked for, or the circuits' own time. Error where it is shorter than they need.
double token_period(const std::optional<double>& asked, double own_s, double least_s,
                    const std::string& needed_for);
// Of a model's layers, each of which needs the one before it, and in each of the queries that read
// one array one after the other: their own time is the shortest.
double token_period_of_layers(const std::optional<double>& asked, const DeviceFacts& facts,
                              const model::Config& config);
double attention_latency_s(const DeviceFacts& facts, const model::Config& config);

// --spread-seed and --noise-seed.
void declare_seeds(Arguments& app, std::uint64_t& spread, std::uint64_t& noise);

// Engine options from the command line. Error where a name is unknown.
attention::AnalogOptions analog_options(const std::string& level,
                                        const std::vector<std::string>& without,
                                        double token_period_s);
// --error-limit, for the fast level. Error where it is not between 1e-5 and 0.1.
void declare_error_limit(Arguments& app, double& error_limit);
void set_error_limit(double error_limit, attention::AnalogOptions& options);
// Mismatch and noise from `name=value` words (SI units), or the word `device`: what the device file
// states under `spread_<name>`, which is also what no words mean, with nothing where it states
// none. `mismatch_factor=` and `noise_factor=` multiply what stands before them, or the device's.
// Its `spread_cell_noise_c` is added to the noise of both converters, as of a column. Error where a
// name is unknown or a number is negative.
attention::Spread parse_spread(const std::vector<std::string>& words,
                               const lut::GainCellDevice& device);
nlohmann::ordered_json to_json(const attention::Spread& spread);
// What the fast level made of its error limit; errors are shares of a converter's full scale.
nlohmann::ordered_json to_json(const attention::FastReport& report, double error_limit);
// The same for people, from what to_json() gave.
std::string brief_fast_level(const nlohmann::ordered_json& fast_level);
nlohmann::ordered_json effect_names(attention::EffectSet effects);

// Number of threads for `asked`: itself, or one per core for 0. Error where it is negative.
int thread_count(int asked);

}  // namespace gaincell::cli
