#include "export/macro_model.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/units.h"

namespace gaincell::exports {
namespace {

// `parts` intervals in place of each.
std::vector<double> refined(std::span<const double> nodes, std::size_t parts) {
  std::vector<double> finer;
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i)
    for (std::size_t p = 0; p < parts; ++p)
      finer.push_back(nodes[i] + (nodes[i + 1] - nodes[i]) * static_cast<double>(p) /
                                     static_cast<double>(parts));
  finer.push_back(nodes.back());
  return finer;
}

double on(const Curve& curve, double x) {
  const auto above = std::upper_bound(curve.nodes.begin(), curve.nodes.end(), x);
  if (above == curve.nodes.begin()) return curve.values.front();
  if (above == curve.nodes.end()) return curve.values.back();
  const auto i = static_cast<std::size_t>(above - curve.nodes.begin()) - 1;
  const double t = (x - curve.nodes[i]) / (curve.nodes[i + 1] - curve.nodes[i]);
  return curve.values[i] + t * (curve.values[i + 1] - curve.values[i]);
}

using Current = std::function<double(double v_store, double v_bitline)>;

// The shortest sum of products that is as close to `current` on the nodes as `most` says, by the
// singular values of the grid.
std::vector<ReadModel::Term> separated(const Current& current, const std::vector<double>& stored,
                                       const std::vector<double>& bitline, double most) {
  const auto rows = static_cast<Eigen::Index>(stored.size());
  const auto columns = static_cast<Eigen::Index>(bitline.size());
  Eigen::MatrixXd grid(rows, columns);
  for (Eigen::Index r = 0; r < rows; ++r)
    for (Eigen::Index c = 0; c < columns; ++c)
      grid(r, c) =
          current(stored[static_cast<std::size_t>(r)], bitline[static_cast<std::size_t>(c)]);
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(grid, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const double scale = grid.maxCoeff() - grid.minCoeff();
  std::vector<ReadModel::Term> terms;
  Eigen::MatrixXd left = grid;
  for (Eigen::Index k = 0; k < svd.singularValues().size(); ++k) {
    if (!terms.empty() && left.cwiseAbs().maxCoeff() <= most * scale) break;
    const double sigma = svd.singularValues()[k];
    ReadModel::Term term{{stored, {}}, {bitline, {}}};
    // The bitline's part of the order of 1, the other one in amperes; a sign that does not depend
    // on the library.
    Eigen::VectorXd u = svd.matrixU().col(k), w = svd.matrixV().col(k);
    Eigen::Index largest = 0;
    const double size = w.cwiseAbs().maxCoeff(&largest);
    const double sign = w[largest] < 0 ? -1 : 1;
    u *= sigma * size * sign;
    w *= sign / size;
    term.of_stored.values.assign(u.data(), u.data() + u.size());
    term.of_bitline.values.assign(w.data(), w.data() + w.size());
    left -= u * w.transpose();
    terms.push_back(std::move(term));
  }
  return terms;
}

double sum_of(const std::vector<ReadModel::Term>& terms, double v_store, double v_bitline) {
  double sum = 0;
  for (const ReadModel::Term& term : terms)
    sum += on(term.of_stored, v_store) * on(term.of_bitline, v_bitline);
  return sum;
}

void measure_fit(ReadModel& model, const Current& current, const std::vector<double>& stored,
                 const std::vector<double>& bitline) {
  double low = current(stored.front(), bitline.front()), high = low, worst = 0, squares = 0;
  std::size_t count = 0;
  for (const double v : refined(stored, 2)) {
    for (const double b : refined(bitline, 2)) {
      const double is = current(v, b), off = sum_of(model.terms, v, b) - is;
      low = std::min(low, is);
      high = std::max(high, is);
      worst = std::max(worst, std::abs(off));
      squares += off * off;
      ++count;
    }
  }
  model.max_percent = 100 * worst / (high - low);
  model.rms_percent = 100 * std::sqrt(squares / static_cast<double>(count)) / (high - low);
}

void require_axes(const lut::Table& table, const std::vector<std::string>& names) {
  std::vector<std::string> is;
  for (const lut::Axis& axis : table.axes()) is.push_back(axis.name());
  if (is != names)
    throw Error({.place = "table " + table.name(),
                 .value = fmt::format("{}", fmt::join(is, " ")),
                 .rule = fmt::format("must be over {}", fmt::join(names, " "))});
}

Curve curve_of(const lut::Table& table) {
  const std::vector<double> nodes = refined(table.axis(0).nodes(), 2);
  Curve curve{nodes, {}};
  for (const double x : nodes) curve.values.push_back(table.at(x));
  return curve;
}

}  // namespace

ReadModel read_model(const lut::DeviceFile& device) {
  // Of full scale, at the nodes: each term more costs a simulation a fifth of its time.
  constexpr double kFit = 5e-3;
  ReadModel model;
  const lut::Table& table = device.find_table("cell_read_charge") != nullptr
                                ? device.table("cell_read_charge")
                                : device.table("cell_static_current");
  Current current;
  std::size_t bitline_axis = 1;
  if (table.name() == "cell_read_charge") {
    require_axes(table, {"v_store", "pulse_width", "v_bitline"});
    bitline_axis = 2;
    const double longest = table.axis(1).back(), shortest = longest / 15;
    current = [table, longest, shortest](double v, double b) {
      return (table.at(v, longest, b) - table.at(v, shortest, b)) / (longest - shortest);
    };
    model.source = fmt::format("the slope of cell_read_charge between {} and {}",
                               format_si(shortest, "s"), format_si(longest, "s"));
  } else {
    require_axes(table, {"v_store", "v_bitline"});
    current = [table](double v, double b) { return table.at(v, b); };
    model.source = "cell_static_current";
  }
  const std::vector<double> stored = refined(table.axis(0).nodes(), 2);
  const std::vector<double> bitline = refined(table.axis(bitline_axis).nodes(), 2);
  model.terms = separated(current, stored, bitline, kFit);
  measure_fit(model, current, stored, bitline);

  model.capacitance_f = 5e-15;
  if (const lut::TableEntry* capacitance = device.find_table("cell_storage_capacitance")) {
    double sum = 0;
    for (const double value : capacitance->table.values()) sum += value;
    model.capacitance_f = sum / static_cast<double>(capacitance->table.values().size());
  }
  if (const lut::TableEntry* leakage = device.find_table("cell_leakage_current");
      leakage != nullptr && leakage->table.dimensions() == 1)
    model.leakage = curve_of(leakage->table);
  if (const lut::TableEntry* written = device.find_table("cell_written_voltage")) {
    model.written.nodes = refined(written->table.axis(0).nodes(), 2);
    std::vector<double> x(written->table.dimensions(), 0);
    for (const double target : model.written.nodes) {
      x[0] = target;
      model.written.values.push_back(written->table.at(x));
    }
  }
  return model;
}

bool has_converter(const lut::DeviceFile& device, const std::string& name) {
  return device.find_table(name + "_pulse_width") != nullptr &&
         device.find_table(name + "_bitline_voltage") != nullptr &&
         device.find_constant("t_max") != nullptr && device.find_constant("v_dd") != nullptr &&
         device.find_constant("v_zero") != nullptr;
}

ConverterModel converter_model(const lut::DeviceFile& device, const std::string& name) {
  const lut::Table& pulse = device.table(name + "_pulse_width");
  const lut::Table& bitline = device.table(name + "_bitline_voltage");
  require_axes(pulse, {"charge"});
  require_axes(bitline, {"charge"});
  ConverterModel model;
  model.longest_s = device.constant("t_max");
  model.offset_v = bitline.at(0.0) - device.constant("v_zero");
  model.pulse.nodes.assign(pulse.axis(0).nodes().begin(), pulse.axis(0).nodes().end());
  for (const double width : pulse.values()) model.pulse.values.push_back(width / model.longest_s);

  // The charge at which the pulse is 95 % of the longest one that it has, and half of that: between
  // them both curves are straight.
  const double full = pulse.maximum() * 0.95;
  double low = 0, high = pulse.axis(0).back();
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (pulse.at(middle) < full ? low : high) = middle;
  }
  const double half = low / 2;
  model.capacitance_f = -low / (bitline.at(low) - bitline.at(0.0));
  model.refill_a = (low - half) / (pulse.at(low) - pulse.at(half));
  if (!(model.capacitance_f > 0) || !std::isfinite(model.refill_a))
    throw Error({.place = device.place(),
                 .key = bitline.name(),
                 .rule = "must fall with the charge taken out, and the pulse must grow with it"});
  return model;
}

}  // namespace gaincell::exports
