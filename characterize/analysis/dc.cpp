#include <fmt/format.h>

#include "base/units.h"
#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string dc_card(const AnalysisArguments& arguments) {
  if (arguments.sweeps.empty()) return ".op";  // a single point
  std::string text = ".dc";
  for (const SweepCard& sweep : arguments.sweeps)
    text += fmt::format(" {} {} {} {}", sweep.element, format_exact(sweep.start),
                        format_exact(sweep.stop), format_exact(sweep.step));
  return text;
}

static Proof dc_proof(const AnalysisArguments& arguments) {
  if (arguments.sweeps.empty()) return {.plot = "op", .count = 1};
  std::uint64_t count = 1;
  for (const SweepCard& sweep : arguments.sweeps) count *= sweep.values.size();
  return {.plot = "dc", .count = count, .axis = arguments.sweeps.front().values};
}

const Block& sweep_block() {
  static const Block sweep{
      "Sweeps of a dc analysis",
      "Measurements but `value` without `at` lie along the first sweep; `edge` and `number` are as "
      "seen "
      "along its rising values, whichever way it runs.",
      {{"source", form::name(), Key::Presence::kRequired, "the source that takes the values"},
       {"condition", form::name(), Key::Presence::kOptional,
        "a swept condition of this bench: every value is a point"},
       {"start", form::own_quantity(), Key::Presence::kOptional,
        "in place of `condition`, of the first sweep: a sweep of its own that measurements are "
        "made "
        "along; its first value"},
       {"stop", form::own_quantity(), Key::Presence::kOptional,
        "its last value; below `start` it runs downwards"},
       {"points", form::integer(2), Key::Presence::kOptional, "how many, ends included"},
       {"step", form::word({"linear", "logarithmic"}), Key::Presence::kOptional,
        "spacing; default `linear`"}}};
  return sweep;
}

AnalysisKind analysis_dc() {
  return {
      "dc",
      "operating points over one or two sources swept inside one run, the first innermost; "
      "other conditions make further runs",
      {{"sweeps", form::list(form::block(sweep_block())), Key::Presence::kRequired, "one or two"}},
      "",
      SignalKind::kReal,
      dc_card,
      dc_proof};
}

}  // namespace gaincell::characterize
