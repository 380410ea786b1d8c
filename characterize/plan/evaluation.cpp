#include "characterize/plan/evaluation.h"

#include <algorithm>
#include <limits>

namespace gaincell::characterize {

Evaluation::Evaluation(const Bench& bench, const Point& point)
    : bench_(&bench), scope_(bench.scope), draw_(point.draw) {
  for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
    const Condition& c = bench.conditions[k];
    if (c.count > 0) {
      scope_.set(c.name, point.vectors[k]);
    } else {
      scope_.set(c.name, point.values[k]);
    }
  }
  if (bench.search) scope_.set(bench.search->over, point.searched.value_or(bench.search->minimum));
  set_parameters();
}

void Evaluation::set_parameters() {
  for (const Parameter& p : bench_->parameters) scope_.set(p.name, p.value.unchecked(scope_));
}

Evaluation Evaluation::within(const Analysis& analysis) const {
  Evaluation inside = *this;
  for (const Sweep& sweep : analysis.sweeps) {
    if (sweep.condition)
      inside.scope_.set(bench_->conditions[*sweep.condition].name,
                        std::numeric_limits<double>::quiet_NaN());
  }
  inside.set_parameters();
  return inside;
}

// A result of this name is none.
std::optional<double> Evaluation::temperature() const {
  constexpr const char* kName = "temperature";
  const auto named = [](const auto& one) { return one.name == kName; };
  const bool set = std::any_of(bench_->conditions.begin(), bench_->conditions.end(), named) ||
                   std::any_of(bench_->parameters.begin(), bench_->parameters.end(), named) ||
                   (bench_->search && bench_->search->over == kName);
  return set ? std::optional(*scope_.number(kName)) : std::nullopt;
}

std::size_t Evaluation::corner() const {
  const double* at = bench_->corners.size() > 1 ? scope_.number("corner") : nullptr;
  return at == nullptr ? 0 : static_cast<std::size_t>(*at);
}

}  // namespace gaincell::characterize
