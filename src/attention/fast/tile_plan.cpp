#include "attention/fast/tile_plan.h"

namespace gaincell::attention {

TilePlan::TilePlan(const FastModel& model, const Ring& ring)
    : model_(model), ring_(ring), part_slots_(model.slot_block == 1 ? 1 : kUnit) {
  const double middle = 0.5 * (model.slot_block - 1) - 0.5 * (model.age_block - 1);
  for (int lane = 0; lane < kUnit; ++lane)
    beyond_table_.push_back(static_cast<float>(middle - lane % model.slot_block));
}

void TilePlan::set(std::int64_t token) {
  const int window = ring_.window(), slot = static_cast<int>(token % window);
  const int begin = ring_.begin(slot, model_.age_block);
  const std::int64_t block = token - slot + begin;
  if (block == block_) return;
  block_ = block;
  parts_.clear();
  of_tile_.assign(1, 0);
  const bool first_lap = block < window;
  for (int at = 0; at < (first_lap ? begin + 1 : window); at = ring_.end(at, part_slots_)) {
    if (at > 0 && at % ring_.tile() == 0) of_tile_.push_back(static_cast<int>(parts_.size()));
    const int end = ring_.end(at, part_slots_);
    const bool is_written = at <= begin && begin < end;
    add(at, end, at > begin ? 1 : 0, is_written, begin);
    if (is_written && !first_lap && begin + 1 < end) add(at, end, 1, true, begin);
  }
  of_tile_.push_back(static_cast<int>(parts_.size()));
}

void TilePlan::add(int begin, int end, int laps_ago, bool is_written, int block) {
  const int age = block - begin + laps_ago * ring_.window();
  const double period = model_.options.token_period_s;
  const double middle_s = (age - 0.5 * (end - 1 - begin)) * period;
  // A lone slot has the table of its group's place in the unit.
  const int unit_age =
      part_slots_ == 1 ? age + ring_.lane_of(begin) / kernels::kGroup * kernels::kGroup : age;
  const auto fading = [&](const AgeTables& ages) {
    return static_cast<float>(ages.fading_per_s(middle_s) * period);
  };
  parts_.push_back({.begin = begin,
                    .end = end,
                    .unit = ring_.unit_of(begin),
                    .lane = ring_.lane_of(begin),
                    .laps_ago = laps_ago,
                    .is_written = is_written,
                    .first_table = model_.first_tables->unit(unit_age),
                    .second_table = model_.second_tables->unit(unit_age),
                    .first_fading = fading(model_.first_ages),
                    .second_fading = fading(model_.second_ages)});
}

}  // namespace gaincell::attention
