#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/text.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"
#include "characterize/circuit/code_models.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxLines = 100'000;  // of one kind in one deck

}  // namespace

std::size_t read_count(const Item& item, std::size_t& lines) {
  const auto count = static_cast<std::size_t>(item.integer());
  if (count > kMaxLines - lines)
    item.refuse("makes more than 100,000 lines of its kind",
                "a circuit of that size is not for a bench");
  lines += count;
  return count;
}

static const Block& pulse_block() {
  using namespace form;
  static const Block table{
      "Pulses",
      "`width` is taken at half height: 0 or less is no pulse at all, and a width below half the "
      "edges gives "
      "a smaller triangle with the same slopes.",
      {{"initial", own_quantity(), kRequired, "value before and after"},
       {"pulsed", own_quantity(), kRequired, "value at the top"},
       {"delay", quantity("s"), kRequired, "begin of the first edge"},
       {"rise", quantity("s"), kRequired, "duration of the first edge"},
       {"fall", quantity("s"), kRequired, "duration of the second edge"},
       {"width", quantity("s"), kRequired, "at half height"},
       {"period", quantity("s"), kOptional, "repeats; the width must then exceed half the edges"}}};
  return table;
}

static const Block& ramp_block() {
  using namespace form;
  static const Block table{"Ramps",
                           "",
                           {{"initial", own_quantity(), kRequired, "value before"},
                            {"final", own_quantity(), kRequired, "value after"},
                            {"start", quantity("s"), kRequired, "when it leaves `initial`"},
                            {"duration", quantity("s"), kRequired, "until it is at `final`"}}};
  return table;
}

const Block& source_block() {
  using namespace form;
  static const Block table{
      "Sources",
      "From a net to ground or `reference`; element `v<name>`, its current is `i(<name>)`. With "
      "`kind: "
      "current` the value flows **into the net**.",
      {{"net", text(), kRequired, "its net; with `count` a `{...}` in it makes each its own"},
       {"reference", text(), kOptional, "the other net; default ground"},
       {"kind", word({"voltage", "current"}), kOptional, "default `voltage`"},
       {"count", integer(1), kOptional, "so many sources `<name>0` ...; `i` counts them from 0"},
       {"dc", own_quantity(), kOptional,
        "constant value; beside a waveform that of operating points"},
       {"ac", own_quantity(), kOptional, "amplitude in `ac` and `noise` analyses"},
       {"ramp", block(ramp_block()), kOptional, "a straight line from one value to another"},
       {"pulse", block(pulse_block()), kOptional, "a pulse"},
       {"pwl", either({list(list(own_quantity())), block(wave_file_block())}), kOptional,
        "list of `[time, value]`, times rising; constant before and after. Or a file"}},
      {"pulse", "pwl", "ramp"}};
  return table;
}

void BenchReader::read_sources() {
  if (!root_.has("sources")) return;
  std::size_t lines = 0;
  for (const auto& [name, item] : root_["sources"].map()) {
    const std::string unit = item.text("kind", "voltage") == "current" ? "A" : "V";
    Source source{.name = lower(name),
                  .current = unit == "A",
                  .net = NetTemplate(item.text("net"), bench_.scope, item["net"].where()),
                  .reference = lower(item.text("reference", "0")),
                  .count = 0,
                  .dc = std::nullopt,
                  .ac = std::nullopt,
                  .ramp = std::nullopt,
                  .pulse = std::nullopt,
                  .pwl = {},
                  .wave = {},
                  .where = item.where()};
    if (item.has("reference")) check_net(item.text("reference"), item["reference"].where());
    if (item.has("count")) {
      source.count = read_count(item["count"], lines);
      if (source.net.is_constant())
        item["net"].refuse("so many sources on one net", "number the nets: net{i}");
    }
    read_waveform(item, unit, source);
    if (!source_names_.emplace(source.name, bench_.sources.size()).second)
      item.refuse("names that differ only in case are one to the simulator");
    for (std::size_t k = 0; k < source.count; ++k) {
      if (!source_names_.emplace(fmt::format("{}{}", source.name, k), bench_.sources.size()).second)
        item.refuse(fmt::format("its element {} has the name of another source", k));
    }
    bench_.sources.push_back(std::move(source));
  }
}

void BenchReader::read_waveform(const Item& item, const std::string& unit, Source& source) {
  const auto value = [&](const Item& block, const char* key, const std::string& of) {
    return quantity(block[key], of);
  };
  if (item.has("dc")) source.dc = value(item, "dc", unit);
  if (item.has("ac")) source.ac = value(item, "ac", unit);
  if (item.has("pulse")) {
    const Item p = item["pulse"];
    source.pulse = Pulse{value(p, "initial", unit),
                         value(p, "pulsed", unit),
                         value(p, "delay", "s"),
                         value(p, "rise", "s"),
                         value(p, "fall", "s"),
                         value(p, "width", "s"),
                         std::nullopt};
    if (p.has("period")) source.pulse->period = value(p, "period", "s");
  }
  if (item.has("ramp")) {
    const Item r = item["ramp"];
    source.ramp = Ramp{value(r, "initial", unit), value(r, "final", unit), value(r, "start", "s"),
                       value(r, "duration", "s")};
  }
  if (item.has("pwl") && item["pwl"].is_map()) {
    read_wave_file(item["pwl"], unit, source);
  } else if (item.has("pwl")) {
    const auto rows = item["pwl"].list();
    if (rows.empty()) item["pwl"].refuse("must hold at least one [time, value]");
    for (const Item& row : rows) {
      const auto pair = row.list();
      if (pair.size() != 2) row.refuse("must be [time, value]");
      source.pwl.emplace_back(quantity(pair[0], "s"), quantity(pair[1], unit));
    }
  }
  if (!source.dc && !source.ac && !source.pulse && !source.ramp && source.pwl.empty() &&
      source.wave.empty())
    item.refuse("has no value", "give `dc`, `ac`, `pulse`, `ramp` or `pwl`");
}

