#include "liberty/benches.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/text.h"
#include "base/units.h"

namespace gaincell::liberty {
namespace {

// Everything is at rest for so long before the first edge.
constexpr double kRest = 20e-12;
// A setup is met where the output comes later by less than this.
constexpr double kPushOut = 1.1;
// An output that should stay may move by so much of the supply.
constexpr double kStays = 0.1;

// Of the time in which all settles: how far a constraint may lie from where the cell fails.
constexpr double kTolerance = 0.002;

// Gear's rule does not ring as the trapezoidal one does, which spoils small charges.
constexpr const char* kOptions =
    "{method: gear, reltol: 3e-4, trtol: 5, gmin: 1e-14, abstol: 1e-13, chgtol: 1e-18}";

// A search compares delays of one simulation, whose errors are alike.
constexpr const char* kSearchOptions =
    "{method: gear, reltol: 1e-3, trtol: 5, gmin: 1e-14, abstol: 1e-12, chgtol: 1e-17}";

std::string number(double value) { return format_exact(value); }

std::string list_of(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + number(value);
  return "[" + text + "]";
}

std::string in_quotes(const std::string& text) { return "\"" + text + "\""; }

// A bench as it grows.
class BenchText {
 public:
  BenchText(const CellLibrary& library, const Netlists& netlists, const std::string& name,
            const std::filesystem::path& netlist)
      : library_(library), netlists_(netlists) {
    text_ = fmt::format("gaincell_bench: 1\nname: {}\ncircuit: {{netlist: {}}}\n", name,
                        in_quotes(netlist.string()));
    text_ += fmt::format("models: {}\n", sections(library.models));
    // One corner alone: to read the cards once more for each is most of what planning takes.
    if (const std::string& corner = library.conditions.corner; !corner.empty())
      text_ += fmt::format("corners:\n  {}: {}\n", corner, sections(library.corners.at(corner)));
  }

  void add(const std::string& text) { text_ += text; }

  // `more`: lines of conditions that this bench sweeps.
  void conditions(const std::string& more) {
    text_ += "conditions:\n";
    const Conditions& at = library_.conditions;
    if (!at.corner.empty()) text_ += fmt::format("  corner: {{typical: {}}}\n", at.corner);
    text_ += more;
    text_ += fmt::format("  v_dd: {{unit: V, typical: {}}}\n", number(at.v_dd));
    text_ +=
        fmt::format("  temperature: {{unit: degC, typical: {}}}\n", number(at.temperature_degc));
  }

  // An instance whose pins are on the nets that `net_of` gives them.
  template <class NetOf>
  void instance(const Cell& cell, const std::string& suffix, NetOf net_of) {
    std::string nets;
    for (const std::string& port : netlists_.ports(cell)) {
      const auto is = [&](const std::vector<std::string>& names) {
        return std::find(names.begin(), names.end(), port) != names.end();
      };
      std::string net = "0";
      if (is(library_.power)) net = "vdd" + suffix;
      for (std::size_t k = 0; k < cell.inputs.size(); ++k)
        if (lower(cell.inputs[k]) == port) net = net_of(k);
      for (std::size_t k = 0; k < cell.outputs.size(); ++k)
        if (lower(cell.outputs[k].pin) == port) net = output_net(k, suffix);
      nets += net + " ";
    }
    elements_ += fmt::format("  - x{} {}{}\n", suffix, nets, cell.subcircuit);
    source("vdd" + suffix, "vdd" + suffix, "dc: \"{v_dd}\"");
  }
  void load(std::size_t output, const std::string& suffix, double farad) {
    elements_ += fmt::format("  - c{}_{} {} 0 {}\n", suffix, output, output_net(output, suffix),
                             number(farad));
  }
  void source(const std::string& name, const std::string& net, const std::string& what) {
    sources_ += fmt::format("  {}: {{net: {}, {}}}\n", name, net, what);
  }
  // The net of an input that stays at a level, and its source. No supply net: what the inputs take
  // is not what the supply gives, and a net of its own may have capacitance.
  std::string tied(bool high, const std::string& suffix) {
    std::string net = (high ? "high" : "low") + suffix;
    if (tied_.insert(net).second) source(net, net, high ? "dc: \"{v_dd}\"" : "dc: 0");
    return net;
  }
  bool is_tied(const std::string& net) const { return tied_.contains(net); }
  void measure(const std::string& name, const std::string& unit, const std::string& what) {
    measurements_ += fmt::format("  {}: {{unit: {}, {}}}\n", name, unit, what);
  }
  static std::string output_net(std::size_t output, const std::string& suffix) {
    return fmt::format("out{}_{}", output, suffix);
  }
  std::string finish(const std::string& analysis) const {
    return text_ + "sources:\n" + sources_ + "elements:\n" + elements_ + "analysis: " + analysis +
           "\nmeasurements:\n" + measurements_;
  }

