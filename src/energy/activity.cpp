#include "energy/activity.h"

#include <cassert>
#include <numeric>

namespace gaincell::energy {
namespace {

void add(std::vector<double>& to, const std::vector<double>& from) {
  if (to.empty()) to.assign(from.size(), 0.0);
  assert(from.empty() || to.size() == from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

void add(CellReads& to, const CellReads& from) {
  if (to.count.empty()) {
    to = from;
    return;
  }
  if (from.count.empty()) return;
  assert(to.age_s == from.age_s && to.pulse_s == from.pulse_s && to.levels == from.levels);
  add(to.count, from.count);
}

void add(Conversions& to, const Conversions& from) {
  if (to.count.empty()) {
    to = from;
    return;
  }
  if (from.count.empty()) return;
  assert(to.charge_c == from.charge_c);
  add(to.count, from.count);
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

double CellReads::total() const { return sum(count); }
double Conversions::total() const { return sum(count); }

Installed& Installed::operator+=(const Installed& other) {
  first_columns += other.first_columns;
  second_columns += other.second_columns;
  sub_tiles += other.sub_tiles;
  cells += other.cells;
  return *this;
}

Activity& Activity::operator+=(const Activity& other) {
  tokens += other.tokens;
  token_heads += other.token_heads;
  sub_tile_steps += other.sub_tile_steps;
  dac_values += other.dac_values;
  add(writes, other.writes);
  add(first_reads, other.first_reads);
  add(second_reads, other.second_reads);
  add(first_conversions, other.first_conversions);
  add(second_conversions, other.second_conversions);
  installed += other.installed;
  return *this;
}

std::vector<double*> Activity::counts() {
  std::vector<double*> all{&tokens,
                           &token_heads,
                           &sub_tile_steps,
                           &dac_values,
                           &installed.first_columns,
                           &installed.second_columns,
                           &installed.sub_tiles,
                           &installed.cells};
  for (auto* list : {&writes, &first_reads.count, &second_reads.count, &first_conversions.count,
                     &second_conversions.count})
    for (double& count : *list) all.push_back(&count);
  return all;
}

Activity Activity::since(const Activity& earlier) const {
  Activity minus = earlier;
  for (double* count : minus.counts()) *count = -*count;
  minus += *this;
  return minus;
}

}  // namespace gaincell::energy
