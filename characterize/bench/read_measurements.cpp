#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>

#include "base/suggest.h"
#include "base/text.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxSources = 1'000;  // of one measurement
constexpr double kMaxHalvings = 60;         // of a search
constexpr double kHalfwaySlack = 1e-6;      // a tolerance is met by rounding too

}  // namespace

std::string BenchReader::known_source(const Item& item) const {
  std::string name = lower(item.text());
  if (!source_names_.contains(name)) {
    std::vector<std::string> known;
    for (const auto& [one, index] : source_names_) known.push_back(one);
    item.refuse("is no source of this bench", suggest_remedy(name, known));
  }
  return name;
}

// i(source) of the bench becomes the simulator's i(element); of a current source, minus its own
// current, which the simulator counts from ground into the net. In ac runs im(source), idb(source)
// and so on stand for the parts of a complex current.
std::string BenchReader::simulator_signal(const Item& item, const AnalysisKind& kind,
                                          Number number) {
  const std::string text = numbered(item, number);
  std::string out;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (std::size_t k = 0; k < text.size();) {
    std::size_t open = k;
    while (open < text.size() && is_word(text[open])) ++open;
    const std::string function = lower(text.substr(k, open - k));
    const bool current = open < text.size() && text[open] == '(' &&
                         (function == "i" || is_complex_current(function));
    const std::size_t close = current ? text.find(')', k) : std::string::npos;
    if (close == std::string::npos) {
      // A whole word at once: `fi(x)` is not `i(x)`.
      out += text.substr(k, std::max<std::size_t>(open - k, 1));
      k += std::max<std::size_t>(open - k, 1);
      continue;
    }
    std::string name = lower(text.substr(open + 1, close - open - 1));
    std::erase(name, ' ');
    if (!source_names_.contains(name)) {
      out += fmt::format("{}({})", function, name);
    } else if (function == "i") {
      out += current_of(name);
    } else if (source_of(name).current) {
      item.refuse("an ac run has no current of a current source: it is what the bench gives");
    } else {
      out += fmt::format("{}(v{})", function, name);
    }
    k = close + 1;
  }
  try {
    const SignalParts parts = parse_signal(out);
    if (parts.kind != kind.signals)
      item.refuse(fmt::format("is not measured in `{}`", kind.name), signals_remedy(kind.signals));
    for (const std::string& vector : parts.vectors) {
      if (parts.kind == SignalKind::kNoise) break;
      for (const std::string& net : nets_of_vector(vector)) check_net(net, item.where());
    }
  } catch (const BadSignal& error) {
    item.refuse(fmt::format("is not a signal ({})", error.what()), signals_remedy(kind.signals));
  }
  return out;
}

const Source& BenchReader::source_of(const std::string& name) const {
  return bench_.sources[source_names_.at(name)];
}

std::string BenchReader::current_of(const std::string& name) const {
  return source_of(name).current ? fmt::format("(-@i{}[current])", name)
                                 : fmt::format("i(v{})", name);
}

std::vector<SourceSignals> BenchReader::source_signals(const Item& item) {
  std::vector<SourceSignals> all;
  for (const Item& one : item.list()) {
    const std::string name = known_source(one);
    const Source& source = source_of(name);
    for (std::size_t k = 0; k < std::max<std::size_t>(source.count, 1); ++k) {
      if (all.size() >= kMaxSources) item.refuse("names more than 1,000 sources");
      const std::string single =
          source.count > 0 ? fmt::format("{}{}", source.name, k) : source.name;
      if (source.count > 0 && name != source.name && name != single) continue;
      const std::string net = source.net.name({bench_.scope, k});
      all.push_back({source.reference == "0" ? fmt::format("v({})", net)
                                             : fmt::format("v({},{})", net, source.reference),
                     current_of(single)});
    }
  }
  if (all.empty()) item.refuse("names no source");
  return all;
}

Form spec_form() {
  using namespace form;
  static const Block value{"Limits with a key of their own",
                           "As CACE writes them.",
                           {{"value", text(), kRequired, "the limit, or `any`"}}};
  const Form limit = either({text(), block(value)});
  static const Block spec{
      "Specification",
      "What a result must hold at every point but the hold-out points: a number in the "
      "measurement's unit, or `any`. `gaincell characterize` exits with 1 where one does not hold, "
      "after the file is written.",
      {{"minimum", limit, kOptional, "least value allowed"},
       {"typical", limit, kOptional, "for people: stands in the datasheet, and is not checked"},
       {"maximum", limit, kOptional, "greatest value allowed"},
       {"sigma", own_constant(), kOptional, "greatest standard deviation over the draws"}}};
  return block(spec);
}

