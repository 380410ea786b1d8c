#include "characterize/plan/loose_ends.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/circuit/topology.h"
#include "characterize/measure/waves.h"
#include "characterize/plan/deck.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxNamed = 20;  // loose nets; more of them have one cause

// A net that the bench itself names, and where.
struct Named {
  std::string net;
  Where where;
};

std::string near(const std::string& name, const std::vector<std::string>& known) {
  const std::string found = suggest(name, known);
  return found.empty() ? "" : fmt::format("; did you mean `{}`?", found);
}

// How the simulator gives the current of a device that has no branch of its own; "" where it has.
std::string current_parameter(const std::string& device) {
  static const std::map<char, std::string> parameters{
      {'c', "i"},  {'d', "id"}, {'f', "i"}, {'g', "i"}, {'i', "current"}, {'j', "id"},
      {'m', "id"}, {'q', "ic"}, {'r', "i"}, {'s', "i"}, {'w', "i"},       {'z', "id"}};
  const auto found = parameters.find(device.front());
  return found == parameters.end() ? "" : found->second;
}

std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  std::string name;
  for (std::size_t k = 0; k <= text.size(); ++k) {
    const auto c = static_cast<unsigned char>(k < text.size() ? text[k] : ' ');
    if (std::isalnum(c) != 0 || c == '_') {
      name += lower(static_cast<char>(c));
    } else if (!name.empty()) {
      names.push_back(std::move(name));
      name.clear();
    }
  }
  return names;
}

class NetCheck {
 public:
  explicit NetCheck(const Evaluation& at)
      : at_(at),
        bench_(at.bench()),
        sources_(bench_sources(at)),
        topology_(at.library(), joined(circuit_lines(at))) {
    for (const FlatNet& net : topology_.nets()) {
      (net.name.find('.') == std::string::npos ? top_nets_ : inner_nets_).push_back(net.name);
    }
  }

  std::vector<std::string> run() {
    collect_named();
    if (!topology_.cut_short()) {
      refuse_repeated();
      refuse_shorts();
      for (const Named& one : named_) require(one);
      require_devices();
      refuse_idle_voltages(bench_.initial_conditions, "initial_conditions");
      refuse_idle_voltages(bench_.starting_guesses, "starting_guesses");
      find_lone_sources();
      find_open_ends();
      find_shorted();
      find_floating();
    }
    return std::move(found_);
  }

 private:
  std::vector<CircuitLine> joined(std::vector<CircuitLine> lines) const {
    for (const BenchSource& source : sources_)
      lines.push_back({fmt::format("{} {} {}", source.element, source.net, source.reference),
                       source.where.place});
    return lines;
  }

  void name_nets(const std::string& signal, const Where& where) {
    const SignalParts parts = parse_signal(signal);
    if (parts.kind == SignalKind::kNoise) return;
    for (const std::string& vector : parts.vectors) {
      for (std::string& net : nets_of_vector(vector)) named_.push_back({std::move(net), where});
    }
  }

  void collect_named() {
    for (const Measurement& m : bench_.measurements) {
      for (const std::string& signal : m.signals) name_nets(signal, m.where);
    }
    for (const WaveformRequest& waveform : bench_.waveforms)
      name_nets(waveform.signal, {bench_.path, "waveforms." + waveform.name});
    for (const Analysis& analysis : bench_.analyses) {
      for (const std::string& net : analysis.outputs)
        if (!is_ground(net)) named_.push_back({net, analysis.where});
    }
    for (const auto* voltages : {&bench_.initial_conditions, &bench_.starting_guesses}) {
      for_each_net(*voltages, [&](const std::string& net, const NetVoltage& one) {
        named_.push_back({net, one.net.where()});
        begun_.insert(net);
      });
    }
  }

  template <class Take>
  void for_each_net(const std::vector<NetVoltage>& voltages, Take take) {
    for (const NetVoltage& one : voltages) {
      for (std::size_t k = 0; k < one.count; ++k) {
        take(one.net.name(at_.element(k)), one);
      }
    }
  }

