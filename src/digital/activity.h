#pragma once

#include <cstdint>
#include <vector>

#include "attention/analog.h"
#include "attention/circuit.h"

namespace gaincell::digital {

// Sizes, levels and times that one head's digital control (rtl/head_control.v) is made for.
struct Head {
  int dim = 64, window = 64, tile = 64;
  int q_levels = 16, kv_levels = 8, output_levels = 32;
  double t_max_s = 15e-9;              // of the top level of q
  double output_full_scale_s = 15e-9;  // signed pulse that means 1
  double v_max = 0.9;                  // of the top code of k and v

  static Head of(const attention::Shape& shape, const attention::Circuit& circuit);
  int sub_tiles() const { return (window + tile - 1) / tile; }
};

// What one token makes the digital control of one head do. Where no token stands yet, pulses and
// counts are 0.
struct TokenActivity {
  std::int64_t token = 0;                                // since reset
  int slot = 0;                                          // of the ring, that is written
  std::vector<std::uint8_t> q_levels, k_codes, v_codes;  // [dim]
  std::vector<double> relu_pulse_s;                      // [slot]
  std::vector<double> signed_pulse_s;                    // [sub-tile][dim]
  std::vector<int> counts;                               // [sub-tile][dim], of these pulses
  std::vector<int> sums;                                 // [dim], over the sub-tiles
};

// From what the engine shows of a step, with all effects on.
TokenActivity activity_of(const Head& head, const attention::StepTrace& trace);

// Keeps the activity of one head of one layer while an inference runs: of `tokens` tokens from
// `first` on.
class ActivityRecorder {
 public:
  ActivityRecorder(const Head& head, int head_index, std::int64_t first, std::int64_t tokens);
  ActivityRecorder(const ActivityRecorder&) = delete;
  ActivityRecorder& operator=(const ActivityRecorder&) = delete;

  // Observes the layer; the recorder must outlive its runs.
  void attach(attention::Analog& engine);

  const Head& head() const { return head_; }
  const std::vector<TokenActivity>& tokens() const { return kept_; }

 private:
  Head head_;
  int head_index_;
  std::int64_t first_, tokens_;
  std::vector<TokenActivity> kept_;
};

}  // namespace gaincell::digital
