#include "sweep/figures.h"

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"

namespace gaincell::sweep {

std::span<const Figure> figures() {
  static const std::vector<Figure> all{
      {"nats_per_token", "1", "mean -log p of a token"},
      {"nats_standard_error", "1", "of that, over blocks of the text"},
      {"perplexity", "1", "exp of the nats"},
      {"accuracy", "1", "share of a task's items that are right", true},
      {"accuracy_standard_error", "1", "of that, over items"},
      {"accuracy_norm", "1", "the same with choices by their length", true},
      {"accuracy_norm_standard_error", "1", "of that"},
      {"items", "1", "of the task"},
      {"same_top", "1", "share of tokens with the reference's likeliest first", true},
      {"same_top_standard_error", "1", "of that"},
      {"kl_nats", "1", "lost of the reference's distribution, per token"},
      {"kl_nats_standard_error", "1", "of that"},
      {"nats_difference", "1", "nats above the reference's on the same text"},
      {"nats_difference_standard_error", "1", "of that"},
      {"reference_nats_per_token", "1", "the reference's own"},
      {"energy_total_j", "J", "a token, all layers and heads"},
      {"energy_circuits_j", "J", "active and standing"},
      {"energy_active_j", "J", "reads, conversions, writes"},
      {"energy_standing_j", "J", "between tokens"},
      {"energy_digital_j", "J", "published control"},
      {"energy_first_array_j", "J", "reads of the keys and their conversions"},
      {"energy_second_array_j", "J", "reads of the values and their conversions"},
      {"energy_write_cells_j", "J", "writes of the cells"},
      {"energy_write_dac_j", "J", "DACs of the writes"},
      {"energy_standing_converters_j", "J", "converters between tokens"},
      {"energy_standing_bias_j", "J", "their mirror lines and start"},
      {"energy_standing_dac_j", "J", "DACs asleep"},
      {"energy_standing_cells_j", "J", "leakage of the cells"},
      {"energy_digital_control_j", "J", "published constant"},
      {"attention_latency_s", "s", "of a token, all layers"},
      {"cells", "1", "storage cells of all layers"},
      {"area_m2", "m2",
       "of the cells and converters: never known, no layout stands behind the circuits"},
      {"clipped_q", "1", "share of query values held at the ends of their range"},
      {"clipped_k", "1", "share of key values"},
      {"clipped_v", "1", "share of value values"},
      {"tokens", "1", "scored"},
  };
  return all;
}

std::size_t figure(const std::string& name) {
  const auto all = figures();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Figure& one) { return one.name == name; });
  if (found != all.end()) return static_cast<std::size_t>(found - all.begin());
  std::vector<std::string> names;
  for (const Figure& one : all) names.push_back(one.name);
  throw Error(
      {.value = name, .rule = "is no figure of a study", .remedy = suggest_remedy(name, names)});
}

}  // namespace gaincell::sweep