  // The simulator keeps one of two elements of a name, and says nothing of the other.
  void refuse_repeated() const {
    if (topology_.repeated().empty()) return;
    const CircuitLine& line = topology_.repeated().front();
    throw Error({.place = line.place,
                 .value = line.text.substr(0, 120),
                 .rule = "another element of the circuit has this name",
                 .remedy = "a source `x` of the bench is the element `vx` or `ix`"});
  }

  void refuse_shorts() const {
    for (const BenchSource& source : sources_) {
      const bool same =
          source.net == source.reference || (is_ground(source.net) && is_ground(source.reference));
      if (same)
        throw Error({.place = source.where.place,
                     .key = source.where.key,
                     .value = source.net,
                     .rule = "the source stands between a net and itself",
                     .remedy = "give `net` and `reference` two nets"});
    }
  }

  // A device's own inner nets (`m1#drain`) are made by the simulator.
  void require(const Named& one) const {
    if (topology_.has_net(one.net) || one.net.find('#') != std::string::npos) return;
    std::string meant;
    for (const std::string& inner : inner_nets_) {
      if (inner.ends_with("." + one.net)) meant = fmt::format("; did you mean `{}`?", inner);
    }
    const bool inner = one.net.find('.') != std::string::npos;
    if (meant.empty()) meant = near(one.net, inner ? inner_nets_ : top_nets_);
    throw Error({.place = one.where.place,
                 .key = one.where.key,
                 .rule = fmt::format("the net `{}` is not in the circuit{}", one.net, meant)});
  }

  void require_devices() const {
    for (const Measurement& m : bench_.measurements) {
      for (const std::string& signal : m.signals) {
        for (const std::string& vector : parse_signal(signal).vectors) require_device(vector, m);
      }
    }
  }

  // "vx#branch", "m|vx#branch" and "@m.xdut.m1[gm]" name a device.
  void require_device(const std::string& vector, const Measurement& m) const {
    std::string device;
    if (vector.starts_with("@")) {
      device = vector.substr(1, vector.find('[') - 1);
      if (at_.library().has_model(device)) return;
    } else if (vector.ends_with("#branch")) {
      const std::size_t bar = vector.find('|');
      const std::size_t from = bar == std::string::npos ? 0 : bar + 1;
      device = vector.substr(from, vector.size() - 7 - from);
    }
    if (device.empty()) return;
    if (topology_.has_device(device)) {
      if (vector.ends_with("#branch")) require_branch(device, m);
      return;
    }
    const std::vector<std::string> known(topology_.devices().begin(), topology_.devices().end());
    throw Error({.place = m.where.place,
                 .key = m.where.key,
                 .rule = fmt::format("the device `{}` is not in the circuit{}", device,
                                     near(device, known)),
                 .remedy = "of an instance x1 the device m1 is `m.x1.m1`, or name a source"});
  }

  static void require_branch(const std::string& device, const Measurement& m) {
    const std::string parameter = current_parameter(device);
    if (parameter.empty()) return;
    throw Error({.place = m.where.place,
                 .key = m.where.key,
                 .rule = fmt::format("`i({})` is for sources of voltage and inductors", device),
                 .remedy = fmt::format("this device's current is `@{}[{}]`", device, parameter)});
  }

  void refuse_idle_voltages(const std::vector<NetVoltage>& voltages, const std::string& key) {
    std::map<std::string, std::string> holders;  // net -> source
    for (const BenchSource& source : sources_) {
      if (source.element[0] == 'v' && is_ground(source.reference))
        holders.emplace(source.net, source.name);
    }
    std::set<std::string> seen;
    for_each_net(voltages, [&](const std::string& net, const NetVoltage& one) {
      const auto refuse = [&](const std::string& rule) {
        throw Error({.place = one.net.where().place,
                     .key = one.net.where().key,
                     .rule = fmt::format("the net `{}` {}", net, rule),
                     .remedy = fmt::format("take it out of `{}`", key)});
      };
      if (is_ground(net)) refuse("is ground");
      if (!seen.insert(net).second) refuse("has a voltage here already");
      const auto holds = holders.find(net);
      if (holds != holders.end())
        refuse(fmt::format("has the voltage of the source `{}`", holds->second));
    });
  }