 private:
  static std::string sections(const std::vector<Section>& files) {
    std::string text;
    for (const Section& one : files) {
      const std::string file = in_quotes(one.file.string());
      text += text.empty() ? "" : ", ";
      text +=
          one.section.empty() ? file : fmt::format("{{file: {}, section: {}}}", file, one.section);
    }
    return "[" + text + "]";
  }

  const CellLibrary& library_;
  const Netlists& netlists_;
  std::string text_, sources_, elements_, measurements_;
  std::set<std::string> tied_;
};

// A net's voltage over time: ramps between levels.
class Ramps {
 public:
  explicit Ramps(bool high) : high_(high) { points_.push_back({"0", high}); }
  // Times are expressions, `duration` is the whole ramp's.
  void go(const std::string& from, const std::string& duration, bool high) {
    points_.push_back({in_quotes("{" + from + "}"), high_});
    points_.push_back({in_quotes(fmt::format("{{{} + {}}}", from, duration)), high});
    high_ = high;
  }
  std::string text() const {
    std::string text;
    for (const auto& [time, high] : points_)
      text += fmt::format("{}[{}, {}]", text.empty() ? "" : ", ", time, high ? "\"{v_dd}\"" : "0");
    return "pwl: [" + text + "]";
  }

 private:
  bool high_;
  std::vector<std::pair<std::string, bool>> points_;
};

double ramp_s(const CellLibrary& library, double slew_s) {
  return slew_s / (library.upper - library.lower);
}

std::string fraction(double of_supply) { return fmt::format("\"{{{}*v_dd}}\"", number(of_supply)); }

// The bench of steps.
class StimulusBench {
 public:
  StimulusBench(const CellLibrary& library, const Netlists& netlists, const Stimulus& stimulus,
                const std::filesystem::path& netlist)
      : library_(library),
        stimulus_(stimulus),
        cell_(library.cells[stimulus.cell]),
        bench_(library, netlists, stimulus.name, netlist),
        fast_s_(ramp_s(library, library.slews_s.front())) {
    for (const Step& step : stimulus.steps) stepped_.insert(step.pin);
  }

  std::string text() {
    bench_.add(fmt::format("parameters:\n  ramp: {{value: \"{{slew/({} - {})}}\", unit: s}}\n",
                           number(library_.upper), number(library_.lower)));
    bench_.conditions(fmt::format("  slew: {{unit: s, {}}}\n",
                                  stimulus_.slews_s.size() > 1
                                      ? "enumerate: " + list_of(stimulus_.slews_s)
                                      : "typical: " + number(stimulus_.slews_s.front())));
    place_times();
    inputs();
    for (std::size_t k = 0; k < stimulus_.copies.size(); ++k) copy(k);
    for (std::size_t k = 0; k < stimulus_.steps.size(); ++k) step(k);
    return bench_.finish(
        fmt::format("{{type: tran, step: 1p, max_step: {}, stop: \"{{{}}}\", options: {}}}",
                    number(stimulus_.settle_s / 4), times_.back(), kOptions));
  }

 private:
  std::string ramp(const Step& step) const {
    return step.measured && !stimulus_.leakage ? std::string("ramp") : number(fast_s_);
  }
  // When each step begins, and behind them all the end.
  void place_times() {
    double fixed_s = kRest;
    std::size_t ramps = 0;
    const auto add = [&] { times_.push_back(fmt::format("{} + {}*ramp", number(fixed_s), ramps)); };
    for (const Step& step : stimulus_.steps) {
      add();
      fixed_s += stimulus_.settle_s;
      if (step.measured && !stimulus_.leakage) {
        ++ramps;
      } else {
        fixed_s += fast_s_;
      }
    }
    add();
  }