const Block& element_block() {
  using namespace form;
  static const Block table{
      "Elements",
      "Lines of circuit text: loads, or the whole circuit.",
      {{"line", text(), kRequired, "the line, with `{expressions}`"},
       {"count", integer(1), kOptional, "so many of them; `i` counts them from 0"}}};
  return table;
}

void BenchReader::read_elements() {
  if (!root_.has("elements")) return;
  std::size_t lines = 0;
  for (const Item& item : root_["elements"].list()) {
    const Item line = item.is_map() ? item["line"] : item;
    const std::string text = line.text();
    if (text.find(';') != std::string::npos) line.refuse("must be one line, without comments");
    // A simulator joins the next line to it.
    if (text.ends_with('\\')) line.refuse("must be one line; it ends with a continuation");
    bench_.code_models = bench_.code_models || needs_code_model({text, line.where().place});
    if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0])))
      line.refuse("is no element", "it begins with the letter of a device: R C L D M X ...");
    const std::size_t count = item.has("count") ? read_count(item["count"], lines) : 1;
    if (count > 1 && text.find('{') == std::string::npos)
      line.refuse("so many elements of one name", "number them: R{i} net{i} 0 1k");
    bench_.elements.push_back({Template(text, bench_.scope, line.where()), count, line.where()});
  }
}

const Block& net_voltage_block() {
  using namespace form;
  static const Block table{
      "Initial conditions",
      "`initial_conditions` are what a `tran` analysis begins with: its operating point is found "
      "with these nets held; with `use_initial_conditions` there is none. They say nothing to "
      "other "
      "analyses, and a bench of such alone is refused. `starting_guesses` are where the search for "
      "an operating point begins, in every analysis: they choose among the states of a latch and "
      "change nothing where there is one state alone.",
      {{"net", text(), kRequired, "the net, with `{i}`"},
       {"value", quantity("V"), kRequired, "its voltage"},
       {"count", integer(1), kRequired, "so many"}}};
  return table;
}

void BenchReader::read_net_voltages() {
  bench_.initial_conditions = net_voltages("initial_conditions");
  bench_.starting_guesses = net_voltages("starting_guesses");
}

std::vector<NetVoltage> BenchReader::net_voltages(const std::string& key) const {
  std::vector<NetVoltage> all;
  if (!root_.has(key)) return all;
  std::size_t lines = 0;
  for (const auto& [name, item] : root_[key].map()) {
    if (!item.is_map()) {
      all.push_back({NetTemplate(name, bench_.scope, item.where()), quantity(item, "V"), 1});
      continue;
    }
    NetVoltage one{NetTemplate(item.text("net"), bench_.scope, item["net"].where()),
                   quantity(item["value"], "V"), read_count(item["count"], lines)};
    if (one.count > 1 && one.net.is_constant())
      item["net"].refuse("so many voltages of one net", "number the nets: net{i}");
    all.push_back(std::move(one));
  }
  return all;
}

void BenchReader::refuse_idle_voltages() const {
  const auto any = [this](auto is) {
    return std::any_of(bench_.analyses.begin(), bench_.analyses.end(), is);
  };
  if (!bench_.initial_conditions.empty() &&
      !any([](const Analysis& one) { return one.kind->scale_unit == "s"; }))
    root_["initial_conditions"].refuse(
        "they are what `tran` begins with, and have no effect on the analyses of this bench",
        "`starting_guesses` choose the state of an operating point");
  if (!bench_.starting_guesses.empty() &&
      !any([](const Analysis& one) { return !one.uses_initial_conditions(); }))
    root_["starting_guesses"].refuse(
        "with `use_initial_conditions` there is no operating point that they could start",
        "give `initial_conditions`");
}

void BenchReader::note_simulated() {
  const auto swept_inside = [this](const Condition& condition) {
    return std::any_of(
        bench_.analyses.begin(), bench_.analyses.end(), [&](const Analysis& analysis) {
          return std::any_of(analysis.sweeps.begin(), analysis.sweeps.end(), [&](const Sweep& s) {
            return s.condition && &bench_.conditions[*s.condition] == &condition;
          });
        });
  };
  for (Condition& c : bench_.conditions)
    c.simulated = c.name == "corner" || c.name == "temperature" || bench_.scope.used(c.name) ||
                  swept_inside(c);
}

}  // namespace gaincell::characterize