  void say(const std::string& net, std::string text) {
    if (said_.insert(net).second && said_.size() <= kMaxNamed) found_.push_back(std::move(text));
  }

  // Of a circuit that a person wrote; among thousands of numbered nets every net is near another.
  std::string near_net(const std::string& net) const {
    constexpr std::size_t kMaxNets = 1000;
    if (top_nets_.size() > kMaxNets || said_.size() >= kMaxNamed) return {};
    std::vector<std::string> others = top_nets_;
    std::erase(others, net);
    std::erase(others, "0");
    return near(net, others);
  }

  void find_lone_sources() {
    for (const BenchSource& source : sources_) {
      for (const std::string& net : {source.net, source.reference}) {
        if (is_ground(net)) continue;
        const auto& pins = topology_.net(net).pins;
        if (std::any_of(pins.begin(), pins.end(),
                        [&](const FlatNet::Pin& pin) { return pin.element != source.element; }))
          continue;
        say(net, fmt::format("{}: nothing but this source is on the net `{}`{}", source.where.key,
                             net, near_net(net)));
      }
    }
  }

  // A port or an element's end that leads nowhere.
  void find_open_ends() {
    std::set<std::string> named;
    for (const Named& one : named_) named.insert(one.net);
    for (const FlatNet& net : topology_.nets()) {
      if (net.pins.size() != 1 || net.name == "0") continue;
      const FlatNet::Pin& pin = net.pins.front();
      const bool one_device = pin.subcircuit.empty() &&
                              std::string_view("rldmqj").find(pin.element[0]) != std::string::npos;
      // What is measured may hang on a source or a capacitor alone, or be a port; a current through
      // one device ends nowhere.
      if (named.contains(net.name) && !one_device) continue;
      // An inner net of an instance has its own elements on it.
      if (net.name.find('.') != std::string::npos && net.first_element != pin.element) continue;
      if (pin.subcircuit.empty()) {
        say(net.name, fmt::format("nothing but `{}` is on the net `{}`{}", pin.element, net.name,
                                  near_net(net.name)));
        continue;
      }
      // Who names an open port under its own name means it; but a bulk belongs to a supply.
      const auto port = bench_.ports.find(pin.port);
      const bool meant = pin.element == "xdut" && port != bench_.ports.end() &&
                         port->second == pin.port && !net.bulk;
      if (meant) continue;
      const bool may_be_meant =
          pin.element == "xdut" && !net.bulk && net.group == topology_.ground();
      say(net.name,
          fmt::format(
              "nothing drives or measures the net `{}`: port `{}` of `{}` alone is on it{}{}",
              net.name, pin.port, pin.subcircuit, near_net(net.name),
              may_be_meant ? fmt::format(" (ports: {{{0}: {0}}} if that is meant)", pin.port)
                           : ""));
    }
  }

  void find_shorted() {
    for (const std::string& element : topology_.shorted())
      say(element, fmt::format("both ends of `{}` are on one net: it does nothing", element));
  }

