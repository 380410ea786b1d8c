#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/suggest.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {
namespace {

constexpr double kLeastMemoryBytes = 32e6;

}  // namespace

const Block& waveform_block() {
  using namespace form;
  static const Block table{
      "Waveforms",
      "Signals that are kept whole, for every simulation.",
      {{"signal", text(), kRequired, "expression, as in measurements"},
       {"analysis", name(), kOptional, "which of `analyses`; default the first"}}};
  return table;
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
    request.signal = simulator_signal(signal, *analysis.kind, std::nullopt);
    request.unit = unit_of_signal(request.signal);
    bench_.waveforms.push_back(std::move(request));
  }
}

static const Block& limit_block() {
  using namespace form;
  static const Block table{"Limits of a table",
                           "What the compiled table may be off on the hold-out points; full scale "
                           "is its greatest minus its least value.",
                           {{"max_percent", constant(""), kOptional, "of full scale"},
                            {"rms_percent", constant(""), kOptional, "of full scale"},
                            {"max", own_constant(), kOptional, "in the table's unit"},
                            {"rms", own_constant(), kOptional, "in the table's unit"}}};
  return table;
}

const Block& table_block() {
  using namespace form;
  static const Block table{
      "Tables",
      "What `gaincell compile` makes of the points.",
      {{"of", name(), kRequired, "a measurement"},
       {"over", list(name()), kRequired, "swept conditions, in the order of the table's axes"},
       {"long_name", prose(), kOptional, "for people"},
       {"interpolation", either({word({"linear", "cubic"}), list(word({"linear", "cubic"}))}),
        kOptional, "one word for all axes, or one for each"},
       {"limit", block(limit_block()), kOptional, "error that is accepted"}}};
  return table;
}

// Whether a swept condition can change a measurement: it is in the simulation, or in the arguments
// of the measurement or of those that it rests on.
bool BenchReader::changes(const std::string& condition, std::size_t measurement) const {
  if (bench_.conditions[bench_.condition(condition)].simulated) return true;
  const Measurement& m = bench_.measurements[measurement];
  const auto named = [&](const Expression* expression) {
    return expression != nullptr && expression->names().contains(condition);
  };
  return (m.formula && named(&*m.formula)) ||
         std::any_of(m.numbers.begin(), m.numbers.end(),
                     [&](const auto& number) { return named(number.second.expression()); }) ||
         std::any_of(m.uses.begin(), m.uses.end(),
                     [&](std::size_t other) { return changes(condition, other); });
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
    const std::size_t of = index_of(measured, item["of"], "measurement");
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
      if (std::find(table.over.begin(), table.over.end(), axis) == table.over.end() &&
          changes(axis, of))
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

const Block& constant_block() {
  using namespace form;
  static const Block table{"Constants",
                           "",
                           {{"value", own_quantity(), kRequired,
                             "number or expression over parameters and fixed conditions"},
                            {"unit", text(), kOptional, "its unit"},
                            {"long_name", prose(), kOptional, "for people"}}};
  return table;
}

void BenchReader::read_constants() {
  if (!root_.has("constants")) return;
  // What is swept or drawn has no single value.
  Scope fixed = bench_.scope;
  for (const Condition& c : bench_.conditions) {
    if (c.swept || c.by_row) fixed.set(c.name, kNotKnown);
    if (c.count > 0) fixed.set(c.name, std::vector<double>(c.count, kNotKnown));
  }
  if (bench_.search) fixed.set(bench_.search->over, kNotKnown);
  for (const Parameter& p : bench_.parameters) fixed.set(p.name, p.value.unchecked(fixed));
  for (const auto& [name, item] : root_["constants"].map()) {
    const std::string unit = item.text("unit");
    const double value = quantity(item["value"], unit).value(fixed);
    bench_.constants.push_back({name, unit, item.text("long_name"), value});
  }
}

const Block& spread_block() {
  using namespace form;
  static const Block table{
      "Spreads",
      "What `gaincell compile` makes of the draws: constants `spread_<name>`, one standard "
      "deviation (n - 1). A bench of one point may state one that it measures as such, as "
      "`total_noise` does: `deviation: true`. The engine knows `cell_gain`, `cell_offset_v`, "
      "`cell_noise_c`, `relu_gain`, `relu_offset_c`, `relu_noise_c`, and the same three of "
      "`signed_`.",
      {{"of", name(), kRequired, "a measurement"},
       {"relative", boolean(), kOptional, "true: over the size of the mean; default false"},
       {"deviation", boolean(), kOptional,
        "true: the measurement is a standard deviation itself, and there are no draws; default "
        "false"},
       {"long_name", prose(), kOptional, "for people"}}};
  return table;
}

void BenchReader::read_spreads() {
  if (!root_.has("spreads")) return;
  const std::vector<std::string> measured = names_of(bench_.measurements);
  for (const auto& [name, item] : root_["spreads"].map()) {
    (void)index_of(measured, item["of"], "measurement");
    const bool deviation = item.has("deviation") && item["deviation"].boolean();
    const bool relative = item.has("relative") && item["relative"].boolean();
    if (deviation && bench_.draw_points > 1)
      item["deviation"].refuse("a spread is over the draws, and this bench has some",
                               "leave it out, or `draws`");
    if (deviation && relative)
      item["relative"].refuse("a standard deviation that is measured has no mean beside it",
                              "divide it in a formula");
    if (!deviation && bench_.draw_points < 2)
      item.refuse("a spread is over draws, and this bench has none",
                  "add `draws` and `mismatch`, or `deviation: true` where the measurement is a "
                  "standard deviation itself");
    for (const Condition& c : bench_.conditions)
      if (c.swept || (c.by_row && bench_.rows > 1))
        item.refuse(
            deviation
                ? fmt::format("a measured deviation is of one point, but `{}` is swept", c.name)
                : fmt::format("a spread is over the draws alone, but `{}` is swept", c.name),
            "fix it with `typical`, or choose one: --filter " + c.name + "=VALUE");
    bench_.spreads.push_back({name, item.text("of"), relative, deviation, item.text("long_name")});
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
