#include "cli/range_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

using attention::RangeReport;
using Head = RangeReport::Head;

constexpr double kUsual = 0.1;          // share of values clipped, above which it is a warning
constexpr double kMostTooOld = 0.01;    // share of reads, above which a run is refused
constexpr double kLeastFilled = 0.045;  // rms of a uniform column, in full scales; published: 0.34
constexpr double kMostFilled = 2.7;
constexpr double kMostOffZero = 0.02;  // of a cell's full weight; the cells that we ship: 0.013

double share(double part, double all) { return all > 0 ? part / all : 0.0; }

nlohmann::ordered_json clipped(const Head& head) {
  return {{"q", share(head.q, head.values)},
          {"k", share(head.k, head.values)},
          {"v", share(head.v, head.values)}};
}

std::string percent(double share) { return fmt::format("{:.2g} %", 100 * share); }

RangeReport all_layers(const std::vector<RangeReport>& layers) {
  RangeReport sum;
  for (const RangeReport& layer : layers) {
    sum += {{layer.all_heads()}, 0, 0};
    sum.reads += layer.reads;
    sum.aged += layer.aged;
  }
  return sum;
}

// The head that one of q, k and v is clipped most in.
std::string worst_head(const std::vector<RangeReport>& layers) {
  double most = 0;
  std::string where;
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    for (std::size_t h = 0; h < layers[layer].heads.size(); ++h) {
      const Head& head = layers[layer].heads[h];
      for (const auto& [name, part] : {std::pair{"q", head.q}, {"k", head.k}, {"v", head.v}}) {
        if (share(part, head.values) <= most) continue;
        most = share(part, head.values);
        where = fmt::format("{}head {}: {} of {}",
                            layers.size() > 1 ? fmt::format("layer {} ", layer) : "", h,
                            percent(most), name);
      }
    }
  return where;
}

// What half of the range, which means zero, weighs once it is written, in weights of its ends.
std::string off_zero(const attention::Circuit& circuit) {
  const double bitline = circuit.relu.bitline_v(0);
  const std::size_t longest = circuit.pulse_nodes_s.size() - 1;
  const auto stored = [&circuit](double target) { return circuit.stored_v(target, 0); };
  const auto weight = [&](double v) { return circuit.read_charge_c(v, longest, bitline); };
  const double zero = circuit.v_max / 2, step = circuit.v_max / 100;
  const double full = (weight(stored(circuit.v_max)) - weight(stored(0))) / 2;
  const double share_of_full = weight(stored(zero)) / full;
  const double slope = (weight(stored(zero + step)) - weight(stored(zero - step))) / (2 * step);
  if (!(std::abs(share_of_full) > kMostOffZero)) return {};
  return fmt::format(
      "half of the range means zero, but is read as {:.2g} of a full weight, and no scaler mends "
      "that; levels that are written {} {} would (the device's write_offset)",
      share_of_full, format_si(std::abs(weight(stored(zero)) / slope), "V", 2),
      share_of_full * slope < 0 ? "higher" : "lower");
}

}  // namespace

nlohmann::ordered_json RangeNotes::to_json() const {
  const RangeReport all = all_layers(layers);
  const Head sum = all.all_heads();
  nlohmann::ordered_json heads = nlohmann::ordered_json::array(), ends;
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    for (std::size_t h = 0; h < layers[layer].heads.size(); ++h) {
      nlohmann::ordered_json head{{"layer", layer}, {"head", h}};
      head.update(clipped(layers[layer].heads[h]));
      heads.push_back(std::move(head));
    }
  if (std::isfinite(known_age_s)) ends = known_age_s;
  return {{"clipped", clipped(sum)},
          {"clipped_by_head", std::move(heads)},
          {"reads_older_than_retention", share(all.aged, all.reads)},
          {"retention_ends_s", ends},
          {"cells_beyond_voltage_tables", share(sum.stored_beyond, sum.cells)},
          {"columns_beyond_tables",
           {{"first", share(sum.first_beyond, sum.first)},
            {"second", share(sum.second_beyond, sum.second)}}}};
}