  // Groups of nets that no direct current reaches from ground.
  void find_floating() {
    const bool from_zero =
        std::all_of(bench_.analyses.begin(), bench_.analyses.end(),
                    [](const Analysis& analysis) { return analysis.uses_initial_conditions(); });
    struct Group {
      std::vector<const FlatNet*> nets;
      bool driven = false, capacitor = false, begun = false;
    };
    std::map<int, Group> groups;
    for (const FlatNet& net : topology_.nets()) {
      if (net.group == topology_.ground()) continue;
      Group& group = groups[net.group];
      group.nets.push_back(&net);
      group.driven = group.driven || net.driven;
      group.capacitor = group.capacitor || net.capacitor;
      group.begun = group.begun || begun_.contains(net.name);
    }
    for (const auto& [number, group] : groups) {
      // A charge on a capacitor is a state that a run may begin with.
      if (group.begun || (from_zero && group.capacitor)) continue;
      const FlatNet& net = *group.nets.front();
      const std::string more =
          group.nets.size() > 1 ? fmt::format(" and {} more", group.nets.size() - 1) : "";
      const std::string on =
          net.first_element.empty() ? "" : fmt::format(" (`{}` is on it)", net.first_element);
      say(net.name, group.driven
                        ? fmt::format("the net `{}`{} has no path for direct current to ground{}",
                                      net.name, more, on)
                        : fmt::format("nothing drives the net `{}`{}: gates and capacitors alone{}",
                                      net.name, more, on));
    }
  }

  const Evaluation& at_;
  const Bench& bench_;
  std::vector<BenchSource> sources_;
  Topology topology_;
  std::vector<std::string> top_nets_, inner_nets_;
  std::vector<Named> named_;
  std::set<std::string> begun_;  // nets with an initial condition or a guess
  std::set<std::string> said_;
  std::vector<std::string> found_;
};

bool any_analysis(const Bench& bench, bool (*is)(const Analysis&)) {
  return std::any_of(bench.analyses.begin(), bench.analyses.end(), is);
}

bool along_time(const Analysis& analysis) { return analysis.kind->scale_unit == "s"; }
bool small_signal(const Analysis& analysis) { return analysis.kind->scale_unit == "Hz"; }

// Keys against analyses: what no analysis of the bench looks at.
void find_idle_sources(const Bench& bench, std::vector<std::string>& found) {
  for (const Source& source : bench.sources) {
    if (source.ac && !any_analysis(bench, small_signal))
      found.push_back(
          fmt::format("{}.ac: no analysis takes it; it drives `ac` and `noise`", source.where.key));
    const char* wave = source.pulse                                  ? "pulse"
                       : source.ramp                                 ? "ramp"
                       : !source.pwl.empty() || !source.wave.empty() ? "pwl"
                                                                     : nullptr;
    if (wave != nullptr && !any_analysis(bench, along_time))
      found.push_back(
          fmt::format("{}.{}: no analysis runs along time; {}", source.where.key, wave,
                      source.dc ? "`dc` is taken in its place" : "its level at time 0 is taken"));
  }
}

// What begins when every run along time is over, at the point that the scope stands at.
void find_late_sources(const Evaluation& at, std::vector<std::string>& found) {
  const Bench& bench = at.bench();
  double end = 0;
  for (const Analysis& analysis : bench.analyses) {
    if (along_time(analysis))
      end = std::max(end, analysis.numbers.at("stop").unchecked(at.values()));
  }
  if (!(end > 0)) return;
  for (const Source& source : bench.sources) {
    const Quantity* begin = source.pulse  ? &source.pulse->delay
                            : source.ramp ? &source.ramp->start
                                          : nullptr;
    if (begin == nullptr || source.count > 0 || !(begin->unchecked(at.values()) >= end)) continue;
    found.push_back(fmt::format("{}.{}: begins at {}, when the run is over ({})", source.where.key,
                                source.pulse ? "pulse" : "ramp",
                                format_si(begin->unchecked(at.values()), "s"),
                                format_si(end, "s")));
  }
}

void find_long_steps(const Evaluation& at, std::vector<std::string>& found) {
  for (const Analysis& analysis : at.bench().analyses) {
    if (!along_time(analysis)) continue;
    const double stop = analysis.numbers.at("stop").unchecked(at.values());
    for (const char* key : {"step", "max_step"}) {
      const auto step = analysis.numbers.find(key);
      if (step == analysis.numbers.end() || !(step->second.unchecked(at.values()) > stop)) continue;
      found.push_back(fmt::format("{}.{}: {} is longer than the run ({})", analysis.where.key, key,
                                  format_si(step->second.unchecked(at.values()), "s"),
                                  format_si(stop, "s")));
    }
  }
}