  static std::string input_net(std::size_t pin) { return fmt::format("in{}", pin); }

  void inputs() {
    for (const std::size_t pin : stepped_) {
      Ramps ramps(is_high(stimulus_.initial, pin));
      for (std::size_t k = 0; k < stimulus_.steps.size(); ++k)
        if (const Step& step = stimulus_.steps[k]; step.pin == pin)
          ramps.go(times_[k], ramp(step), step.high);
      bench_.source(input_net(pin), input_net(pin), ramps.text());
    }
  }

  void copy(std::size_t number) {
    const Copy& copy = stimulus_.copies[number];
    const std::string suffix = std::to_string(number);
    bench_.instance(cell_, suffix, [&](std::size_t pin) -> std::string {
      if (stepped_.contains(pin)) return input_net(pin);
      return bench_.tied(is_high(stimulus_.initial | copy.levels, pin), "");
    });
    for (std::size_t k = 0; k < cell_.outputs.size(); ++k) bench_.load(k, suffix, copy.load_f);
    const std::vector<Outcome> all = outcomes(cell_, stimulus_, copy);
    if (stimulus_.leakage) return;
    for (std::size_t step = 0; step < all.size(); ++step) {
      if (!stimulus_.steps[step].measured) continue;
      // What no load sees is the same in all copies that differ by it.
      if (all[step].moved.empty() && cell_.kind != Kind::kCombinational && number > 0) continue;
      supply(number, step);
      for (const std::size_t output : all[step].moved)
        edge(number, step, output, all[step].outputs[output]);
    }
  }

  std::string window(std::size_t step) const {
    return fmt::format("from: \"{{{}}}\", to: \"{{{}}}\"", times_[step], times_[step + 1]);
  }

  void supply(std::size_t copy, std::size_t step) {
    bench_.measure(energy_name(copy, step), "J",
                   fmt::format("energy: vdd{}, {}", copy, window(step)));
    bench_.measure(current_name(copy, step), "A",
                   fmt::format("value: \"-i(vdd{})\", at: \"{{{}}}\"", copy, times_[step + 1]));
  }

  void edge(std::size_t copy, std::size_t step, std::size_t output, bool rises) {
    const std::string net = BenchText::output_net(output, std::to_string(copy));
    const std::string way = rises ? "rise" : "fall";
    const Step& input = stimulus_.steps[step];
    bench_.measure(
        delay_name(copy, step, output), "s",
        fmt::format(
            "delay: v({}), level: {}, edge: {}, number: -1, after: v({}), after_edge: {}, {}", net,
            fraction(0.5), way, input_net(input.pin), input.high ? "rise" : "fall", window(step)));
    const auto crossing = [&](const std::string& name, double at) {
      bench_.measure(name, "s",
                     fmt::format("crossing: v({}), level: {}, edge: {}, number: -1, {}", net,
                                 fraction(at), way, window(step)));
    };
    crossing(start_name(copy, step, output), rises ? library_.lower : library_.upper);
    crossing(end_name(copy, step, output), rises ? library_.upper : library_.lower);
  }

  void step(std::size_t number) {
    const Step& one = stimulus_.steps[number];
    if (!one.measured) return;
    if (!stimulus_.leakage) {
      bench_.measure(charge_name(number), "C",
                     fmt::format("charge: in{}, {}", one.pin, window(number)));
      return;
    }
    std::string power = "-i(vdd0)*v(vdd0)";
    if (bench_.is_tied("high")) power += "-i(high)*v(high)";
    for (const std::size_t pin : stepped_) power += fmt::format("-i({0})*v({0})", input_net(pin));
    bench_.measure(power_name(number), "W",
                   fmt::format("value: {}, at: \"{{{}}}\"", in_quotes(power), times_[number + 1]));
  }

  const CellLibrary& library_;
  const Stimulus& stimulus_;
  const Cell& cell_;
  BenchText bench_;
  double fast_s_;
  std::set<std::size_t> stepped_;
  std::vector<std::string> times_;
};

// The bench of a search. Copy 0 has the pin's ample edge, copy 1 the one that is searched.
class ConstraintBench {
 public:
  ConstraintBench(const CellLibrary& library, const Netlists& netlists,
                  const Constraint& constraint, const std::filesystem::path& netlist)
      : library_(library),
        one_(constraint),
        cell_(library.cells[constraint.cell]),
        bench_(library, netlists, constraint.name, netlist) {}

