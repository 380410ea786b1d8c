#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <stdexcept>

#include "base/error.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {
namespace {

constexpr double kLeastMemoryBytes = 32e6;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMaxSources = 1'000;  // of one measurement

template <class Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  for (const auto& one : range) names.push_back(one.name);
  return names;
}

std::size_t index_of(const std::vector<std::string>& names, const Item& item, const char* what) {
  const auto at = std::find(names.begin(), names.end(), item.text());
  if (at == names.end())
    item.refuse(fmt::format("is no {} of this bench", what), suggest_remedy(item.text(), names));
  return static_cast<std::size_t>(at - names.begin());
}

}  // namespace

void refuse_other_keys(const Item& item, const std::string& kind,
                       const std::vector<std::string>& own) {
  for (const auto& [key, value] : item.map()) {
    if (std::find(own.begin(), own.end(), key) == own.end())
      value.refuse(fmt::format("is not a key of `{}`", kind), suggest_remedy(key, own));
  }
}

void BenchReader::read_analyses() {
  if (root_.has("analysis")) {
    const Item item = root_["analysis"];
    return read_analysis(item.text("type"), item);
  }
  for (const auto& [name, item] : root_["analyses"].map()) read_analysis(name, item);
  if (bench_.analyses.empty()) root_["analyses"].refuse("must hold at least one analysis");
}

void BenchReader::read_analysis(const std::string& name, const Item& item) {
  Analysis analysis;
  analysis.name = name;
  analysis.where = item.where();
  analysis.kind = &analysis_kind(item.text("type"));
  std::vector<std::string> own{"type", "options"};
  for (const Key& key : analysis.kind->keys) own.push_back(key.name);
  refuse_other_keys(item, analysis.kind->name, own);
  for (const Key& key : analysis.kind->keys) {
    if (!item.has(key.name)) {
      if (key.presence == Key::Presence::kRequired)
        item.refuse(fmt::format("`{}` needs the key `{}`", analysis.kind->name, key.name),
                    key.text);
      continue;
    }
    const Item value = item[key.name];
    if (key.form.is == Form::Is::kQuantity)
      analysis.numbers.emplace(key.name, quantity(value, key.form.unit));
    if (key.form.is == Form::Is::kText || key.form.is == Form::Is::kName)
      analysis.words[key.name] = lower(value.text());
    if (key.name == "use_initial_conditions") analysis.use_initial_conditions = value.boolean();
    if (key.name == "sweeps") read_sweeps(value, analysis);
  }
  if (analysis.kind->signals == SignalKind::kNoise) read_noise(item, analysis);
  analysis.scale_unit = analysis.kind->scale_unit;
  if (!analysis.sweeps.empty())
    analysis.scale_unit = source_of(analysis.sweeps.front().source).current ? "A" : "V";
  analysis.options = read_options(item);
  bench_.analyses.push_back(std::move(analysis));
}

void BenchReader::read_sweeps(const Item& item, Analysis& analysis) {
  const auto rows = item.list();
  if (rows.empty() || rows.size() > 2) item.refuse("one or two sweeps nest inside the simulator");
  for (const Item& row : rows) {
    Sweep sweep = read_sweep(row, analysis.sweeps.empty());
    for (const Sweep& other : analysis.sweeps) {
      if (other.source == sweep.source || (sweep.condition && other.condition == sweep.condition))
        row.refuse("stands in both sweeps");
    }
    analysis.sweeps.push_back(std::move(sweep));
  }
}

// Over a condition, or of its own; only along the innermost is anything measured.
Sweep BenchReader::read_sweep(const Item& row, bool innermost) {
  Sweep sweep;
  sweep.source = known_source(row["source"]);
  const Source& swept = source_of(sweep.source);
  if (swept.count > 0) row["source"].refuse("is many sources; only one can be swept");
  if (swept.pulse || swept.ramp || !swept.pwl.empty() || !swept.wave.empty())
    row["source"].refuse("has a waveform; a swept source has `dc`");
  if (row.has("condition")) {
    for (const char* key : {"start", "stop", "points", "step"}) {
      if (row.has(key)) row[key].refuse("goes without `condition`");
    }
    sweep.condition = index_of(names_of(bench_.conditions), row["condition"], "condition");
    const Condition& condition = bench_.conditions[*sweep.condition];
    if (!condition.words.empty()) row["condition"].refuse("is no number");
    if (condition.by_row)
      row["condition"].refuse("changes by row; a sweep takes a swept condition");
    if (!condition.swept && bench_.filters.empty()) row["condition"].refuse("is not swept");
    return sweep;
  }
  if (!innermost)
    row.refuse("the outer sweep takes a condition: measurements lie along the first one",
               "name a `condition`, or let it be the first");
  for (const char* key : {"start", "stop", "points"}) {
    if (!row.has(key))
      row.refuse(fmt::format("the key `{}` is missing", key),
                 "a sweep has a `condition`, or `start`, `stop` and `points`");
  }
  const std::string unit = swept.current ? "A" : "V";
  sweep.start = quantity(row["start"], unit);
  sweep.stop = quantity(row["stop"], unit);
  if (row["points"].integer() > 1'000'000) row["points"].refuse("must be at most 1,000,000");
  sweep.points = static_cast<std::size_t>(row["points"].integer());
  sweep.logarithmic = row.text("step") == "logarithmic";
  return sweep;
}

