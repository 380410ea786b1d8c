#include "python/src/column_form.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attention/column_form.h"
#include "cli/model_run.h"
#include "lut/device_file.h"
#include "lut/gain_cell_device.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

using attention::ColumnForm;
using Numbers = nb::ndarray<nb::numpy, const double>;

Numbers view(const std::vector<double>& numbers, const std::vector<std::size_t>& shape,
             nb::handle owner) {
  return Numbers(numbers.data(), shape.size(), shape.data(), owner);
}

// What gaincell.torch computes with: the arrays, and the quantisers around them.
struct Form {
  ColumnForm columns;
  int q_levels, kv_levels, output_levels, tile;
  double v_max, token_period_s;
  bool rounds_q, counts;
  std::vector<std::string> effects;
};

Form form_of(const lut::DeviceFile& file, int dim, int window, int layers,
             std::optional<double> token_period_s, const std::vector<std::string>& without,
             double error_limit) {
  const nb::gil_scoped_release release;
  const lut::GainCellDevice device(file);
  const attention::Circuit circuit = attention::circuit_of(device);
  const double own_s =
      std::max(1, layers) * (device.latency_first_stage_s + device.latency_second_stage_s);
  attention::AnalogOptions options = cli::analog_options(
      "fast", without, cli::token_period(token_period_s, own_s, own_s, "the layers of the model"));
  for (const attention::Effect drawn :
       {attention::Effect::kMismatch, attention::Effect::kReadNoise})
    options.effects = options.effects.without(drawn);
  cli::set_error_limit(error_limit, options);
  cli::require_known_ages(circuit, options, window, window);
  Form form{.columns = attention::column_form({.heads = 1, .dim = dim, .window = window}, circuit,
                                              options),
            .q_levels = circuit.q_levels,
            .kv_levels = circuit.kv_levels,
            .output_levels = circuit.output_levels,
            .tile = circuit.tile,
            .v_max = circuit.v_max,
            .token_period_s = options.token_period_s,
            .rounds_q = options.effects.has(attention::Effect::kInputQuantiser),
            .counts = options.effects.has(attention::Effect::kCounter),
            .effects = {}};
  for (const auto& name : cli::effect_names(options.effects)) form.effects.push_back(name);
  return form;
}

nb::class_<ColumnForm::Stage> bind_stage(nb::module_& module) {
  using Stage = ColumnForm::Stage;
  return nb::class_<Stage>(module, "ColumnStage", "One array's columns; docs/fast_level.md.")
      .def_ro("rank", &Stage::rank)
      .def_ro("segments", &Stage::segments)
      .def_ro("substeps", &Stage::substeps)
      .def_ro("begin", &Stage::begin)
      .def_ro("w", &Stage::w)
      .def_ro("x_low", &Stage::x_low)
      .def_ro("x_high", &Stage::x_high)
      .def_ro("pulse_delay", &Stage::pulse_delay)
      .def_ro("pulse_x", &Stage::pulse_x)
      .def_ro("knot", &Stage::knot)
      .def_ro("slope", &Stage::slope)
      .def_ro("at_low", &Stage::at_low)
      .def_ro("at_high", &Stage::at_high)
      .def_ro("x_end", &Stage::x_end)
      .def_ro("error", &Stage::error)
      .def_prop_ro("u",
                   [](nb::handle self) {
                     const auto& s = nb::cast<const Stage&>(self);
                     const std::size_t ages = s.slope_per_v.size();
                     const auto rank = static_cast<std::size_t>(s.rank);
                     return view(s.u, {ages, rank, s.u.size() / ages / rank}, self);
                   })
      .def_prop_ro("slope_per_v", [](nb::handle self) {
        const auto& s = nb::cast<const Stage&>(self);
        return view(s.slope_per_v, {s.slope_per_v.size()}, self);
      });
}

}  // namespace

void bind_column_form(nb::module_& module) {
  bind_stage(module);
  nb::class_<Form>(module, "ColumnForm", "A device's attention as matrix products; docs/python.md.")
      .def_prop_ro("first", [](const Form& f) { return f.columns.first; })
      .def_prop_ro("second", [](const Form& f) { return f.columns.second; })
      .def_prop_ro("phi_per_pulse", [](const Form& f) { return f.columns.phi_per_pulse; })
      .def_prop_ro("youngest", [](const Form& f) { return f.columns.youngest; })
      .def_prop_ro("age_block", [](const Form& f) { return f.columns.age_block; })
      .def_ro("q_levels", &Form::q_levels)
      .def_ro("kv_levels", &Form::kv_levels)
      .def_ro("output_levels", &Form::output_levels)
      .def_ro("tile", &Form::tile)
      .def_ro("v_max", &Form::v_max)
      .def_ro("token_period_s", &Form::token_period_s)
      .def_ro("rounds_q", &Form::rounds_q)
      .def_ro("counts", &Form::counts)
      .def_ro("effects", &Form::effects);
  module.def("column_form", form_of, nb::arg("device"), nb::kw_only(), nb::arg("dim"),
             nb::arg("window"), nb::arg("layers"), nb::arg("token_period_s").none(),
             nb::arg("without"), nb::arg("error_limit"));
}

}  // namespace gaincell::python