  std::string text() {
    bench_.add(
        fmt::format("parameters:\n  ramp: {{value: \"{{slew/({0} - {1})}}\", unit: s}}\n"
                    "  clock_ramp: {{value: \"{{clock_slew/({0} - {1})}}\", unit: s}}\n",
                    number(library_.upper), number(library_.lower)));
    bench_.conditions(
        fmt::format("  slew: {{unit: s, enumerate: {0}}}\n"
                    "  clock_slew: {{unit: s, enumerate: {0}}}\n",
                    list_of(library_.constraint_slews_s)));
    place_times();
    inputs();
    for (const std::string copy : {"0", "1"}) {
      bench_.instance(cell_, copy, [&](std::size_t pin) { return input_net(pin, copy); });
      for (std::size_t k = 0; k < cell_.outputs.size(); ++k)
        bench_.load(k, copy, library_.loads_f[library_.loads_f.size() / 2] * cell_.drive);
    }
    measurements();
    bench_.add(search());
    return bench_.finish(
        fmt::format("{{type: tran, step: 1p, max_step: {}, stop: {}, options: {}}}",
                    number(library_.settle_s / 4), number(end_s_), kSearchOptions));
  }

 private:
  double least_s() const { return -0.2 * library_.settle_s; }
  double most_s() const { return 0.3 * library_.settle_s; }
  double longest_ramp_s() const { return ramp_s(library_, library_.constraint_slews_s.back()); }
  double fast_s() const { return ramp_s(library_, library_.slews_s.front()); }

  void place_times() {
    ample_s_ = kRest + static_cast<double>(one_.prepare.size()) * (library_.settle_s + fast_s());
    // The middle of the clock's edge.
    clock_s_ = ample_s_ + longest_ramp_s() * 2 + library_.settle_s + most_s();
    end_s_ = clock_s_ + longest_ramp_s() * 2 + library_.settle_s + most_s();
  }

  std::string input_net(std::size_t pin, const std::string& copy) const {
    if (pin == one_.pin) return "pin" + copy;
    return pin == cell_.clock.pin ? "clock" : fmt::format("in{}", pin);
  }

  void inputs() {
    for (std::size_t pin = 0; pin < cell_.inputs.size(); ++pin) {
      for (const std::string copy : {"0", "1"}) {
        if (copy == "1" && pin != one_.pin) continue;
        Ramps ramps(is_high(one_.initial, pin));
        for (std::size_t k = 0; k < one_.prepare.size(); ++k)
          if (one_.prepare[k].pin == pin)
            ramps.go(number(kRest + static_cast<double>(k) * (library_.settle_s + fast_s())),
                     number(fast_s()), one_.prepare[k].high);
        if (pin == cell_.clock.pin)
          ramps.go(number(clock_s_) + " - clock_ramp/2", "clock_ramp", one_.clock_rises);
        if (pin == one_.pin) pin_edge(ramps, copy == "1");
        bench_.source(input_net(pin, copy), input_net(pin, copy), ramps.text());
      }
    }
  }

  void pin_edge(Ramps& ramps, bool searched) const {
    if (searched) {
      ramps.go(fmt::format("{} {} {} - ramp/2", number(clock_s_), one_.ahead() ? "-" : "+",
                           kConstraintName),
               "ramp", one_.rising);
    } else if (one_.ahead()) {
      ramps.go(number(ample_s_), "ramp", one_.rising);
    }
  }

  std::string delay(const std::string& copy) const {
    const bool clock = one_.follows == Constraint::Follows::kClock;
    return fmt::format(
        "delay: v({}), level: {}, edge: {}, number: -1, after: v({}), after_edge: {}, from: {}, "
        "otherwise: 1",
        BenchText::output_net(one_.output, copy), fraction(0.5),
        one_.output_rises ? "rise" : "fall", clock ? "clock" : "pin" + copy,
        (clock ? one_.clock_rises : one_.rising) ? "rise" : "fall",
        number(clock && !one_.prepare.empty() ? ample_s_ : kRest / 2));
  }