// A net's voltage or a source's current by itself, be its sign turned.
std::string unit_of_plain_signal(std::string_view signal) {
  if (signal.starts_with('-')) signal.remove_prefix(1);
  const bool plain = signal.find(')') == signal.size() - 1;
  if (plain && signal.starts_with("v(")) return "V";
  return plain && signal.starts_with("i(") ? "A" : "";
}

// Empty where it follows from more than the kind of measurement.
std::string unit_of_result(const Bench& bench, const Measurement& m) {
  static const std::set<std::string_view> along{"crossing",   "delay",      "width",
                                                "time_above", "settling",   "loss_time",
                                                "minimum_at", "maximum_at", "time_constant"};
  static const std::set<std::string_view> same{"value",   "minimum", "maximum",
                                               "average", "rms",     "peak_to_peak"};
  const std::string_view kind = m.kind->name;
  if (kind == "charge") return "C";
  if (kind == "energy") return "J";
  if (kind == "total_noise") return "V";
  if (along.contains(kind)) return bench.analyses[m.analysis].scale_unit;
  return same.contains(kind) ? unit_of_plain_signal(m.signals.front()) : "";
}

// Numbers are SI whatever the unit says.
void find_wrong_units(const Bench& bench, std::vector<std::string>& found) {
  static const std::set<std::string_view> known{"V", "A", "s",   "Hz", "C", "J",
                                                "F", "W", "Ohm", "S",  "K", "degC"};
  for (const Measurement& m : bench.measurements) {
    if (m.formula || m.searched || m.numbers.contains("scale")) continue;
    const std::string unit = unit_of_result(bench, m);
    if (unit.empty() || m.unit == unit) continue;
    const bool prefixed = m.unit.size() > unit.size() && m.unit.ends_with(unit) &&
                          parse_quantity("1 " + m.unit, unit).has_value();
    if (prefixed) {
      found.push_back(fmt::format(
          "{}: its numbers are in {} while its `unit` is `{}`; write `unit: {}`, or add `scale`",
          m.where.key, unit, m.unit, unit));
    } else if (known.contains(m.unit)) {
      found.push_back(
          fmt::format("{}: is in {} while its `unit` is `{}`", m.where.key, unit, m.unit));
    }
  }
}

// `initial_conditions` are refused where no analysis takes them; here some do.
void find_idle_voltages(const Bench& bench, std::vector<std::string>& found) {
  for (const Analysis& analysis : bench.analyses) {
    if (!bench.initial_conditions.empty() && !along_time(analysis) &&
        bench.starting_guesses.empty())
      found.push_back(
          fmt::format("{}: `initial_conditions` are without effect here; `starting_guesses` choose "
                      "among states",
                      analysis.where.key));
    if (!bench.starting_guesses.empty() && analysis.uses_initial_conditions())
      found.push_back(
          fmt::format("{}: `starting_guesses` are without effect here: there is no operating point",
                      analysis.where.key));
  }
}

// An ac run of a circuit that nothing excites is all zeros.
void require_excitation(const Evaluation& at) {
  const Bench& bench = at.bench();
  const auto analysis =
      std::find_if(bench.analyses.begin(), bench.analyses.end(),
                   [](const Analysis& one) { return one.kind->signals == SignalKind::kComplex; });
  if (analysis == bench.analyses.end()) return;
  const bool excited = std::any_of(bench.sources.begin(), bench.sources.end(),
                                   [](const Source& source) { return source.ac.has_value(); });
  if (excited) return;
  const auto holds_ac = [](const std::string& text) {
    const auto words = circuit_words(text);
    return std::find(words.begin(), words.end(), "ac") != words.end();
  };
  for (const CircuitLine& line : at.library().lines()) {
    if (holds_ac(line.text)) return;
  }
  for (const ElementLine& element : bench.elements) {
    if (holds_ac(element.line.text(at.values()))) return;
  }
  throw Error({.place = analysis->where.place,
               .key = analysis->where.key,
               .rule = "no source has `ac`: every result would be 0",
               .remedy = "give the source that drives the circuit ac: 1"});
}

