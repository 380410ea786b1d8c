#pragma once

#include <cstdint>
#include <vector>

#include "attention/activity_counter.h"
#include "attention/fast/kernels.h"
#include "attention/fast/lines.h"
#include "attention/fast/model.h"
#include "attention/fast/ring.h"

namespace gaincell::attention {

// Conversions of many charges at once, on the nodes of energy::Conversions. Charges count in steps
// of whole numbers, so that sums are exact; a charge of 0 lies on a step.
class ConversionCounter {
 public:
  ConversionCounter(const energy::Conversions& nodes, double full_scale_c);
  void clear();
  // Where the kernels add their sums over `columns`, of which `conversions` count.
  kernels::Hinges hinges(int columns, int conversions) {
    if (columns_ > kColumnsInLanes) flush();
    conversions_ += conversions;
    columns_ += columns;
    return {.nodes = static_cast<int>(node_.size()),
            .node = node_.data(),
            .first_x = first_x_,
            .last_x = last_x_,
            .steps_per_x = steps_per_x_,
            .sum = lanes_.data()};
  }
  // On their nodes, and no longer here.
  void deposit(energy::Conversions& to);

 private:
  // So many columns, and one more call's, of up to kHingeSteps each fit a lane.
  static constexpr int kColumnsInLanes = 1 << 17;

  void flush();

  std::vector<std::uint16_t> node_;
  float first_x_, last_x_, steps_per_x_;
  Lines<std::int32_t> lanes_;  // [node][kUnit]
  std::vector<std::int64_t> sum_;
  double conversions_ = 0;
  int columns_ = 0;  // in lanes_
};

// What one head has done, apart from the other heads' so that threads need not meet. Reads of a
// block's queries are gathered, then put on the nodes at their mean age (the energy is nearly
// linear in age).
struct Books {
  explicit Books(const FastModel& model);

  void clear();
  // All that the head has done, with what is still gathered put on the nodes.
  energy::Activity activity(const FastModel& model) const;
  // Puts what has been gathered on the nodes where a block begins that is not gathered with the one
  // before. Gathered sums are kept small enough for single precision, and the ages in them near
  // each other; where they are put on the nodes follows from the token alone.
  void deposit_at(std::int64_t block, const FastModel& model, int window);

  ActivityCounter counter;
  ConversionCounter first, second;
  Lines<std::int32_t> first_reads;  // of kernels::count_key_reads
  Lines<float> reads;               // kernels::Reads::count
  double cells[kLevels] = {};       // of the second array
  double tokens = 0, ages = 0;      // tokens seen by the queries, and their ages' sum
  double age_sum_s = 0;             // of the rows with a pulse
  std::int64_t pulses = 0;          // their number
  std::int64_t gathered = 0;        // which of the runs of tokens that are gathered together

 private:
  void clear_gathered();
  void deposit(const FastModel& model);
  void deposit_second_reads(double mean_age_s);
};

}  // namespace gaincell::attention