namespace {

Block make_measurement_block() {
  using namespace form;
  Block result{
      "Measurements",
      "`otherwise` is the result where an event does not happen; without it such a point is "
      "recorded as failed. A formula may use the results above it, and so may the arguments of a "
      "measurement (`level: \"{v_max}/2\"`) where they come from its own analysis. What follows "
      "from a "
      "result that has no number has none either.",
      {},
      {},
      true};
  result.keys = {
      {"unit", text(), kRequired, "unit of the result"},
      {"description", prose(), kOptional, "what it is; goes into the samples file"},
      {"scale", constant(""), kOptional, "the result is multiplied by it"},
      {"analysis", name(), kOptional, "which of `analyses` it is read off; default the first"},
      {"spec", spec_form(), kOptional, "what it must hold"},
      {"count", integer(1), kOptional,
       "so many measurements `<name>0` ...; `i` counts them from 0, and a `{...}` in the signal or "
       "the formula makes each its own"}};
  std::set<std::string> known;
  for (const MeasureKind& kind : measure_kinds()) {
    const Form form =
        kind.takes == MeasureKind::Takes::kSources ? either({name(), list(name())}) : text();
    result.keys.push_back({kind.name, form, kOptional, kind.text});
    result.choice.push_back(kind.name);
    for (const Key& key : kind.keys) {
      if (!known.insert(key.name).second) continue;
      result.keys.push_back({key.name, key.form, kOptional, key.text});
    }
  }
  return result;
}

}  // namespace

const Block& measurement_block() {
  static const Block table = make_measurement_block();
  return table;
}

void BenchReader::read_measurements() {
  if (root_["measurements"].map().empty())
    root_["measurements"].refuse("must hold at least one measurement");
  if (bench_.search) add_searched();
  const auto read_one = [this](const std::string& name, const Item& item, Number number) {
    read_measurement(name, item, number);
    know(name, item);
    bench_.scope.set(name, kNotKnown);
  };
  std::size_t counted = 0;
  for (const auto& [name, item] : root_["measurements"].map()) {
    if (!item.has("count")) {
      read_one(name, item, std::nullopt);
      continue;
    }
    const std::size_t count = read_count(item["count"], counted);
    for (std::size_t i = 0; i < count; ++i) read_one(fmt::format("{}{}", name, i), item, i);
  }
}

// A signal's name, or a formula's, is the same at all points.
std::string BenchReader::numbered(const Item& item, Number number) const {
  if (!number) return item.text();
  const Template text(item.text(), bench_.scope, item.where());
  for (const std::string& name : text.names())
    if (name != "i")
      item.refuse(fmt::format("names `{}`, and what is measured follows from `i` alone", name),
                  "leave the braces to `i`: v(out{i}), width{i} - 1n");
  return text.text({bench_.scope, *number});
}

void BenchReader::require_numbered(const Item& item, const MeasureKind& kind) const {
  if (kind.takes == MeasureKind::Takes::kSources)
    item["count"].refuse(
        fmt::format("`{}` is of sources, which have a count of their own", kind.name),
        "write such measurements one by one");
  if (item["count"].integer() > 1 && item.text(kind.name).find('{') == std::string::npos)
    item[kind.name].refuse("so many measurements of the same", "number them: v(out{i})");
}