// Options that shape steps in time say nothing to other analyses.
void find_idle_options(const Bench& bench, std::vector<std::string>& found) {
  static const std::set<std::string> in_time{"chgtol", "itl4", "maxord", "method", "trtol", "xmu"};
  for (const Analysis& analysis : bench.analyses) {
    if (along_time(analysis)) continue;
    for (const auto& [name, value] : analysis.options) {
      if (in_time.contains(name))
        found.push_back(fmt::format("{}.options.{}: `{}` makes no steps in time: no effect",
                                    analysis.where.key, name, analysis.kind->name));
    }
  }
}

void find_idle_names(const Evaluation& at, std::vector<std::string>& found) {
  const Bench& bench = at.bench();
  std::set<std::size_t> nested;
  for (const Analysis& analysis : bench.analyses) {
    for (const Sweep& sweep : analysis.sweeps) {
      if (sweep.condition) nested.insert(*sweep.condition);
    }
  }
  for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
    const Condition& c = bench.conditions[k];
    if (c.name == "temperature" || c.name == "corner" || nested.contains(k) ||
        bench.scope.used(c.name))
      continue;
    if (c.unit == "degC")
      throw Error({.place = c.where.place,
                   .key = c.where.key,
                   .rule = "nothing uses this temperature",
                   .remedy = "that of the simulation is the condition `temperature`"});
    found.push_back(fmt::format(
        "conditions.{}: nothing uses it{}", c.name,
        c.swept || c.count > 0 ? ", so its points are the same simulation again and again" : ""));
  }
  const Subcircuit* dut =
      bench.subcircuit.empty() ? nullptr : at.library().subcircuit(bench.subcircuit);
  for (const Parameter& p : bench.parameters) {
    if (bench.scope.used(p.name)) continue;
    const bool meant = dut != nullptr && std::find(dut->parameters.begin(), dut->parameters.end(),
                                                   p.name) != dut->parameters.end();
    found.push_back(fmt::format(
        "parameters.{}: nothing uses it{}", p.name,
        meant ? "; the subcircuit's parameter of this name is set under circuit.parameters" : ""));
  }
}

void find_idle_points(const Bench& bench, std::vector<std::string>& found) {
  if ((bench.holdout_points > 0 || bench.holdout_share > 0) && bench.tables.empty())
    found.push_back("holdout: no table is made of this bench, so nothing is measured by them");
}

// A parameter that no line of the models reads changes nothing.
void require_readers(const Evaluation& at) {
  const Bench& bench = at.bench();
  for (const auto& [name, value] : bench.library_parameters) {
    std::set<std::string> known;
    for (const Corner& corner : bench.corners) {
      for (const CircuitLine& line : corner.library->lines()) {
        for (std::string& word : names_in(line.text)) known.insert(std::move(word));
      }
    }
    for (const ElementLine& element : bench.elements) {
      for (std::string& word : names_in(element.line.text(at.values())))
        known.insert(std::move(word));
    }
    if (known.contains(name)) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    throw Error({.place = bench.path,
                 .key = "library_parameters." + name,
                 .rule = fmt::format("nothing in the models or the circuit reads it{}",
                                     near(name, names))});
  }
}

}  // namespace

std::vector<std::string> loose_ends(const Evaluation& at) {
  const Bench& bench = at.bench();
  require_readers(at);
  require_excitation(at);
  std::vector<std::string> found = NetCheck(at).run();
  find_idle_voltages(bench, found);
  find_idle_sources(bench, found);
  find_late_sources(at, found);
  find_idle_options(bench, found);
  find_long_steps(at, found);
  find_wrong_units(bench, found);
  find_idle_names(at, found);
  find_idle_points(bench, found);
  return found;
}

}  // namespace gaincell::characterize