// The source whose noise the output's is referred to must be one of this bench, with `ac`.
void BenchReader::read_noise(const Item& item, Analysis& analysis) {
  const std::string name = known_source(item["source"]);
  if (source_of(name).count > 0 && source_of(name).name == name)
    item["source"].refuse("is many sources; name one of them");
  if (!source_of(name).ac) item["source"].refuse("has no `ac`", "give it ac: 1");
  analysis.words["source"] = (source_of(name).current ? "i" : "v") + name;
  // It becomes part of the card: put together anew from nets that are words.
  std::string output = lower(item.text("output"));
  std::erase_if(output, [](unsigned char c) { return std::isspace(c) != 0; });
  if (!output.starts_with("v(") || !output.ends_with(")"))
    item["output"].refuse("is not v(net) or v(net,net)");
  const std::string inside = output.substr(2, output.size() - 3);
  const std::size_t comma = std::min(inside.find(','), inside.size());
  analysis.outputs = {inside.substr(0, comma)};
  if (comma < inside.size()) analysis.outputs.push_back(inside.substr(comma + 1));
  for (const std::string& net : analysis.outputs) check_net(net, item["output"].where());
  analysis.words["output"] = output;
}

Options BenchReader::read_options(const Item& block) const {
  Options options;
  if (!block.has("options")) return options;
  for (const auto& [name, item] : block["options"].map()) {
    const auto known = simulator_options();
    if (std::find(known.begin(), known.end(), name) == known.end())
      item.refuse("is no option that may be set here", suggest_remedy(name, known));
    std::string value = item.text();
    if (name == "method") {
      if (value != "gear" && value != "trap") item.refuse("must be `trap` or `gear`");
    } else {
      value = format_exact(item.constant(""));
    }
    options.emplace_back(name, value);
  }
  return options;
}