  void measurements() {
    const std::string difference =
        fmt::format("v({})-v({})", BenchText::output_net(one_.output, "1"),
                    BenchText::output_net(one_.output, "0"));
    if (one_.follows == Constraint::Follows::kNothing) {
      bench_.measure("stray", "V",
                     fmt::format("maximum: \"abs({})\", from: {}", difference, number(ample_s_)));
      return;
    }
    bench_.measure("ample_delay", "s", delay("0"));
    bench_.measure("delay", "s", delay("1"));
    bench_.measure("stray", "V", fmt::format("value: \"abs({})\"", difference));
  }

  std::string search() const {
    std::string passes = fmt::format("(stray < {}*v_dd)", kStays);
    if (one_.follows != Constraint::Follows::kNothing)
      passes += fmt::format("*(ample_delay < {})*(delay < {}*ample_delay)",
                            number(library_.settle_s), kPushOut);
    return fmt::format(
        "search: {{over: {}, unit: s, minimum: {}, maximum: {}, tolerance: {}, passes: {}}}\n",
        kConstraintName, number(least_s()), number(most_s()),
        number(kTolerance * library_.settle_s), in_quotes(passes));
  }

  const CellLibrary& library_;
  const Constraint& one_;
  const Cell& cell_;
  BenchText bench_;
  double ample_s_ = 0, clock_s_ = 0, end_s_ = 0;
};

std::string place(const char* what, std::size_t copy, std::size_t step) {
  return fmt::format("{}_{}_{}", what, copy, step);
}

}  // namespace

std::string energy_name(std::size_t copy, std::size_t step) { return place("energy", copy, step); }
std::string current_name(std::size_t copy, std::size_t step) {
  return place("current", copy, step);
}
std::string delay_name(std::size_t copy, std::size_t step, std::size_t output) {
  return fmt::format("{}_{}", place("delay", copy, step), output);
}
std::string start_name(std::size_t copy, std::size_t step, std::size_t output) {
  return fmt::format("{}_{}", place("start", copy, step), output);
}
std::string end_name(std::size_t copy, std::size_t step, std::size_t output) {
  return fmt::format("{}_{}", place("end", copy, step), output);
}
std::string charge_name(std::size_t step) { return fmt::format("charge_{}", step); }
std::string power_name(std::size_t step) { return fmt::format("power_{}", step); }

double window_s(const CellLibrary& library, const Stimulus& stimulus, double slew_s) {
  return ramp_s(library, slew_s) + stimulus.settle_s;
}

std::string bench_of(const CellLibrary& library, const Netlists& netlists, const Stimulus& stimulus,
                     const std::filesystem::path& netlist) {
  return StimulusBench(library, netlists, stimulus, netlist).text();
}

std::string bench_of(const CellLibrary& library, const Netlists& netlists,
                     const Constraint& constraint, const std::filesystem::path& netlist) {
  return ConstraintBench(library, netlists, constraint, netlist).text();
}

std::string leakage_bench_name(const Cell& cell) { return cell.name + "_leakage"; }

std::string leakage_bench(const CellLibrary& library, const Netlists& netlists, const Cell& cell,
                          const std::filesystem::path& netlist) {
  BenchText bench(library, netlists, leakage_bench_name(cell), netlist);
  bench.conditions("");
  for (std::size_t levels = 0; levels < input_states(cell); ++levels) {
    const std::string suffix = std::to_string(levels);
    bench.instance(cell, suffix,
                   [&](std::size_t pin) { return bench.tied(is_high(levels, pin), suffix); });
    for (std::size_t k = 0; k < cell.outputs.size(); ++k)
      bench.load(k, suffix, library.loads_f.front() * cell.drive);
    std::string power = fmt::format("-i(vdd{0})*v(vdd{0})", suffix);
    if (bench.is_tied("high" + suffix)) power += fmt::format("-i(high{0})*v(high{0})", suffix);
    bench.measure(power_name(levels), "W", fmt::format("value: {}", in_quotes(power)));
  }
  return bench.finish("{type: op, options: {gmin: 1e-15, abstol: 1e-15}}");
}

}  // namespace gaincell::liberty
