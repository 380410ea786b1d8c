#include <fmt/format.h>

#include "base/units.h"
#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

using detail::number;

static std::string tran_card(const AnalysisArguments& arguments) {
  const double step = number(arguments, "step", 0);
  const double stop = number(arguments, "stop", 0);
  const double start = number(arguments, "start", 0);
  const double max_step = number(arguments, "max_step", step);
  if (!(step > 0)) throw BadCard("`step` must be greater than 0");
  if (!(max_step > 0)) throw BadCard("`max_step` must be greater than 0");
  if (!(start >= 0 && stop > start))
    throw BadCard("`stop` must lie after `start`, and that not before 0");
  if (stop / max_step > 1e8) throw BadCard("takes more than 1e8 steps");
  return fmt::format(".tran {} {} {} {}{}", format_exact(step), format_exact(stop),
                     format_exact(start), format_exact(max_step),
                     arguments.flags.contains("use_initial_conditions") ? " uic" : "");
}

static Proof tran_proof(const AnalysisArguments& arguments) {
  return {.plot = "tran", .end = number(arguments, "stop", 0), .has_end = true};
}

AnalysisKind analysis_tran() {
  return {"tran",
          "time; results at the simulator's own steps, which are never longer than `max_step`",
          {{"step", form::quantity("s"), Key::Presence::kRequired,
            "first step's scale, and the default of `max_step`"},
           {"stop", form::quantity("s"), Key::Presence::kRequired, "end of the run"},
           {"start", form::quantity("s"), Key::Presence::kOptional,
            "results are kept from here on; default 0"},
           {"max_step", form::quantity("s"), Key::Presence::kOptional, "longest step"},
           {"use_initial_conditions", form::boolean(), Key::Presence::kOptional,
            "start from `initial_conditions` as they are (nets without one at 0) and not from an "
            "operating point"}},
          "s",
          SignalKind::kReal,
          tran_card,
          tran_proof};
}

}  // namespace gaincell::characterize