void BenchReader::read_measurement(const std::string& name, const Item& item, Number number) {
  Measurement m;
  m.name = name;
  m.unit = item.text("unit");
  m.description = item.text("description");
  m.where = item.where();
  m.analysis = analysis_of(item);
  for (const MeasureKind& kind : measure_kinds()) {
    if (item.has(kind.name)) m.kind = &kind;
  }
  const Item subject = item[m.kind->name];
  std::vector<std::string> own{"unit", "description", "scale", "spec", "count", m.kind->name};
  if (m.kind->takes != MeasureKind::Takes::kFormula) own.push_back("analysis");
  for (const Key& key : m.kind->keys) own.push_back(key.name);
  refuse_other_keys(item, m.kind->name, own);
  if (number) require_numbered(item, *m.kind);
  const AnalysisKind& analysis = *bench_.analyses[m.analysis].kind;
  switch (m.kind->takes) {
    case MeasureKind::Takes::kSignal:
      m.signals.push_back(simulator_signal(subject, analysis, number));
      break;
    case MeasureKind::Takes::kSources:
      if (analysis.signals != SignalKind::kReal || analysis.scale_unit != "s")
        item.refuse(fmt::format("`{}` is measured along time", m.kind->name),
                    "use a `tran` analysis");
      m.signals.push_back(m.kind->signal_of(source_signals(subject)));
      try {
        (void)parse_signal(m.signals.back());
      } catch (const BadSignal& error) {
        subject.refuse(fmt::format("cannot be measured at once ({})", error.what()),
                       "measure the sources in parts and add them with `formula`");
      }
      break;
    case MeasureKind::Takes::kFormula:
      m.formula.emplace(numbered(subject, number), bench_.scope, subject.where());
      rest_on(m, &*m.formula, subject);
      break;
  }
  if (!m.formula) m.analyses.insert(m.analysis);
  if (!m.formula) read_place(m, item);
  for (const Key& key : m.kind->keys) {
    if (item.has(key.name)) {
      read_argument(m, key, item[key.name], number);
    } else if (key.presence == Key::Presence::kRequired) {
      item.refuse(fmt::format("`{}` needs the key `{}`", m.kind->name, key.name), key.text);
    }
  }
  if (item.has("scale")) m.numbers.emplace("scale", quantity(item["scale"], ""));
  for (const auto& [argument, value] : m.numbers) rest_on(m, value.expression(), item[argument]);
  check_unit(m, item);
  if (item.has("spec")) m.spec = read_spec(item["spec"], m.unit);
  bench_.measurements.push_back(std::move(m));
}

// A result lies along the scale of its run, or is a point's own: in `op`, and in `dc` where a
// condition is swept inside the run.
void BenchReader::read_place(Measurement& m, const Item& item) const {
  const Analysis& analysis = bench_.analyses[m.analysis];
  const bool value = m.kind->name == "value";
  if (analysis.scale_unit.empty() && !value)
    item.refuse(fmt::format("`{}` is measured along time, frequency or a sweep, and `{}` has none",
                            m.kind->name, analysis.kind->name),
                "use `value`, or another analysis");
  if (m.kind->name == "total_noise" && analysis.kind->signals != SignalKind::kNoise)
    item.refuse("`total_noise` is measured over frequency", "use a `noise` analysis");
  if (analysis.scale_unit.empty() && item.has("at"))
    item["at"].refuse(fmt::format("goes along a scale, and `{}` has none", analysis.kind->name),
                      "leave it out");
  if (analysis.sweeps.empty() || (value && !item.has("at"))) {
    if (!analysis.sweeps.empty() && !analysis.sweeps.front().condition)
      item.refuse("`value` needs the key `at`: the sweep is no condition",
                  "say where along the sweep");
    return;
  }
  m.along = analysis.sweeps.front().condition.has_value();
}

// Measurements that an expression names. Arguments are worked out with the waveforms at hand, where
// the results of other simulations are not known.
void BenchReader::rest_on(Measurement& m, const Expression* expression, const Item& item) const {
  if (expression == nullptr) return;
  for (const std::string& name : expression->names()) {
    for (std::size_t k = 0; k < bench_.measurements.size(); ++k) {
      const Measurement& other = bench_.measurements[k];
      if (other.name != name) continue;
      m.uses.insert(k);
      if (m.formula) {
        m.analyses.insert(other.analyses.begin(), other.analyses.end());
        continue;
      }
      for (const std::size_t analysis : other.analyses) {
        if (analysis != m.analysis)
          item.refuse(
              fmt::format("`{}` comes from the analysis `{}`, and `{}` is read off `{}`", name,
                          bench_.analyses[analysis].name, m.name, bench_.analyses[m.analysis].name),
              "an argument uses results of its own analysis; combine those of several in a "
              "`formula`");
      }
    }
  }
}

