#include "report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <utility>

#include "attention/analog.h"
#include "attention/circuit.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/units.h"
#include "energy/energy_model.h"
#include "energy/not_counted.h"
#include "energy/published.h"
#include "report/markdown_table.h"

namespace gaincell::report {
namespace {

using nlohmann::json;

constexpr double kPublishedLatencyS = 65e-9;

std::string picojoules(double joules) {
  if (!std::isfinite(joules)) return "not known";
  const int decimals = joules < 10e-12 ? 2 : 0;
  return fmt::format("{:.{}f}", joules * 1e12, decimals);
}

bool has_circuits(const Run& run) { return run.inference.at("latency_s_per_token").is_number(); }

std::string perplexities(const Comparison& comparison) {
  MarkdownTable table(
      {"run", "attention", "window", "tokens", "nats/token", "perplexity", "simulated tokens/s"});
  for (const Run& run : comparison.runs) {
    const json& j = run.inference;
    table.row({run.label, j.at("settings").at("attention").get<std::string>(),
               fmt::format("{}", j.at("settings").at("window").get<std::uint64_t>()),
               fmt::format("{}", j.at("tokens").get<std::uint64_t>()),
               fmt::format("{:.4f}", j.at("nats_per_token").get<double>()),
               fmt::format("{:.4f}", j.at("perplexity").get<double>()),
               fmt::format("{:.0f}", j.at("tokens_per_second").get<double>())});
  }
  return table.text();
}

// "pJ of one token and head" of a run, by a key of its energy_j_per_token.
std::string of_run(const Run& run, const std::string& part) {
  const json& settings = run.inference["settings"];
  const double heads = settings.at("layers").get<double>() * settings.at("heads").get<double>();
  const json& joules = run.inference["energy_j_per_token"];
  const auto found = joules.find(part);
  return found != joules.end() && found->is_number() ? picojoules(found->get<double>() / heads)
                                                     : "not known";
}

std::string period_of(const Run& run) {
  const json& settings = run.inference["settings"];
  const auto found = settings.find("token_period_s");
  return found != settings.end() && found->is_number() ? format_si(found->get<double>(), "s")
                                                       : "not stated";
}

// Parts of some kinds, one row each, and their sum under a name.
class EnergyTable {
 public:
  EnergyTable(std::vector<std::string> head, const energy::Energy& uniform,
              const std::vector<const Run*>& runs)
      : table_(std::move(head)), uniform_(uniform), runs_(runs) {}

  void parts(std::initializer_list<energy::Kind> kinds) {
    for (const energy::Energy::Part& part : uniform_.parts) {
      if (std::find(kinds.begin(), kinds.end(), part.kind) == kinds.end()) continue;
      const auto published = energy::published_j(part.name);
      row(part.name, published ? picojoules(*published) : "-", part.energy_j(), part.name);
    }
  }
  void row(const std::string& name, const std::string& published, double joules,
           const std::string& key) {
    std::vector<std::string> cells{name, published, picojoules(joules)};
    for (const Run* run : runs_) cells.push_back(of_run(*run, key));
    table_.row(cells);
  }
  std::string text() const { return table_.text(); }

