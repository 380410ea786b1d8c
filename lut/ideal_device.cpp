#include "lut/ideal_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

#include "base/error.h"

namespace gaincell::lut {
namespace {

constexpr double kWidest = 0.05;  // V beyond 0 .. 2 v_zero that tables reach on both sides

std::vector<double> even_nodes(double low, double high, int intervals) {
  std::vector<double> nodes;
  for (int i = 0; i <= intervals; ++i)
    nodes.push_back(i == intervals ? high : low + (high - low) * i / intervals);
  return nodes;
}

// Collects tables and constants under one name and comment.
class Maker {
 public:
  explicit Maker(const CellCurrent& current) : name_(current.name), comment_(current.comment) {}

  void table(const Quantity& quantity, const std::vector<Axis>& axes, Interpolation rule,
             const std::function<double(const std::vector<double>&)>& f) {
    std::vector<double> values, x(axes.size());
    visit(axes, 0, x, [&] { values.push_back(f(x)); });
    device_.add(TableEntry{Table(quantity, axes, std::move(values), rule), name_, comment_});
  }
  void table(const Quantity& quantity, const std::vector<Axis>& axes,
             std::vector<Interpolation> rules, std::vector<double> values) {
    device_.add(
        TableEntry{Table(quantity, axes, std::move(values), std::move(rules)), name_, comment_});
  }
  // Linear, with a source of its own.
  void energy(const Quantity& quantity, const std::vector<Axis>& axes, const std::string& source,
              const std::function<double(const std::vector<double>&)>& f) {
    std::vector<double> values, x(axes.size());
    visit(axes, 0, x, [&] { values.push_back(f(x)); });
    device_.add(TableEntry{Table(quantity, axes, std::move(values), Interpolation::kLinear), name_,
                           source});
  }
  void constant(const char* name, const char* unit, double value, const char* long_name) {
    device_.add(Constant{{name, unit, long_name}, value, name_});
  }
  DeviceFile finish(const std::string& text, const std::string& sha256) {
    Provenance provenance{name_, {{"description", comment_}}};
    if (!text.empty()) {
      provenance.attributes["import_text"] = text;
      provenance.attributes["import_sha256"] = sha256;
    }
    device_.add(std::move(provenance));
    return std::move(device_);
  }

 private:
  template <typename F>
  static void visit(const std::vector<Axis>& axes, std::size_t axis, std::vector<double>& x, F f) {
    if (axis == axes.size()) return f();
    for (const double node : axes[axis].nodes()) {
      x[axis] = node;
      visit(axes, axis + 1, x, f);
    }
  }