// Radians under the name of degrees are numbers 57 times too small.
void BenchReader::check_unit(const Measurement& m, const Item& item) const {
  static const std::set<std::string> same{"value",        "minimum", "maximum",
                                          "peak_to_peak", "average", "rms"};
  if (!same.contains(m.kind->name) || item.has("scale")) return;
  const std::string signal = item.text(m.kind->name);
  if (unit_of_signal(signal) != "rad" || signal.find_first_of("*/") != std::string::npos) return;
  if (m.unit.starts_with("deg") || m.unit.starts_with("\xC2\xB0"))
    item["unit"].refuse("the signal is in rad", "write deg(" + signal + "), or the unit rad");
}

std::string BenchReader::unit_of_argument(const Measurement& m, const Form& form) const {
  switch (form.unit_of) {
    case Form::UnitOf::kItself:
      return form.unit;
    case Form::UnitOf::kBeside:
      return unit_of_signal(m.signals.back());
    case Form::UnitOf::kResult:
      return m.unit;
    case Form::UnitOf::kScale:
      return bench_.analyses[m.analysis].scale_unit;
  }
  return {};
}

void BenchReader::read_argument(Measurement& m, const Key& key, const Item& item, Number number) {
  switch (key.form.is) {
    case Form::Is::kQuantity:
    case Form::Is::kConstant:
      m.numbers.emplace(key.name, quantity(item, unit_of_argument(m, key.form)));
      return;
    case Form::Is::kInteger:
      if (item.integer() == 0) item.refuse("counts from 1, or from -1 backwards");
      m.numbers.emplace(key.name, quantity(item, ""));
      return;
    case Form::Is::kWord:
    case Form::Is::kName:
      m.words[key.name] = item.text();
      return;
    case Form::Is::kBoolean:
      m.words[key.name] = item.boolean() ? "true" : "false";
      return;
    case Form::Is::kText:
      m.signals.push_back(simulator_signal(item, *bench_.analyses[m.analysis].kind, number));
      return;
    case Form::Is::kProse:
    case Form::Is::kList:
    case Form::Is::kMap:
    case Form::Is::kNets:
    case Form::Is::kBlock:
    case Form::Is::kEither:
      break;
  }
  no_argument(key);
}

// A limit is a number, CACE's {value: number}, or `any`.
Spec BenchReader::read_spec(const Item& item, const std::string& unit) const {
  const auto limit = [&](const char* key) -> std::optional<double> {
    if (!item.has(key)) return std::nullopt;
    const Item value = item[key].is_map() ? item[key]["value"] : item[key];
    if (value.text() == "any") return std::nullopt;
    return value.constant(unit);
  };
  Spec spec{limit("minimum"), limit("typical"), limit("maximum"), limit("sigma")};
  if (!spec.minimum && !spec.typical && !spec.maximum && !spec.sigma)
    item.refuse("limits nothing", "give `minimum`, `typical`, `maximum` or `sigma`");
  if (spec.minimum && spec.maximum && *spec.minimum > *spec.maximum)
    item["maximum"].refuse("lies below `minimum`");
  if (spec.sigma && bench_.draw_points < 2)
    item["sigma"].refuse("needs draws: one value has no spread");
  return spec;
}

// The first of the measurements: all others may use it.
void BenchReader::add_searched() {
  const Item item = root_["search"];
  Measurement m;
  m.name = bench_.search->over;
  m.unit = bench_.search->unit;
  m.description = item.text("description");
  m.where = item.where();
  m.kind = &measure_kind("formula");
  m.searched = true;
  if (item.has("spec")) m.spec = read_spec(item["spec"], m.unit);
  bench_.measurements.push_back(std::move(m));
}

