#include <fmt/format.h>

#include <stdexcept>

#include "base/units.h"
#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string card(const AnalysisArguments& arguments) {
  if (arguments.sweeps.empty()) return ".op";  // a single point
  std::string text = ".dc";
  for (const SweepCard& sweep : arguments.sweeps)
    text += fmt::format(" {} {} {} {}", sweep.element, format_exact(sweep.start),
                        format_exact(sweep.stop), format_exact(sweep.step));
  return text;
}

static Proof proof(const AnalysisArguments& arguments) {
  if (arguments.sweeps.empty()) return {.plot = "op", .count = 1};
  std::uint64_t count = 1;
  for (const SweepCard& sweep : arguments.sweeps) count *= sweep.points;
  return {.plot = "dc", .count = count};
}

AnalysisKind analysis_dc() {
  static const Block sweep{
      "Sweeps of a dc analysis",
      "",
      {{"source", form::name(), Key::Presence::kRequired, "the source that takes the values"},
       {"condition", form::name(), Key::Presence::kRequired, "a swept condition of this bench"}}};
  return {"dc",
          "operating points over one or two sources swept inside one run, the first innermost; "
          "other conditions make further runs",
          {{"sweeps", form::list(form::block(sweep)), Key::Presence::kRequired, "one or two"}},
          "",
          SignalKind::kReal,
          card,
          proof};
}

}  // namespace gaincell::characterize