std::vector<std::string> RangeNotes::lines() const {
  const RangeReport all = all_layers(layers);
  const Head sum = all.all_heads();
  std::vector<std::string> lines;
  if (sum.q + sum.k + sum.v > 0)
    lines.push_back(fmt::format("clipped to the circuits' ranges: {} of q, {} of k, {} of v ({})",
                                percent(share(sum.q, sum.values)),
                                percent(share(sum.k, sum.values)),
                                percent(share(sum.v, sum.values)), worst_head(layers)));
  if (all.aged > 0)
    lines.push_back(fmt::format(
        "beyond the device's retention table, which ends at an age of {}: {} of the reads, held at "
        "its last voltage",
        format_si(known_age_s, "s"), percent(share(all.aged, all.reads))));
  if (sum.stored_beyond > 0)
    lines.push_back(fmt::format("stored beyond the device's voltage tables: {} of the cells",
                                percent(share(sum.stored_beyond, sum.cells))));
  if (sum.first_beyond + sum.second_beyond > 0)
    lines.push_back(fmt::format(
        "charge or bitline beyond the device's tables: {} of the first array's columns, {} of the "
        "second's",
        percent(share(sum.first_beyond, sum.first)),
        percent(share(sum.second_beyond, sum.second))));
  return lines;
}

bool RangeNotes::clips_as_usual() const {
  const Head sum = all_layers(layers).all_heads();
  return sum.q + sum.k + sum.v > 0 && std::max({sum.q, sum.k, sum.v}) <= kUsual * sum.values;
}

void RangeNotes::say() const {
  if (clips_as_usual()) note("{}\n", lines().front());
  warn();
}

std::vector<std::string> RangeNotes::unusual() const {
  std::vector<std::string> all = lines();
  if (clips_as_usual()) all.erase(all.begin());
  all.insert(all.begin(), warnings.begin(), warnings.end());
  return all;
}

void RangeNotes::warn() const {
  for (const std::string& line : unusual()) note("warning: {}\n", line);
}

std::vector<RangeReport> range_reports(model::Transformer& transformer) {
  std::vector<RangeReport> layers;
  for (int layer = 0; layer < transformer.weights().config.n_layer; ++layer)
    layers.push_back(transformer.attention(layer).ranges());
  return layers;
}

void require_known_ages(const attention::Circuit& circuit, const attention::AnalogOptions& options,
                        std::int64_t text, int window) {
  const double too_old = attention::share_too_old(circuit, options, text, window);
  if (too_old <= kMostTooOld) return;
  const auto oldest = static_cast<double>(std::min<std::int64_t>(window, text) - 1);
  throw Error(
      {.place = "--device",
       .key = "cell_retention",
       .value = fmt::format("known to an age of {}", format_si(circuit.known_age_s, "s")),
       .rule = fmt::format("{} of the reads would be of older cells, up to {} (at most {} may be)",
                           percent(too_old), format_si(oldest * options.token_period_s, "s"),
                           percent(kMostTooOld)),
       .remedy = "take a shorter window or token period, a retention bench that goes on longer, or "
                 "--without retention"});
}

std::vector<std::string> circuit_warnings(const attention::Circuit& circuit) {
  std::vector<std::string> warnings;
  for (const auto& [name, converter, line] :
       {std::tuple{"first", &circuit.relu, relu_line(circuit)},
        {"second", &circuit.differential, differential_line(circuit)}}) {
    const double rms = uniform_column_rms(circuit, *converter, line);
    if (rms >= kLeastFilled && rms <= kMostFilled) continue;
    warnings.push_back(fmt::format(
        "the {} converters' full scale does not suit this device's currents: a column of uniform "
        "inputs makes {:.2g} of it (published device: 0.34), so most outputs {}",
        name, rms, rms < kLeastFilled ? "stay near zero" : "are saturated or zero"));
  }
  if (std::string off = off_zero(circuit); !off.empty()) warnings.push_back(std::move(off));
  return warnings;
}

}  // namespace gaincell::cli