const Block& search_block() {
  using namespace form;
  static const Block table{
      "Search",
      "A setup time, a threshold, an offset: the value at which `passes` changes, found at every "
      "point by bisection: `search: {over: t_setup, unit: s, minimum: -0.1n, maximum: 1n, "
      "tolerance: 1p, passes: q_end > 0.5}`. Both ends are tried first; at one of them `passes` "
      "must "
      "be greater than 0 (a comparison that holds is 1), at the other not. Then the range is "
      "halved "
      "until it is no wider than `tolerance`. The result is the last value that passes: the first "
      "of the measurements, under the name that `over` gives; the others are those of its "
      "simulation. Where it changes more than once, one of these is found. Where nothing changes, "
      "or a value that is tried gives `passes` no number, the "
      "point is recorded as failed and its reason names the value; `otherwise` makes a number of "
      "an "
      "event that does not happen. A point takes at most 2 + log2(range / tolerance) simulations "
      "of "
      "each analysis. A search goes without `--shard` and without `dc` sweeps over conditions.",
      {{"over", name(), kRequired,
        "name of the value, which parameters, sources, elements and measurements use as `{name}`; "
        "`temperature` is that of the simulation"},
       {"unit", text(), kRequired, "its unit"},
       {"description", prose(), kOptional, "what it is; goes into the samples file"},
       {"minimum", own_constant(), kRequired, "where the range begins"},
       {"maximum", own_constant(), kRequired, "where it ends"},
       {"tolerance", own_constant(), kRequired,
        "how far the result may lie from where it changes; at most 60 halvings"},
       {"passes", text(), kRequired,
        "formula over measurements, conditions and parameters: `q_end > 0.5`, `v_out - v_dd/2`"},
       {"spec", spec_form(), kOptional, "what the result must hold"}}};
  return table;
}

// What is searched has a name in expressions before there is anything to measure.
void BenchReader::declare_search() {
  if (!root_.has("search")) return;
  const Item item = root_["search"];
  Search search;
  search.over = item.text("over");
  search.unit = item.text("unit");
  know(search.over, item["over"]);
  if (search.over == "temperature" && search.unit != "degC")
    item["unit"].refuse("the temperature of a simulation is in degC");
  search.minimum = item["minimum"].constant(search.unit);
  search.maximum = item["maximum"].constant(search.unit);
  search.tolerance = item["tolerance"].constant(search.unit);
  if (search.over == "temperature") {
    require_temperature(search.minimum, item["minimum"].where());
    require_temperature(search.maximum, item["maximum"].where());
  }
  const double range = search.maximum - search.minimum;
  if (!(range > 0)) item["maximum"].refuse("must be greater than `minimum`");
  if (!std::isfinite(range)) item["maximum"].refuse("the range is wider than a number holds");
  if (!(search.tolerance > 0)) item["tolerance"].refuse("must be greater than 0");
  if (!(search.tolerance < range))
    item["tolerance"].refuse("must be less than from `minimum` to `maximum`");
  const double finest = std::max(std::abs(search.minimum), std::abs(search.maximum)) *
                        std::numeric_limits<double>::epsilon();
  const double halvings = std::ceil(std::log2(range / search.tolerance) - kHalfwaySlack);
  if (!(search.tolerance >= 2 * finest) || !(halvings <= kMaxHalvings))
    item["tolerance"].refuse("is finer than numbers of this range are", "take a greater one");
  search.halvings = static_cast<std::size_t>(halvings);
  bench_.scope.set(search.over, search.minimum);
  bench_.search = std::move(search);
}

void BenchReader::read_search() {
  if (!bench_.search) return;
  Search& search = *bench_.search;
  const Item item = root_["search"];
  for (const Analysis& analysis : bench_.analyses) {
    for (const Sweep& sweep : analysis.sweeps) {
      if (sweep.condition)
        item.refuse(fmt::format("goes on at every point by itself, and `{}` takes the condition "
                                "`{}` through its values in one run",
                                analysis.name, bench_.conditions[*sweep.condition].name),
                    "give that sweep `start`, `stop` and `points` in place of the condition");
    }
  }
  // The deck itself has the temperature.
  if (search.over != "temperature" && !bench_.scope.used(search.over))
    item["over"].refuse("nothing uses it",
                        fmt::format("write {{{}}} in a parameter, source or element", search.over));
  search.passes_text = item.text("passes");
  search.passes.emplace(search.passes_text, bench_.scope, item["passes"].where());
  for (std::size_t k = 0; k < bench_.measurements.size(); ++k) {
    const Measurement& m = bench_.measurements[k];
    if (!m.searched && search.passes->names().contains(m.name)) search.uses.insert(k);
  }
  if (search.uses.empty())
    item["passes"].refuse("names no measurement", "write `q_end > 0.5`, or `v_out - v_dd/2`");
}

}  // namespace gaincell::characterize
