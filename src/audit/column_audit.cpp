#include "audit/column_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "attention/circuit.h"
#include "audit/deviation.h"
#include "base/error.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/store/writer.h"

namespace gaincell::audit {
namespace {

namespace names = store::samples;

// In percent of a longest pulse.
Deviation percents(const std::vector<double>& pulse_s, const std::vector<double>& spice_pulse_s,
                   double t_max_s) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < pulse_s.size(); ++i)
    errors.push_back(100 * (pulse_s[i] - spice_pulse_s[i]) / t_max_s);
  return Deviation::of(errors);
}

double static_charge_c(const lut::GainCellDevice& device, double start_v,
                       const std::vector<double>& v_store, const std::vector<double>& width_s) {
  double charge = 0;
  for (std::size_t cell = 0; cell < v_store.size(); ++cell)
    if (width_s[cell] > 0) charge += device.read_charge.at(v_store[cell], width_s[cell], start_v);
  return charge;
}

}  // namespace

double ColumnAudit::rms_percent() const {
  return percents(column_pulse_s, spice_pulse_s, t_max_s).rms;
}
double ColumnAudit::max_percent() const {
  return percents(column_pulse_s, spice_pulse_s, t_max_s).max;
}
double ColumnAudit::static_rms_percent() const {
  return percents(static_pulse_s, spice_pulse_s, t_max_s).rms;
}

nlohmann::ordered_json ColumnAudit::to_json() const {
  return {{"bench", bench},
          {"columns", spice_pulse_s.size()},
          {"failed_simulations", failed_simulations},
          {"column", {{"pulse_rms_percent", rms_percent()}, {"pulse_max_percent", max_percent()}}},
          {"static_sum", {{"pulse_rms_percent", static_rms_percent()}}}};
}

void ColumnAudit::write(const std::filesystem::path& path) const {
  store::Writer writer(path);
  store::Group root = writer.root();
  store::write_format(root, store::kColumnAuditFormat);
  root.attribute("bench", bench);
  root.attribute("t_max_s", t_max_s);
  root.dimension("column", spice_pulse_s.size());
  const auto add = [&](const char* name, const char* unit, const char* long_name,
                       const std::vector<double>& values) {
    root.dataset(name, {"column"}, values)
        .attribute("units", unit)
        .attribute("long_name", long_name);
  };
  add("spice_pulse", "s", "output pulse, transistor by transistor", spice_pulse_s);
  add("column_pulse", "s", "output pulse, column level of the engine", column_pulse_s);
  add("static_pulse", "s", "output pulse from a sum of charges at a fixed bitline", static_pulse_s);
  add("column_charge", "C", "charge taken from the bitline, column level", column_charge_c);
  writer.commit();
}

ColumnAudit audit_columns(const std::filesystem::path& samples, const std::string& bench,
                          const lut::GainCellDevice& device, attention::ArrayStage stage) {
  const store::Reader reader(samples);
  const store::ReadGroup root = reader.root();
  store::require_format(root, store::kSamplesFormat);
  store::warn_if_unsealed(root);
  const store::ReadGroup group = root.group(names::kBenches).group(bench);
  const auto v_store = group.group(names::kConditions).dataset("v_store").read<double>();
  const auto width_s = group.group(names::kConditions).dataset("pulse_width").read<double>();
  const auto pulse_s =
      group.group(names::kMeasurements).dataset("pulse_width_out").read_vector<double>();
  const auto status = group.dataset(names::kStatus).read_vector<std::uint8_t>();
  if (v_store.shape.size() != 2 || v_store.shape != width_s.shape) {
    throw Error({.place = samples.string(),
                 .key = fmt::format("{}/{}/{}", names::kBenches, bench, names::kConditions),
                 .rule = "v_store and pulse_width must be vectors with one entry per cell",
                 .remedy = "give the samples of a column bench (netlists/column)"});
  }

  const attention::Circuit circuit = attention::circuit_of(device);
  const auto& converter =
      stage == attention::ArrayStage::kFirst ? circuit.relu : circuit.differential;
  ColumnAudit audit;
  audit.bench = bench;
  audit.t_max_s = circuit.t_max_s;
  const std::size_t cells = v_store.shape[1];
  for (std::size_t point = 0; point < v_store.shape[0]; ++point) {
    if (status[point] != 0) {
      ++audit.failed_simulations;
      continue;
    }
    const auto row = [&](const store::Array<double>& all) {
      const auto first = all.values.begin() + static_cast<std::ptrdiff_t>(point * cells);
      return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(cells));
    };
    const std::vector<double> stored = row(v_store);
    std::vector<double> widths = row(width_s);
    for (double& width : widths) width = std::max(width, 0.0);  // negative is no pulse
    const double charge = attention::column_charge_c(circuit, converter, stored, widths);
    audit.spice_pulse_s.push_back(pulse_s[point]);
    audit.column_charge_c.push_back(charge);
    audit.column_pulse_s.push_back(converter.pulse_s(charge));
    audit.static_pulse_s.push_back(
        converter.pulse_s(static_charge_c(device, converter.bitline_v(0), stored, widths)));
  }
  return audit;
}

}  // namespace gaincell::audit
