#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.h"
#include "characterize/measure/measure.h"
#include "characterize/schema/expression.h"

namespace gaincell::characterize {

std::span<const MeasureKind> measure_kinds() {
  static const std::vector<MeasureKind> kinds{
      measure_value(),    measure_integral(), measure_charge(),      measure_energy(),
      measure_crossing(), measure_delay(),    measure_width(),       measure_time_above(),
      measure_minimum(),  measure_maximum(),  measure_minimum_at(),  measure_maximum_at(),
      measure_average(),  measure_rms(),      measure_total_noise(), measure_peak_to_peak(),
      measure_slope(),    measure_settling(), measure_loss_time(),   measure_time_constant(),
      measure_formula(),
  };
  return kinds;
}

const MeasureKind& measure_kind(std::string_view name) {
  for (const MeasureKind& kind : measure_kinds()) {
    if (kind.name == name) return kind;
  }
  throw NoResult(fmt::format("there is no measurement `{}`", name));
}

double measure(Waves& waves, const MeasureCall& call) {
  const MeasureKind& kind = measure_kind(call.kind);
  if (kind.measure == nullptr || call.signals.empty())
    throw NoResult(fmt::format("`{}` cannot be measured on a run", call.kind));
  const double result = kind.measure(waves, call) * call.number("scale", 1);
  if (!std::isfinite(result)) throw NoResult("the result is not finite");
  return result;
}

std::string reason_without(const std::string& result) {
  return fmt::format("it follows from `{}`, which has no number", result);
}

namespace {

double derive(const std::string& argument, const Derived& derived,
              std::span<const Measured> before) {
  Scope scope;
  for (const auto& [name, value] : derived.known) scope.set(name, value);
  for (const auto& [name, call] : derived.results) {
    if (call >= before.size()) throw NoResult("it follows from what is not measured before it");
    const Measured& result = before[call];
    if (!result.reason.empty()) throw NoResult(reason_without(name));
    scope.set(name, result.value);
  }
  const double value = Expression(derived.expression, scope, {}).unchecked(scope);
  if (!std::isfinite(value)) throw NoResult(fmt::format("`{}` is not a finite number", argument));
  return value;
}

}  // namespace

std::vector<Measured> measure_all(std::span<const MeasureCall> calls,
                                  const std::function<Waves&(const MeasureCall&)>& waves) {
  std::vector<Measured> results;
  results.reserve(calls.size());
  for (const MeasureCall& call : calls) {
    Measured result;
    try {
      if (call.derived.empty()) {
        result.value = measure(waves(call), call);
      } else {
        MeasureCall known = call;
        for (const auto& [name, derived] : call.derived)
          known.numbers[name] = derive(name, derived, results);
        result.value = known.has("formula") ? known.number("formula", 0) * known.number("scale", 1)
                                            : measure(waves(call), known);
      }
      if (!std::isfinite(result.value)) result.reason = "the result is no finite number";
    } catch (const NoResult& none) {
      result.reason = none.what();
    }
    results.push_back(std::move(result));
  }
  return results;
}

double MeasureCall::number(const std::string& name, double otherwise) const {
  const auto at = numbers.find(name);
  return at == numbers.end() ? otherwise : at->second;
}

std::string MeasureCall::word(const std::string& name, const std::string& otherwise) const {
  const auto at = words.find(name);
  return at == words.end() ? otherwise : at->second;
}

namespace detail {

Window window_of(const Waves& waves, const MeasureCall& call) {
  const Window window{call.number("from", waves.begin()), call.number("to", waves.end())};
  const double slack = slack_of(waves);
  for (const double x : {window.from, window.to}) {
    if (x < waves.begin() - slack || x > waves.end() + slack)
      throw NoResult(fmt::format("from {} to {} lies outside the run ({} to {})", show(window.from),
                                 show(window.to), show(waves.begin()), show(waves.end())));
  }
  if (window.to < window.from - slack)
    throw NoResult(
        fmt::format("`to` = {} lies before `from` = {}", show(window.to), show(window.from)));
  // A run from initial conditions begins a hair after 0.
  return {std::clamp(window.from, waves.begin(), waves.end()),
          std::clamp(window.to, waves.begin(), waves.end())};
}

Key key(std::string name, Form form, std::string text) {
  return {std::move(name), std::move(form), Key::Presence::kOptional, std::move(text)};
}

Key required(std::string name, Form form, std::string text) {
  return {std::move(name), std::move(form), Key::Presence::kRequired, std::move(text)};
}

std::vector<Key> window_keys() {
  return {key("from", form::scale_quantity(), "start of the stretch; default the start of the run"),
          key("to", form::scale_quantity(), "its end; default the end of the run")};
}

Key otherwise_key() {
  return key("otherwise", form::result_quantity(),
             "the result where the event does not happen; without it such a point is a failed one");
}

double otherwise(const MeasureCall& call, const std::string& reason) {
  if (call.has("otherwise")) return call.number("otherwise", 0);
  throw NoResult(reason);
}

std::string show(double value) { return format_exact(value); }

const Crossing* pick(std::span<const Crossing> all, const std::string& edge, double number) {
  std::vector<const Crossing*> fitting;
  for (const Crossing& one : all) {
    if (edge == "either" || (one.edge == Edge::kRise) == (edge == "rise")) fitting.push_back(&one);
  }
  const auto count = static_cast<double>(fitting.size());
  const double index = number > 0 ? number - 1 : count + number;
  if (number == 0 || index < 0 || index >= count) return nullptr;
  return fitting[static_cast<std::size_t>(index)];
}

Extreme extreme(Waves& waves, const MeasureCall& call,
                const std::function<bool(double, double)>& better) {
  const Window window = window_of(waves, call);
  const auto y = waves.signal(call.signals[0]);
  const auto x = waves.scale();
  Extreme best{window.from, value_at(waves, y, window.from)};
  const auto consider = [&](double at, double value) {
    if (better(value, best.y)) best = {at, value};
  };
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k] > window.from && x[k] < window.to) consider(x[k], y[k]);
  }
  consider(window.to, value_at(waves, y, window.to));
  return best;
}

}  // namespace detail
}  // namespace gaincell::characterize