  std::string name_, comment_;
  DeviceFile device_;
};

void add_cell(Maker& make, const CellCurrent& current, const IdealPeriphery& p) {
  using Rule = Interpolation;
  const Axis store("v_store", "V", current.v_store, "stored voltage"),
      width("pulse_width", "s", {0, p.t_max_s}, "input pulse"),
      bitline("v_bitline", "V", {0, p.v_dd}, "bitline voltage");
  std::vector<double> charge, current_a;
  for (const double amperes : current.current_a) {
    for (const double seconds : {0.0, 0.0, p.t_max_s, p.t_max_s})
      charge.push_back(amperes * seconds);
    current_a.insert(current_a.end(), 2, amperes);
  }
  make.table({"cell_read_charge", "C", "charge taken out of the bitline by one read pulse"},
             {store, width, bitline}, {Rule::kCubic, Rule::kLinear, Rule::kLinear},
             std::move(charge));
  make.table({"cell_static_current", "A", "read current out of the bitline"}, {store, bitline},
             {Rule::kCubic, Rule::kLinear}, std::move(current_a));
  const double low = -kWidest, high = 2 * p.v_zero + kWidest;
  const Axis target("v_target", "V", {low, high}, "voltage to be written"),
      initial("v_initial", "V", {low, high}, "stored voltage after the write");
  make.table({"cell_written_voltage", "V", "stored voltage after the write"}, {target},
             Rule::kLinear, [](const auto& x) { return x[0]; });
  if (p.column) {
    const auto nothing = [](const auto&) { return 0.0; };
    make.energy({"cell_read_energy", "J", "counted with the column"}, {store, width, bitline},
                p.column->source + "; in the figure of the column", nothing);
    make.energy({"cell_write_energy", "J", "not told apart"}, {target},
                p.column->source + "; no figure of its own, counted as 0", nothing);
  }
  // Up to 12 time constants, dense enough for 1e-9 of a volt.
  const Axis age("age", "s", even_nodes(0, 12 * p.retention_tau_s, 600), "time since the write");
  const bool fades = p.decay == PublishedVariant::Decay::kProduct;
  make.table(
      {"cell_retention", "V", "stored voltage"}, {initial, age}, Rule::kCubic, [&](const auto& x) {
        return fades ? x[0] : p.v_zero + (x[0] - p.v_zero) * std::exp(-x[1] / p.retention_tau_s);
      });
  if (fades)
    make.table({"cell_read_share", "1", "of its charge that a read of a cell of this age takes"},
               {age}, Rule::kCubic,
               [&](const auto& x) { return std::exp(-x[0] / p.retention_tau_s); });
}

// A clamp: proportional to the charge from `lowest` x full scale to full scale.
void add_converter(Maker& make, const std::string& name, const IdealPeriphery& p, double s_sat_a,
                   double lowest, std::optional<double> column_j) {
  const double full = s_sat_a * p.t_max_s;
  std::vector<double> nodes{(lowest - 0.5) * full, 0, full, 1.5 * full};
  if (lowest < 0) nodes.insert(nodes.begin() + 1, lowest * full);
  const Axis charge("charge", "C", std::move(nodes), "charge taken out of the bitline");
  make.table({name + "_pulse_width", "s", "output pulse"}, {charge}, Interpolation::kLinear,
             [&](const auto& x) { return p.t_max_s * std::clamp(x[0] / full, lowest, 1.0); });
  if (column_j)
    make.energy({name + "_energy", "J", "energy of a column in one conversion, cells included"},
                {charge}, p.column->source, [&](const auto&) { return *column_j; });
  make.table({name + "_bitline_voltage", "V", "bitline at the end of integration"}, {charge},
             Interpolation::kLinear, [&](const auto&) { return p.v_zero; });
}

}  // namespace

DeviceFile ideal_device(const CellCurrent& current, const IdealPeriphery& p) {
  if (current.v_store.empty() || current.v_store.front() > 0 ||
      current.v_store.back() < 2 * p.v_zero)
    throw Error(
        {.place = current.comment,
         .key = "V_store",
         .value = current.v_store.empty()
                      ? "none"
                      : fmt::format("{} to {} V", current.v_store.front(), current.v_store.back()),
         .rule = fmt::format("the current must be known from 0 to {} V", 2 * p.v_zero),
         .remedy = "measure the whole range of stored voltages, or state another zero "
                   "with --v-zero"});
  Maker make(current);
  add_cell(make, current, p);
  std::optional<double> first_j, second_j;
  if (p.column) first_j = p.column->first_j, second_j = p.column->second_j;
  add_converter(make, "relu", p, p.s_sat_first_a, 0.0, first_j);
  add_converter(make, "signed", p, p.s_sat_second_a, -1.0, second_j);
  make.constant("t_max", "s", p.t_max_s, "longest input pulse");
  make.constant("v_dd", "V", p.v_dd, "supply");
  make.constant("v_zero", "V", p.v_zero, "stored voltage that means zero");
  make.constant("q_levels", "1", p.q_levels, "levels of a query");
  make.constant("kv_levels", "1", p.kv_levels, "levels of a key or value");
  make.constant("output_levels", "1", p.output_levels, "levels of an output");
  make.constant("tile", "1", p.tile, "rows and columns of a sub-tile");
  make.constant("signed_full_scale", "s", p.t_max_s, "signed pulse that means 1");
  make.constant("latency_first_stage", "s", p.latency_s / 2, "half of the whole");
  make.constant("latency_second_stage", "s", p.latency_s / 2, "half of the whole");
  make.constant("retention_tau", "s", p.retention_tau_s, "time constant of the stored voltage");
  return make.finish(current.text, current.text_sha256);
}

DeviceFile published_device(const PublishedVariant& variant, IdealPeriphery periphery) {
  constexpr const char* kSource =
      "published: Leroux et al., Nature Computational Science 5, 813 (2025), and its code";
  periphery.decay = variant.decay;
  const double sign = variant.sign == PublishedVariant::Sign::kMinus ? -1 : 1;
  // 1,120 and 700 pJ for 1,024 columns of 64 cells.
  periphery.column = {1120e-12 / 1024, 700e-12 / 1024, kSource};
  CellCurrent current;
  current.name = "published";
  current.comment = kSource;
  if (variant.decay == PublishedVariant::Decay::kProduct)
    current.comment += "; the decay falls on a cell's whole current";
  if (variant.sign == PublishedVariant::Sign::kMinus) current.comment += "; current turned round";
  // The tables' cubic rule is exact for a cubic.
  current.v_store = even_nodes(-kWidest, 2 * periphery.v_zero + kWidest, 20);
  for (const double v : current.v_store) {
    const double z = v - periphery.v_zero;
    const auto& c = kPublished.current_ua;
    current.current_a.push_back(sign * 1e-6 * (c[0] + z * (c[1] + z * (c[2] + z * c[3]))));
  }
  DeviceFile device = ideal_device(current, periphery);
  for (const auto& [name, value, how] :
       {std::tuple{"current_off_rms", kPublished.current_off_rms_a, "rms"},
        {"current_off_max", kPublished.current_off_max_a, "at most"}})
    device.add(Constant{{name, "A",
                         fmt::format("{}: the cubic current off the authors' own simulations, "
                                     "50 stored voltages, 20.1 uA from end to end",
                                     how)},
                        value,
                        current.name});
  return device;
}

double slope_a_per_v(const CellCurrent& current, double v_zero) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < current.v_store.size(); ++i) {
    if (current.v_store[i] < 0 || current.v_store[i] > 2 * v_zero) continue;
    n += 1;
    x += current.v_store[i];
    y += current.current_a[i];
    xx += current.v_store[i] * current.v_store[i];
    xy += current.v_store[i] * current.current_a[i];
  }
  return (n * xy - x * y) / (n * xx - x * x);
}

}  // namespace gaincell::lut