// Where an item names none, the first analysis.
std::size_t BenchReader::analysis_of(const Item& item) const {
  if (!item.has("analysis")) return 0;
  return index_of(names_of(bench_.analyses), item["analysis"], "analysis");
}

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
std::string BenchReader::simulator_signal(const Item& item, const AnalysisKind& kind) {
  const std::string text = item.text();
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
  } catch (const std::invalid_argument& error) {
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

void BenchReader::read_measurements() {
  if (root_["measurements"].map().empty())
    root_["measurements"].refuse("must hold at least one measurement");
  if (bench_.search) add_searched();
  for (const auto& [name, item] : root_["measurements"].map()) {
    read_measurement(name, item);
    know(name, item);
    bench_.scope.set(name, kNaN);
  }
}

void BenchReader::read_measurement(const std::string& name, const Item& item) {
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
  std::vector<std::string> own{"unit", "description", "scale", "spec", m.kind->name};
  if (m.kind->takes != MeasureKind::Takes::kFormula) own.push_back("analysis");
  for (const Key& key : m.kind->keys) own.push_back(key.name);
  refuse_other_keys(item, m.kind->name, own);
  const AnalysisKind& analysis = *bench_.analyses[m.analysis].kind;
  switch (m.kind->takes) {
    case MeasureKind::Takes::kSignal:
      m.signals.push_back(simulator_signal(subject, analysis));
      break;
    case MeasureKind::Takes::kSources:
      if (analysis.signals != SignalKind::kReal || analysis.scale_unit != "s")
        item.refuse(fmt::format("`{}` is measured along time", m.kind->name),
                    "use a `tran` analysis");
      m.signals.push_back(m.kind->signal_of(source_signals(subject)));
      try {
        (void)parse_signal(m.signals.back());
      } catch (const std::invalid_argument& error) {
        subject.refuse(fmt::format("cannot be measured at once ({})", error.what()),
                       "measure the sources in parts and add them with `formula`");
      }
      break;
    case MeasureKind::Takes::kFormula:
      m.formula.emplace(subject.text(), bench_.scope, subject.where());
      rest_on(m, &*m.formula, subject);
      break;
  }
  if (!m.formula) m.analyses.insert(m.analysis);
  if (!m.formula) read_place(m, item);
  for (const Key& key : m.kind->keys) {
    if (item.has(key.name)) {
      read_argument(m, key, item[key.name]);
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

void BenchReader::read_argument(Measurement& m, const Key& key, const Item& item) {
  const Analysis& analysis = bench_.analyses[m.analysis];
  switch (key.form.is) {
    case Form::Is::kQuantity: {
      std::string unit = key.form.unit;
      if (unit == "scale") unit = analysis.scale_unit;
      if (unit == "*") {
        // A level has the unit of its signal, `otherwise` that of the result.
        unit = key.name == "otherwise" ? m.unit : unit_of_signal(m.signals.back());
      }
      m.numbers.emplace(key.name, quantity(item, unit));
      break;
    }
    case Form::Is::kInteger:
      if (item.integer() == 0) item.refuse("counts from 1, or from -1 backwards");
      m.numbers.emplace(key.name, quantity(item, ""));
      break;
    case Form::Is::kWord:
      m.words[key.name] = item.text();
      break;
    default:
      m.signals.push_back(simulator_signal(item, *analysis.kind));
      break;
  }
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

void BenchReader::read_waveforms() {
  if (!root_.has("waveforms")) return;
  for (const auto& [name, item] : root_["waveforms"].map()) {
    WaveformRequest request;
    request.name = name;
    request.analysis = analysis_of(item);
    const Analysis& analysis = bench_.analyses[request.analysis];
    // A run over conditions is cut into points.
    if (analysis.scale_unit.empty() ||
        std::any_of(analysis.sweeps.begin(), analysis.sweeps.end(),
                    [](const Sweep& sweep) { return sweep.condition.has_value(); }))
      item.refuse(fmt::format("`{}` has no waveforms", analysis.name),
                  "name another analysis, or sweep a source from `start` to `stop`");
    const Item signal = item.is_map() ? item["signal"] : item;
    request.signal = simulator_signal(signal, *analysis.kind);
    request.unit = unit_of_signal(request.signal);
    bench_.waveforms.push_back(std::move(request));
  }
}

void BenchReader::read_tables() {
  if (!root_.has("tables")) return;
  if (root_.has("rows"))
    root_["tables"].refuse("a bench with `rows` makes no tables: its points have no grid");
  const std::vector<std::string> measured = names_of(bench_.measurements);
  std::vector<std::string> axes;
  for (const Condition& c : bench_.conditions) {
    if (c.swept) axes.push_back(c.name);
  }
  for (const auto& [name, item] : root_["tables"].map()) {
    TableRequest table;
    table.name = name;
    table.of = item.text("of");
    (void)index_of(measured, item["of"], "measurement");
    bool narrowed = false;  // by a filter, to fewer axes than the table has
    for (const Item& axis : item["over"].list()) {
      if (std::find(axes.begin(), axes.end(), axis.text()) == axes.end()) {
        const auto known = names_of(bench_.conditions);
        narrowed = !bench_.filters.empty() &&
                   std::find(known.begin(), known.end(), axis.text()) != known.end();
        if (narrowed) break;
        axis.refuse("is no swept condition of this bench", suggest_remedy(axis.text(), axes));
      }
      if (axis.text() == "corner")
        axis.refuse("is no axis: between two corners there is nothing",
                    "make one device a corner: --filter corner=NAME");
      if (std::find(table.over.begin(), table.over.end(), axis.text()) != table.over.end())
        axis.refuse("stands here twice");
      table.over.push_back(axis.text());
    }
    if (narrowed) continue;
    for (const std::string& axis : axes) {
      if (std::find(table.over.begin(), table.over.end(), axis) == table.over.end())
        item["over"].refuse(fmt::format("`{}` is swept, but is no axis of this table", axis),
                            axis == "corner"
                                ? "choose one: --filter corner=NAME, or fix it with `typical`"
                                : "name it, or fix it with `typical`");
    }
    if (bench_.draw_points > 1)
      item.refuse("a bench with draws makes no tables: its points have no grid");
    table.long_name = item.text("long_name");
    if (item.has("interpolation")) {
      for (const Item& one : item["interpolation"].list())
        table.interpolation.push_back(one.text());
      if (table.interpolation.size() == 1)
        table.interpolation.resize(table.over.size(), table.interpolation[0]);
      if (table.interpolation.size() != table.over.size())
        item["interpolation"].refuse("must be one word, or one for each axis");
    }
    if (item.has("limit")) read_table_limits(item["limit"], table);
    bench_.tables.push_back(std::move(table));
  }
}

void BenchReader::read_table_limits(const Item& item, TableRequest& table) const {
  const auto of = std::find_if(bench_.measurements.begin(), bench_.measurements.end(),
                               [&](const Measurement& m) { return m.name == table.of; });
  for (const auto& [key, value] : item.map()) {
    const double limit = value.constant(key.ends_with("_percent") ? "" : of->unit);
    if (!(limit > 0)) value.refuse("must be greater than 0");
    table.limits[key] = limit;
  }
}

void BenchReader::read_constants() {
  if (!root_.has("constants")) return;
  // What is swept or drawn has no single value.
  Scope fixed = bench_.scope;
  for (const Condition& c : bench_.conditions) {
    if (c.swept || c.by_row) fixed.set(c.name, kNaN);
    if (c.count > 0) fixed.set(c.name, std::vector<double>(c.count, kNaN));
  }
  if (bench_.search) fixed.set(bench_.search->over, kNaN);
  for (const Parameter& p : bench_.parameters) fixed.set(p.name, p.value.unchecked(fixed));
  for (const auto& [name, item] : root_["constants"].map()) {
    const std::string unit = item.text("unit");
    const double value = quantity(item["value"], unit).value(fixed);
    bench_.constants.push_back({name, unit, item.text("long_name"), value});
  }
}

void BenchReader::read_spreads() {
  if (!root_.has("spreads")) return;
  const std::vector<std::string> measured = names_of(bench_.measurements);
  for (const auto& [name, item] : root_["spreads"].map()) {
    (void)index_of(measured, item["of"], "measurement");
    if (bench_.draw_points < 2)
      item.refuse("a spread is over draws, and this bench has none", "add `draws` and `mismatch`");
    for (const Condition& c : bench_.conditions)
      if (c.swept || (c.by_row && bench_.rows > 1))
        item.refuse(fmt::format("a spread is over the draws alone, but `{}` is swept", c.name),
                    "fix it with `typical`, or choose one: --filter " + c.name + "=VALUE");
    bench_.spreads.push_back({name, item.text("of"),
                              item.has("relative") && item["relative"].boolean(),
                              item.text("long_name")});
  }
}

void BenchReader::read_limits() {
  if (root_.has("retry")) {
    bench_.retry = read_options(root_["retry"]);
  } else {
    bench_.retry = {{"method", "gear"}, {"itl1", "1000"}, {"itl2", "500"}, {"itl4", "200"}};
  }
  const auto positive = [&](const char* key, const char* unit, double otherwise) {
    if (!root_.has(key)) return otherwise;
    const double value = root_[key].constant(unit);
    if (!(value > 0)) root_[key].refuse("must be greater than 0");
    return value;
  };
  bench_.timeout_s = positive("timeout", "s", bench_.timeout_s);
  bench_.memory_bytes = positive("memory", "B", bench_.memory_bytes);
  if (bench_.memory_bytes > 0 && bench_.memory_bytes < kLeastMemoryBytes)
    root_["memory"].refuse("is less than a simulator takes by itself", "give 32M or more");
}

namespace {

std::string save_card(const Bench& bench, const Analysis& analysis) {
  if (analysis.kind->signals == SignalKind::kNoise) return {};  // it keeps all by itself
  std::set<std::string> vectors;
  const auto add = [&](const std::string& signal) {
    for (const std::string& vector : parse_signal(signal).vectors) vectors.insert(vector);
  };
  for (const Measurement& m : bench.measurements) {
    if (&bench.analyses[m.analysis] != &analysis) continue;
    for (const std::string& signal : m.signals) add(signal);
  }
  for (const WaveformRequest& waveform : bench.waveforms) {
    if (&bench.analyses[waveform.analysis] == &analysis) add(waveform.signal);
  }
  std::set<std::string> saved;
  for (const std::string& vector : vectors) {
    if (vector.starts_with("@")) {
      saved.insert(vector);
      continue;
    }
    if (vector.ends_with("#branch")) {
      const std::size_t bar = vector.find('|');
      const std::size_t from = bar == std::string::npos ? 0 : bar + 1;
      saved.insert(fmt::format("i({})", vector.substr(from, vector.size() - 7 - from)));
    }
    for (const std::string& net : nets_of_vector(vector)) saved.insert(fmt::format("v({})", net));
  }
  return saved.empty() ? std::string() : fmt::format(".save {}\n", fmt::join(saved, " "));
}

}  // namespace

void BenchReader::make_save_cards() {
  for (Analysis& analysis : bench_.analyses) analysis.save_card = save_card(bench_, analysis);
}

}  // namespace gaincell::characterize
