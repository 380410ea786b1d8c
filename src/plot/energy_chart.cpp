#include "plot/energy_chart.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "attention/analog.h"
#include "attention/circuit.h"
#include "base/error.h"
#include "base/units.h"
#include "energy/energy_model.h"
#include "energy/published.h"
#include "lut/gain_cell_device.h"

namespace gaincell::plot {
namespace {

using nlohmann::json;

std::optional<lut::GainCellDevice> gain_cell(const lut::DeviceFile& device) {
  try {
    lut::GainCellDevice cell(device);
    if (cell.read_energy) return cell;
  } catch (const Error&) {
    // Not all the tables of a cell: a device of something else.
  }
  return std::nullopt;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The parts that any of them has, in their order.
std::vector<std::string> parts_of(const std::vector<EnergyBars>& bars) {
  std::vector<std::string> names;
  for (const EnergyBars& one : bars)
    for (const auto& [name, joules] : one.parts)
      if (!contains(names, name)) names.push_back(name);
  return names;
}

// Of the parts that some other bars have.
EnergyBars published_bars(const std::vector<std::string>& parts) {
  EnergyBars bars{.label = "published, window 1024", .parts = {}, .published = {}};
  for (const energy::PublishedEnergy& one : energy::kPublishedEnergies)
    if (const std::string part = one.part; parts.empty() || contains(parts, part))
      bars.parts.emplace_back(part, one.energy_j);
  return bars;
}

}  // namespace

bool has_energies(const lut::DeviceFile& device) { return gain_cell(device).has_value(); }

EnergyBars energy_bars(const lut::DeviceFile& device) {
  const std::optional<lut::GainCellDevice> cell = gain_cell(device);
  EnergyBars bars{.label = "uniform levels, window 1024", .parts = {}, .published = {}};
  if (!cell) return bars;
  const energy::EnergyModel model(*cell);
  constexpr int kTokens = 32;  // of uniform_activity()
  const double period_s = model.layer_latency_s();
  const energy::Energy energy =
      model
          .of(attention::uniform_activity(attention::circuit_of(*cell), energy::kPublishedWindow,
                                          energy::kPublishedDim, period_s, 1),
              period_s)
          .per(kTokens);
  for (const energy::Energy::Part& part : energy.parts)
    if (part.kind == energy::Kind::kDigital)
      bars.published.push_back(part.name);
    else
      bars.parts.emplace_back(part.name, part.energy_j());
  return bars;
}

EnergyBars energy_bars(const json& inference, const std::string& label) {
  EnergyBars bars{.label = label, .parts = {}, .published = {}};
  const json& settings = inference.at("settings");
  const auto items = settings.find("energy_items");
  if (items == settings.end() || !items->is_array()) return bars;
  bars.label += fmt::format(", window {}", settings.at("window").get<int>());
  const double heads = settings.at("layers").get<double>() * settings.at("heads").get<double>();
  for (const json& item : *items) {
    const std::string part = item.value("part", ""), kind = item.value("kind", "");
    if (kind == energy::name(energy::Kind::kDigital)) {
      if (!contains(bars.published, part)) bars.published.push_back(part);
      continue;
    }
    if (std::any_of(bars.parts.begin(), bars.parts.end(),
                    [&](const auto& one) { return one.first == part; }))
      continue;
    const auto joules = inference.at("energy_j_per_token").find(part);
    const bool known = joules != inference.at("energy_j_per_token").end() && joules->is_number();
    bars.parts.emplace_back(part, known ? joules->get<double>() / heads : std::nan(""));
  }
  return bars;
}

std::string said_of_published(const std::vector<EnergyBars>& bars) {
  std::vector<std::string> parts, said;
  for (const EnergyBars& one : bars)
    for (const std::string& part : one.published)
      if (!contains(parts, part)) parts.push_back(part);
  for (const std::string& part : parts) {
    const std::optional<double> joules = energy::published_j(part);
    said.push_back(joules ? fmt::format("{} ({})", part, format_si(*joules, "J", 3)) : part);
  }
  if (said.empty()) return {};
  return fmt::format("Not simulated but taken over from there: {}", fmt::join(said, ", "));
}

Chart energy_chart(const std::vector<EnergyBars>& given) {
  std::vector<EnergyBars> simulated;
  for (const EnergyBars& one : given)
    if (!one.parts.empty()) simulated.push_back(one);
  std::vector<EnergyBars> bars{published_bars(parts_of(simulated))};
  bars.insert(bars.end(), simulated.begin(), simulated.end());
  const std::vector<std::string> parts = parts_of(simulated.empty() ? bars : simulated);
  const double width = 0.8 / static_cast<double>(bars.size());
  Panel panel{.x = {}, .y = {}, .x_names = parts};
  std::vector<double> all;
  for (std::size_t b = 0; b < bars.size(); ++b) {
    Series boxes{.kind = Series::Kind::kBars, .label = bars[b].label, .pen = {Colour::kPublished}};
    if (b > 0) boxes.pen = family_pen(b - 1, bars.size() - 1);
    boxes.width = width * 0.92;
    Series words{.kind = Series::Kind::kWords, .pen = {Colour::kInk}};
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const auto found = std::find_if(bars[b].parts.begin(), bars[b].parts.end(),
                                      [&](const auto& one) { return one.first == parts[p]; });
      const double place = static_cast<double>(p) - 0.4 + (static_cast<double>(b) + 0.5) * width;
      if (found == bars[b].parts.end()) continue;
      const bool known = std::isfinite(found->second);
      boxes.x.push_back(place);
      boxes.y.push_back(known ? found->second : 0);
      words.x.push_back(place);
      words.y.push_back(known ? found->second : 0);
      words.words.push_back(known ? format_si(found->second, "J", 3) : "not known");
      if (known) all.push_back(found->second);
    }
    panel.series.push_back(std::move(boxes));
    panel.series.push_back(std::move(words));
  }
  panel.y = scale_of("energy of one token and head", "J", all);
  const double most = all.empty() ? 1.0 : *std::max_element(all.begin(), all.end());
  panel.y_range = std::pair(std::min(0.0, *std::min_element(all.begin(), all.end())), 1.25 * most);
  std::vector<std::string> facts{
      "Published: Leroux et al., Nature Computational Science 5, 813 (2025); window 1024, heads of "
      "64."};
  if (const std::string said = said_of_published(simulated); !said.empty())
    facts.push_back(said + ", not drawn.");
  return {.name = "energy",
          .title = "Energy of one token and head, by part",
          .facts = std::move(facts),
          .panels = {std::move(panel)}};
}

Chart energy_chart(const lut::DeviceFile& device) { return energy_chart({energy_bars(device)}); }

}  // namespace gaincell::plot