 private:
  MarkdownTable table_;
  const energy::Energy& uniform_;
  const std::vector<const Run*>& runs_;
};

std::string sources(const energy::Energy& energy) {
  std::string text;
  for (const energy::Energy::Part& part : energy.parts)
    for (const energy::Item& item : part.items)
      text +=
          fmt::format("- {} ({}), {}: {}\n", part.name, name(part.kind), item.name, item.source);
  return text;
}

std::string energies(const Comparison& comparison, const lut::GainCellDevice& device) {
  const energy::EnergyModel model(device);
  const double period_s = comparison.token_period_s.value_or(model.layer_latency_s());
  const energy::Energy uniform =
      model
          .of(attention::uniform_activity(attention::circuit_of(device), energy::kPublishedWindow,
                                          energy::kPublishedDim, period_s, 1),
              period_s)
          .per(32);
  std::vector<std::string> head{
      "pJ per token and head", "published, window 1024",
      fmt::format("uniform levels, window 1024, period {}", format_si(period_s, "s"))};
  std::vector<const Run*> runs;
  for (const Run& run : comparison.runs) {
    if (!has_circuits(run)) continue;
    runs.push_back(&run);
    head.push_back(fmt::format("{}, window {}, period {}", run.label,
                               run.inference["settings"]["window"].get<std::uint64_t>(),
                               period_of(run)));
  }
  using energy::Kind;
  EnergyTable circuits(head, uniform, runs);
  circuits.parts({Kind::kActive});
  circuits.row("active", "-", uniform.kind_j(Kind::kActive), "active");
  circuits.parts({Kind::kStanding});
  circuits.row("standing", "-", uniform.kind_j(Kind::kStanding), "standing");
  circuits.row("active + standing", "-", uniform.circuits_j(), "circuits");
  // No sum beside the published ones: they would be compared with themselves.
  EnergyTable digital(head, uniform, runs);
  digital.parts({Kind::kDigital});
  return circuits.text() +
         "\nDigital circuits: not simulated, the published figures taken over. They are in no sum "
         "above, and `energy_j_per_token.total` of a run is the sum of active, standing and these:"
         "\n\n" +
         digital.text() + "\n" + sources(uniform);
}

std::string not_counted() {
  MarkdownTable table({"not counted, of a token and head at window 1024", "size", "how known"});
  for (const energy::NotCounted& entry : energy::not_counted()) {
    std::string size = "not known";
    if (std::isfinite(entry.low))
      size = entry.low == entry.high ? format_si(entry.low, entry.unit)
                                     : fmt::format("{} to {}", format_si(entry.low, entry.unit),
                                                   format_si(entry.high, entry.unit));
    table.row({entry.what, size, entry.source});
  }
  return table.text();
}

std::string latencies(const Comparison& comparison, const lut::GainCellDevice& device) {
  const energy::EnergyModel model(device);
  MarkdownTable table({"attention latency", "ns"});
  const auto row = [&](const std::string& name, double seconds) {
    table.row({name, fmt::format("{:.1f}", seconds * 1e9)});
  };
  row("one token's attention, published", kPublishedLatencyS);
  row("one token's attention, this device", model.layer_latency_s());
  for (const Run& run : comparison.runs)
    if (has_circuits(run))
      row(fmt::format("one token's attention in all layers, {}", run.label),
          run.inference.at("latency_s_per_token").get<double>());
  return table.text() +
         "\nOf a token's way through the model this is the attention alone: projections, "
         "feed-forward "
         "and normalization are not simulated.\n";
}

std::string table_errors(const lut::GainCellDevice& device) {
  MarkdownTable table(
      {"table", "hold-out simulations", "max error", "max %", "rms error", "rms %"});
  for (const lut::TableEntry& entry : device.file().tables()) {
    const lut::Accuracy& a = entry.accuracy;
    if (a.points == 0) {
      table.row({entry.table.name(), "none", "-", "-", "-", "-"});
      continue;
    }
    const std::string& unit = entry.table.quantity().unit;
    table.row({entry.table.name(), fmt::format("{}", a.points), format_si(a.max_abs, unit, 3),
               fmt::format("{:.3f}", a.max_percent), format_si(a.rms_abs, unit, 3),
               fmt::format("{:.3f}", a.rms_percent)});
  }
  std::string text = table.text();
  const lut::Constant* rms = device.file().find_constant("current_off_rms");
  const lut::Constant* most = device.file().find_constant("current_off_max");
  if (rms != nullptr && most != nullptr)
    text += fmt::format(
        "\nThe published current is the authors' cubic: {} rms and {} at most off their own SPICE "
        "data.\n",
        format_si(rms->value, "A"), format_si(most->value, "A"));
  return text;
}

std::string run_times(const Comparison& comparison) {
  MarkdownTable table({"step", "seconds"});
  for (const auto& [step, seconds] : comparison.seconds)
    table.row({step, fmt::format("{:.1f}", seconds)});
  return table.text();
}

}  // namespace

Run read_run(const std::string& path) {
  constexpr const char* kRemedy = "give what `gaincell infer --json` printed";
  Run run{std::filesystem::path(path).stem().string(), parse_json(read_file(path), path, kRemedy)};
  enum class Kind { kCount, kNumber, kNumberOrNull, kText, kObject };
  constexpr std::pair<const char*, Kind> kKeys[] = {{"/tokens", Kind::kCount},
                                                    {"/nats_per_token", Kind::kNumber},
                                                    {"/perplexity", Kind::kNumber},
                                                    {"/energy_j_per_token", Kind::kObject},
                                                    {"/latency_s_per_token", Kind::kNumberOrNull},
                                                    {"/tokens_per_second", Kind::kNumber},
                                                    {"/settings", Kind::kObject},
                                                    {"/settings/attention", Kind::kText},
                                                    {"/settings/window", Kind::kCount},
                                                    {"/settings/layers", Kind::kCount},
                                                    {"/settings/heads", Kind::kCount}};
  for (const auto& [key, kind] : kKeys) {
    const json::json_pointer pointer(key);
    const bool there = run.inference.contains(pointer);
    const json value = there ? run.inference[pointer] : json();
    const bool right = kind == Kind::kCount    ? value.is_number_unsigned()
                       : kind == Kind::kNumber ? value.is_number()
                       : kind == Kind::kNumberOrNull
                           ? there && (value.is_number() || value.is_null())
                       : kind == Kind::kText ? value.is_string()
                                             : value.is_object();
    if (!right)
      throw Error({.place = path,
                   .key = key + 1,
                   .value = there ? brief_json(value) : "",
                   .rule = !there                  ? "is missing"
                           : kind == Kind::kCount  ? "must be a count"
                           : kind == Kind::kText   ? "must be a text"
                           : kind == Kind::kObject ? "must be an object"
                                                   : "must be a number",
                   .remedy = kRemedy});
  }
  return run;
}

std::string markdown(const Comparison& comparison, const lut::GainCellDevice& device) {
  std::string text = "## Perplexity\n\n" + perplexities(comparison);
  text += "\n## Energy\n\n" + energies(comparison, device);
  text += "\n### Not counted\n\n" + not_counted();
  text += "\n## Latency\n\n" + latencies(comparison, device);
  text += "\n## Error of the tables, in percent of full scale\n\n" + table_errors(device);
  if (!comparison.seconds.empty()) text += "\n## Run times\n\n" + run_times(comparison);
  return text;
}

}  // namespace gaincell::report
