#include "characterize/plan/deck.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/units.h"

namespace gaincell::characterize {
namespace {

[[noreturn]] void refuse(const Where& where, double value, std::string rule,
                         std::string remedy = {}) {
  throw Error({.place = where.place,
               .key = where.key,
               .value = format_exact(value),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

std::string pwl_text(const std::vector<std::pair<double, double>>& points) {
  std::string text = "pwl(";
  for (const auto& [time, value] : points)
    text +=
        fmt::format("{}{} {}", text.size() > 4 ? " " : "", format_exact(time), format_exact(value));
  return text + ")";
}

// A pulse as the points of a trapezoid; see the pulses block of the schema for the meaning of
// width.
std::string pulse_text(const Pulse& pulse, const Values& values, const Where& where) {
  const double initial = pulse.initial.value(values);
  const double pulsed = pulse.pulsed.value(values);
  const double delay = pulse.delay.value(values);
  const double rise = pulse.rise.value(values);
  const double fall = pulse.fall.value(values);
  const double width = pulse.width.value(values);
  const auto key = [&where](const char* name) {
    return Where{where.place, where.key + ".pulse." + name};
  };
  if (!(rise > 0)) refuse(key("rise"), rise, "must be greater than 0");
  if (!(fall > 0)) refuse(key("fall"), fall, "must be greater than 0");
  if (!(delay >= 0)) refuse(key("delay"), delay, "must not be negative");
  const double edges = 0.5 * (rise + fall);
  const double flat = width - edges;
  if (pulse.period) {
    if (!(flat > 0))
      refuse(key("width"), width, "must exceed half the edges of a repeated pulse",
             fmt::format("more than {}", format_exact(edges)));
    const double period = pulse.period->value(values);
    if (!(period > rise + flat + fall))
      refuse(key("period"), period, "must be longer than the pulse with its edges");
    return fmt::format("pulse({} {} {} {} {} {} {})", format_exact(initial), format_exact(pulsed),
                       format_exact(delay), format_exact(rise), format_exact(fall),
                       format_exact(flat), format_exact(period));
  }
  if (!(width > 0)) return pwl_text({{0, initial}});
  // Part of the full height that a narrow pulse reaches.
  const double part = std::min(1.0, width / edges);
  const double top = initial + part * (pulsed - initial);
  std::vector<std::pair<double, double>> points{{0, initial}};
  const auto go = [&points](double time, double value) {
    if (time > points.back().first) points.emplace_back(time, value);
  };
  go(delay, initial);
  go(delay + part * rise, top);
  if (flat > 0) go(delay + rise + flat, top);
  go(delay + part * rise + std::max(flat, 0.0) + part * fall, initial);
  return pwl_text(points);
}

std::string ramp_text(const Ramp& ramp, const Values& values, const Where& where) {
  const double start = ramp.start.value(values);
  const double duration = ramp.duration.value(values);
  if (!(start >= 0))
    refuse({where.place, where.key + ".ramp.start"}, start, "must not be negative");
  if (!(duration > 0))
    refuse({where.place, where.key + ".ramp.duration"}, duration, "must be greater than 0");
  std::vector<std::pair<double, double>> points{{0, ramp.initial.value(values)}};
  if (start > 0) points.emplace_back(start, ramp.initial.value(values));
  points.emplace_back(start + duration, ramp.final.value(values));
  return pwl_text(points);
}

std::string waveform(const Source& source, const Values& values) {
  if (source.pulse) return pulse_text(*source.pulse, values, source.where);
  if (source.ramp) return ramp_text(*source.ramp, values, source.where);
  if (!source.wave.empty()) return pwl_text(source.wave);
  std::vector<std::pair<double, double>> points;
  for (const auto& [time, value] : source.pwl) {
    const double t = time.value(values);
    const Where where{source.where.place, source.where.key + ".pwl"};
    if (t < 0) refuse(where, t, "a time must not be negative");
    if (points.empty() && t > 0) points.emplace_back(0, value.value(values));
    if (!points.empty() && t <= points.back().first && !(points.size() == 1 && t == 0))
      refuse(where, t,
             fmt::format("times must rise, but {} stands before it",
                         format_exact(points.back().first)));
    points.emplace_back(t, value.value(values));
  }
  return points.empty() ? std::string() : pwl_text(points);
}

// One source. The level at time 0 of a waveform is also its value in an operating point.
std::string source_line(const Source& source, const std::string& name, const Values& values) {
  const std::string net = source.net.name(values);
  std::string nodes = source.current ? fmt::format("i{} {} {}", name, source.reference, net)
                                     : fmt::format("v{} {} {}", name, net, source.reference);
  if (source.dc) nodes += " dc " + format_exact(source.dc->value(values));
  if (source.ac) nodes += " ac " + format_exact(source.ac->value(values));
  const std::string wave = waveform(source, values);
  return wave.empty() ? nodes : nodes + " " + wave;
}

// ngspice counts a sweep up in steps and ends it within an absolute 2e-13: fine steps go by table.
bool evenly_spaced(const std::vector<double>& values) {
  if (values.size() == 1) return true;  // a table of one point would be none
  const double first = values.front();
  const double step = (values.back() - first) / static_cast<double>(values.size() - 1);
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (std::abs(values[k] - first - step * static_cast<double>(k)) > 1e-12 * std::abs(step))
      return false;
  }
  return std::abs(step) > 1e-9;
}

// Of a list that the simulator looks up in a table: it searches that from its begin each time.
constexpr std::size_t kMaxListed = 100'000;

// A swept source: evenly spaced values are swept themselves; for a list a counter is swept, and a
// table makes the value of it.
std::string swept_source(const Evaluation& at, const Source& source, std::vector<double> values,
                         std::vector<SweepCard>& sweeps) {
  const std::string net = source.net.name(at.values());
  const std::size_t points = values.size();
  if (evenly_spaced(values)) {
    const double step =
        points == 1 ? 1 : (values.back() - values.front()) / static_cast<double>(points - 1);
    const std::string start = format_exact(values.front());
    sweeps.push_back({(source.current ? "i" : "v") + source.name, values.front(), values.back(),
                      step, std::move(values)});
    if (source.current)
      return fmt::format("i{} {} {} dc {}\n", source.name, source.reference, net, start);
    return fmt::format("v{} {} {} dc {}\n", source.name, net, source.reference, start);
  }
  if (points > kMaxListed)
    throw Error({.place = source.where.place,
                 .key = source.where.key,
                 .value = std::to_string(points),
                 .rule = "a list or logarithmic sweep inside a run has at most 100,000 values",
                 .remedy = "take fewer"});
  std::string table = fmt::format("pwl(v({}_count)", source.name);
  for (std::size_t k = 0; k < points; ++k)
    table += fmt::format(",{},{}", k, format_exact(values[k]));
  table += ")";
  sweeps.push_back({fmt::format("v{}_count", source.name), 0, static_cast<double>(points - 1), 1,
                    std::move(values)});
  std::string text = fmt::format("v{0}_count {0}_count 0 dc 0\n", source.name);
  if (source.current)
    return text + fmt::format("b{} {} {} i={}\n", source.name, source.reference, net, table);
  return text + fmt::format("b{0} {0}_drive {1} v={2}\nv{0} {3} {0}_drive dc 0\n", source.name,
                            source.reference, table, net);
}

std::vector<double> sweep_values(const Evaluation& at, const Sweep& sweep, const Where& where) {
  if (sweep.condition) return at.bench().conditions[*sweep.condition].values;
  const double start = sweep.start->value(at.values());
  const double stop = sweep.stop->value(at.values());
  const auto key = [&where](const char* name) {
    return Where{where.place, where.key + ".sweeps." + name};
  };
  if (start == stop) refuse(key("stop"), stop, "must differ from `start`");
  if (sweep.logarithmic && !(start > 0 && stop > 0))
    refuse(key("start"), std::min(start, stop), "a logarithmic sweep keeps above 0");
  return spaced(start, stop, sweep.points, sweep.logarithmic);
}

CircuitLine instance_line(const Evaluation& at) {
  const Bench& bench = at.bench();
  std::string text = "xdut";
  for (const std::string& port : at.library().subcircuit(bench.subcircuit)->ports) {
    const auto net = bench.ports.find(port);
    text += " " + (net == bench.ports.end() ? port : net->second);
  }
  text += " " + bench.subcircuit;
  for (const auto& [name, value] : bench.subcircuit_parameters)
    text += fmt::format(" {}={}", name, format_exact(value.value(at.values())));
  return {text, bench.path};
}

// The circuit: the instance and the bench's own lines, each device with its draw.
std::string circuit_text(const Evaluation& at) {
  const Bench& bench = at.bench();
  const std::vector<CircuitLine> lines = circuit_lines(at);
  std::string text;
  if (bench.mismatch.rules.empty()) {
    for (const CircuitLine& line : lines) text += line.text + "\n";
    return text;
  }
  std::map<std::string, double> parameters;
  for (const auto& [name, value] : bench.library_parameters)
    parameters[name] = value.value(at.values());
  MismatchWriter writer(at.library(), bench.mismatch.rules, bench.draw_seed, at.draw(),
                        std::move(parameters));
  for (const CircuitLine& line : lines) text += writer.element(line) + "\n";
  if (writer.devices() == 0)
    throw Error({.place = bench.path,
                 .key = "mismatch.devices",
                 .rule = "no device of the circuit is of a kind named here",
                 .remedy = "name the model cards that its devices use"});
  return writer.definitions() + text;
}

// Of the numbers that the circuit's text follows from.
std::set<std::string> names_of_circuit(const Bench& bench) {
  std::set<std::string> names;
  for (const ElementLine& element : bench.elements) names.merge(element.line.names());
  const auto add = [&names](const std::vector<std::pair<std::string, Quantity>>& values) {
    for (const auto& [name, value] : values) {
      if (const Expression* expression = value.expression())
        names.insert(expression->names().begin(), expression->names().end());
    }
  };
  add(bench.subcircuit_parameters);
  add(bench.library_parameters);
  names.erase(kElementName);  // counts within it
  return names;
}

std::string voltages_text(const Evaluation& at, const char* card,
                          const std::vector<NetVoltage>& voltages) {
  std::string text;
  for (const NetVoltage& one : voltages) {
    for (std::size_t k = 0; k < one.count; ++k) {
      const Values values = at.element(k);
      text += fmt::format("{} v({})={}\n", card, one.net.name(values),
                          format_exact(one.value.value(values)));
    }
  }
  return text;
}

// The simulator minds `.ic` in transients alone, and there it minds `.nodeset` unless it is told to
// skip the operating point.
std::string begin_text(const Evaluation& at, const Analysis& analysis) {
  std::string text;
  if (analysis.kind->scale_unit == "s")
    text += voltages_text(at, ".ic", at.bench().initial_conditions);
  if (!analysis.uses_initial_conditions())
    text += voltages_text(at, ".nodeset", at.bench().starting_guesses);
  return text;
}

bool wants_noise_of_devices(const Bench& bench, const Analysis& analysis) {
  if (analysis.kind->signals != SignalKind::kNoise) return false;
  const auto of_device = [](const std::string& signal) {
    const auto vectors = parse_signal(signal).vectors;
    return std::any_of(vectors.begin(), vectors.end(),
                       [](const std::string& name) { return !name.ends_with("_spectrum"); });
  };
  for (const Measurement& m : bench.measurements) {
    if (&bench.analyses[m.analysis] == &analysis &&
        std::any_of(m.signals.begin(), m.signals.end(), of_device))
      return true;
  }
  return std::any_of(bench.waveforms.begin(), bench.waveforms.end(),
                     [&](const WaveformRequest& one) {
                       return &bench.analyses[one.analysis] == &analysis && of_device(one.signal);
                     });
}

std::string sources_text(const Evaluation& at, const DeckRequest& request,
                         std::vector<SweepCard>& sweeps) {
  std::string text;
  for (const Source& source : at.bench().sources) {
    const auto sweep = std::find_if(request.analysis.sweeps.begin(), request.analysis.sweeps.end(),
                                    [&](const Sweep& one) { return one.source == source.name; });
    if (sweep != request.analysis.sweeps.end()) {
      if (request.nested || !sweep->condition) {
        text += swept_source(at, source, sweep_values(at, *sweep, request.analysis.where), sweeps);
        continue;
      }
      const double value = at.value_of(at.bench().conditions[*sweep->condition]);
      const std::string net = source.net.name(at.values());
      text += source.current ? fmt::format("i{} {} {}", source.name, source.reference, net)
                             : fmt::format("v{} {} {}", source.name, net, source.reference);
      text += fmt::format(" dc {}\n", format_exact(value));
      continue;
    }
    if (source.count == 0) {
      text += source_line(source, source.name, at.values()) + "\n";
      continue;
    }
    for (std::size_t k = 0; k < source.count; ++k) {
      text += source_line(source, fmt::format("{}{}", source.name, k), at.element(k)) + "\n";
    }
  }
  // The sweeps stand in the order of the sources; the card wants the innermost first.
  std::vector<SweepCard> ordered;
  for (const Sweep& sweep : request.analysis.sweeps) {
    for (const SweepCard& card : sweeps) {
      if (card.element.substr(1) == sweep.source ||
          card.element.substr(1) == sweep.source + "_count")
        ordered.push_back(card);
    }
  }
  sweeps = std::move(ordered);
  return text;
}

// What the models draw themselves follows from this, not from when and where they are read.
std::string seed_line(const Evaluation& at) {
  if (!at.library().draws()) return {};
  const std::uint64_t number = at.bench().mismatch.library_statistics ? at.draw() : 0;
  Random random(at.bench().draw_seed, "library", number);
  return fmt::format(".option seed={}\n", 1 + random.below(2'147'483'646));
}

// The last look at what the bench's texts became: a line of a deck that is neither an element nor a
// card that is written here would be a command to the simulator.
void screen(const std::string& body, const std::string& place) {
  static const std::set<std::string_view> cards{
      ".param",  ".subckt", ".ends",  ".model", ".func",    ".global", ".if",
      ".elseif", ".else",   ".endif", ".ic",    ".nodeset", ".temp",   ".option",
      ".save",   ".op",     ".dc",    ".tran",  ".ac",      ".noise"};
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    const std::string_view line(body.data() + at, end - at);
    const std::string_view first = line.substr(0, line.find_first_of(" \t"));
    const bool element = !line.empty() && std::isalpha(static_cast<unsigned char>(line[0])) != 0;
    const bool plain = std::none_of(line.begin(), line.end(), [](unsigned char c) {
      return (c < ' ' && c != '\t') || c == 0x7f;
    });
    if (!plain || (!element && !cards.contains(first)))
      throw Error({.place = place,
                   .rule = fmt::format("makes a line of the deck that is no circuit: `{}`",
                                       line.substr(0, 80)),
                   .remedy = "write nets and elements as single words and lines"});
    at = end + 1;
  }
}

}  // namespace

std::string option_line(const Options& options) {
  if (options.empty()) return {};
  std::string text = ".option";
  for (const auto& [name, value] : options) text += fmt::format(" {}={}", name, value);
  return text + "\n";
}

DeckHead deck_head(const Corner& corner) {
  DeckHead head{corner.library->text(), {}};
  head.sha256 = sha256(head.text);
  return head;
}

std::vector<CircuitLine> circuit_lines(const Evaluation& at) {
  const Bench& bench = at.bench();
  std::vector<CircuitLine> lines;
  for (const ElementLine& element : bench.elements) {
    const std::size_t first = lines.size();
    for (std::size_t k = 0; k < element.count; ++k) {
      lines.push_back({element.line.text(at.element(k)), element.where.place});
    }
    // The lines of a count are of one make: the first and the last stand for all.
    at.library().check_elements({lines[first], lines.back()});
  }
  if (!bench.subcircuit.empty()) lines.insert(lines.begin(), instance_line(at));
  return lines;
}

std::vector<BenchSource> bench_sources(const Evaluation& at) {
  std::vector<BenchSource> all;
  for (const Source& source : at.bench().sources) {
    for (std::size_t k = 0; k < std::max<std::size_t>(source.count, 1); ++k) {
      const std::string name = source.count > 0 ? fmt::format("{}{}", source.name, k) : source.name;
      all.push_back({name, (source.current ? "i" : "v") + name, source.net.name(at.element(k)),
                     source.reference, source.where});
    }
  }
  return all;
}

std::shared_ptr<const DeckHead> CircuitTexts::of(const Evaluation& at, bool& made) {
  const Bench& bench = at.bench();
  const Scope& scope = at.values().scope();
  if (known_.empty()) names_ = names_of_circuit(bench);
  std::vector<std::uint64_t> values{at.corner(), bench.mismatch.rules.empty() ? 0 : at.draw()};
  const auto add = [&values](double value) {
    values.push_back(std::bit_cast<std::uint64_t>(value));
  };
  for (const std::string& name : names_) {
    if (const double* value = scope.number(name)) add(*value);
  }
  for (const Condition& c : bench.conditions) {
    if (const auto* vector = c.count > 0 ? scope.vector(c.name) : nullptr)
      std::for_each(vector->begin(), vector->end(), add);
  }
  auto& known = known_[std::move(values)];
  made = known == nullptr;
  if (!made) return known;
  std::string text;
  for (const auto& [name, value] : bench.library_parameters)
    text += fmt::format(".param {}={}\n", name, format_exact(value.value(at.values())));
  text += circuit_text(at);
  screen(text, bench.path);
  text.shrink_to_fit();
  std::string hash = sha256(text);
  known = std::make_shared<DeckHead>(DeckHead{std::move(text), std::move(hash)});
  return known;
}

DeckBody deck_body(const Evaluation& at, const DeckRequest& request) {
  const Bench& bench = at.bench();
  AnalysisArguments arguments;
  arguments.flags = request.analysis.flags;
  arguments.words = request.analysis.words;
  if (request.noise_of_devices || wants_noise_of_devices(bench, request.analysis))
    arguments.words["devices"] = "";
  std::string text;
  text += sources_text(at, request, arguments.sweeps);
  text += begin_text(at, request.analysis);
  if (const auto temperature = at.temperature())
    text += fmt::format(".temp {}\n", format_exact(*temperature));
  text += option_line(request.analysis.options);
  text += seed_line(at);
  text += request.analysis.save_card;
  for (const auto& [name, value] : request.analysis.numbers)
    arguments.numbers[name] = value.value(at.values());
  try {
    text += request.analysis.kind->card(arguments) + "\n";
  } catch (const BadCard& error) {
    throw Error({.place = request.analysis.where.place,
                 .key = request.analysis.where.key,
                 .rule = error.what()});
  }
  screen(text, bench.path);
  text.shrink_to_fit();
  return {std::move(text), request.analysis.kind->proof(arguments)};
}

}  // namespace gaincell::characterize
