#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxPoints = 1'000'000;
constexpr const char* kMaxPointsText = "1,000,000";
constexpr std::size_t kMaxElements = 100'000;  // of all vectors of a bench together
constexpr std::size_t kMaxCorners = 1'000;
constexpr std::size_t kMaxPointBytes = std::size_t{256} << 20;

Draw read_draw(const Item& item, const std::string& unit, std::size_t count) {
  Draw draw;
  const auto [kind, values] = item.map().front();
  for (const Item& one : values.list()) draw.numbers.push_back(one.constant(unit));
  const auto want = [&, &values = values](std::size_t numbers, const char* what) {
    if (draw.numbers.size() != numbers) values.refuse(fmt::format("must be {}", what));
  };
  if (kind == "enumerate") {
    draw.kind = Draw::Kind::kEnumerate;
    if (draw.numbers.empty()) values.refuse("must hold at least one value");
  } else if (kind == "uniform") {
    draw.kind = Draw::Kind::kUniform;
    want(2, "[least, greatest]");
    if (draw.numbers[0] > draw.numbers[1]) values.refuse("the least comes first");
    if (!std::isfinite(draw.numbers[1] - draw.numbers[0]))
      values.refuse("the range is wider than a number holds");
  } else if (kind == "normal") {
    draw.kind = Draw::Kind::kNormal;
    want(2, "[mean, sigma]");
    if (draw.numbers[1] < 0) values.refuse("sigma must not be negative");
    // No draw lies 40 sigma off.
    if (!std::isfinite(std::abs(draw.numbers[0]) + 40 * draw.numbers[1]))
      values.refuse("draws would be greater than a number holds");
  } else {
    draw.kind = Draw::Kind::kValues;
    want(count, fmt::format("as long as `count`, {}", count).c_str());
  }
  return draw;
}

// How many values a range holds: said as `points`, or by `stepsize` (a difference; where it is
// logarithmic a factor), which must fit.
std::size_t range_points(const Item& item, const Condition& c, double low, double high) {
  if (item.has("points")) {
    if (item.has("stepsize")) item["stepsize"].refuse("goes without `points`");
    const long points = item["points"].integer();
    if (points > static_cast<long>(kMaxPoints))
      item["points"].refuse(fmt::format("must be at most {}", kMaxPointsText));
    return static_cast<std::size_t>(points);
  }
  if (!item.has("stepsize")) item.refuse("a sweep needs `points` or `stepsize`");
  const Item step = item["stepsize"];
  const double size = step.constant(c.logarithmic ? "" : c.unit);
  if (!(size > (c.logarithmic ? 1 : 0)))
    step.refuse(c.logarithmic ? "a factor must be greater than 1" : "must be greater than 0");
  const double steps = c.logarithmic ? std::log(high / low) / std::log(size) : (high - low) / size;
  if (!(steps < static_cast<double>(kMaxPoints)))
    step.refuse(fmt::format("makes more than {} points", kMaxPointsText));
  if (std::abs(steps - std::round(steps)) > 1e-6 || std::round(steps) < 1)
    step.refuse("does not lead from `minimum` to `maximum`", "give `points` in its place");
  return static_cast<std::size_t>(std::round(steps)) + 1;
}

void read_vector(const Item& item, Condition& c, bool ranged) {
  if (!item.has("draw")) item.refuse("a vector needs `draw`");
  if (ranged || item.has("enumerate") || item.has("step") || item.has("points"))
    item.refuse("a vector has `count` and `draw` alone");
  c.count = static_cast<std::size_t>(item["count"].integer());
  if (c.count > kMaxElements) item["count"].refuse("must be at most 100,000");
  c.draw = read_draw(item["draw"], c.unit, c.count);
}

double number_of(const Item& item, const std::string& unit, const Scope& fixed) {
  return Quantity(item.text(), unit, fixed, item.where()).value(fixed);
}

void read_list(const Item& item, const Scope& fixed, Condition& c) {
  for (const Item& one : item.list()) {
    c.values.push_back(number_of(one, c.unit, fixed));
    if (c.values.size() > 1 && c.values[c.values.size() - 2] >= c.values.back())
      one.refuse("values must rise", "sort them");
  }
  if (c.values.empty()) item.refuse("must hold at least one value");
}

void read_range(const Item& item, const Scope& fixed, Condition& c) {
  if (!item.has("minimum") || !item.has("maximum"))
    item.refuse("a sweep needs `minimum`, `maximum` and `points`");
  const double low = number_of(item["minimum"], c.unit, fixed);
  const double high = number_of(item["maximum"], c.unit, fixed);
  if (!(low < high)) item["maximum"].refuse("must be greater than `minimum`");
  c.logarithmic = item.text("step") == "logarithmic";
  if (c.logarithmic && !(low > 0)) item["minimum"].refuse("a logarithmic sweep starts above 0");
  if (!std::isfinite(c.logarithmic ? high / low : high - low))
    item["maximum"].refuse("the range is wider than a number holds");
  c.values = spaced(low, high, range_points(item, c, low, high), c.logarithmic);
}

Condition described_condition(const std::string& name, const Item& item) {
  Condition c;
  c.name = name;
  c.where = item.where();
  if (!item.has("unit"))
    item.refuse("the key `unit` is missing", "`V`, `s`, `A`, `F`, `degC` ... or \"\"");
  c.unit = item.text("unit");
  c.description = item.text("description");
  return c;
}

void refuse_values(const Item& item) {
  for (const auto& [key, value] : item.map()) {
    if (key != "unit" && key != "description")
      value.refuse("the condition takes its values from `rows`",
                   "give `unit` and `description` alone");
  }
}

Condition read_unit(const std::string& name, const Item& item) {
  refuse_values(item);
  return described_condition(name, item);
}

Condition read_condition(const std::string& name, const Item& item, const Scope& fixed) {
  Condition c = described_condition(name, item);
  const bool ranged = item.has("minimum") || item.has("maximum") || item.has("typical");
  if (item.has("count")) {
    read_vector(item, c, ranged);
    return c;
  }
  if (item.has("draw")) item.refuse("`draw` goes with `count`");
  if (item.has("enumerate")) {
    // `typical` beside a list names the usual one of them, as in CACE.
    if (item.has("minimum") || item.has("maximum") || item.has("step") || item.has("points"))
      item.refuse("`enumerate` stands alone");
    read_list(item["enumerate"], fixed, c);
  } else if (!ranged) {
    item.refuse("has no value",
                "give `typical`, `enumerate`, or `minimum`, `maximum`, `step` and `points`");
  } else if (item.has("step")) {
    read_range(item, fixed, c);
  } else {
    for (const char* key : {"points", "stepsize"}) {
      if (item.has(key)) item.refuse(fmt::format("`{}` goes with `step`", key));
    }
    std::set<double> values;
    for (const char* key : {"minimum", "typical", "maximum"}) {
      if (item.has(key)) values.insert(number_of(item[key], c.unit, fixed));
    }
    c.values.assign(values.begin(), values.end());
  }
  c.swept = c.values.size() > 1;
  return c;
}

// "a=1,2" or "a=1..3" -> name, values, as texts.
struct Filter {
  std::string name;
  std::vector<std::string> values;  // a list, or both ends
  bool range = false;
};

Filter parse_filter(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
    throw Error({.place = "--filter",
                 .value = text,
                 .rule = "is not CONDITION=VALUES",
                 .remedy = "write corner=slow,fast or temperature=-40..27"});
  Filter filter{text.substr(0, equals), {}, false};
  std::string rest = text.substr(equals + 1);
  if (const std::size_t dots = rest.find(".."); dots != std::string::npos) {
    filter.range = true;
    filter.values = {rest.substr(0, dots), rest.substr(dots + 2)};
    return filter;
  }
  for (std::size_t at = 0; at <= rest.size();) {
    const std::size_t comma = std::min(rest.find(',', at), rest.size());
    filter.values.push_back(rest.substr(at, comma - at));
    at = comma + 1;
  }
  return filter;
}

bool about_equal(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

std::vector<double> filtered(const Condition& condition, const Filter& filter,
                             const std::string& text) {
  const Where where{"--filter", ""};
  std::set<double> kept;
  if (filter.range) {
    if (!condition.words.empty())
      throw Error({.place = "--filter", .value = text, .rule = "words have no range"});
    const double low = constant(filter.values[0], condition.unit, where);
    const double high = constant(filter.values[1], condition.unit, where);
    for (const double value : condition.values) {
      if (value >= low && value <= high) kept.insert(value);
    }
  } else {
    for (const std::string& wanted : filter.values) {
      const std::size_t before = kept.size();
      for (const double value : condition.values) {
        const bool same = condition.words.empty()
                              ? about_equal(value, constant(wanted, condition.unit, where))
                              : condition.words[static_cast<std::size_t>(value)] == wanted;
        if (same) kept.insert(value);
      }
      if (kept.size() == before) {
        kept.clear();
        break;
      }
    }
  }
  if (kept.empty()) {
    std::vector<std::string> known;
    for (const double value : condition.values)
      known.push_back(condition.words.empty() ? format_exact(value)
                                              : condition.words[static_cast<std::size_t>(value)]);
    if (known.size() > 12) known.resize(12);
    throw Error({.place = "--filter",
                 .value = text,
                 .rule = fmt::format("`{}` does not take this value", condition.name),
                 .remedy = fmt::format("it takes {}", fmt::join(known, ", "))});
  }
  return {kept.begin(), kept.end()};
}

}  // namespace

std::vector<double> spaced(double low, double high, std::size_t points, bool logarithmic) {
  std::vector<double> values(points);
  for (std::size_t k = 0; k < points; ++k) {
    const double part = static_cast<double>(k) / static_cast<double>(points - 1);
    values[k] = logarithmic ? low * std::pow(high / low, part) : low + (high - low) * part;
  }
  values.front() = low;
  values.back() = high;
  return values;
}

static const Block& draw_block() {
  using namespace form;
  static const Block table{
      "Draws of a vector",
      "Random numbers for the elements of a vector condition.",
      {{"enumerate", list(own_constant()), kOptional, "one of these, equally likely"},
       {"uniform", list(own_constant()), kOptional, "`[least, greatest]`"},
       {"normal", list(own_constant()), kOptional, "`[mean, sigma]`"},
       {"values", list(own_constant()), kOptional, "no draw: these, in order"}},
      {"enumerate", "uniform", "normal", "values"},
      true};
  return table;
}

const Block& condition_block() {
  using namespace form;
  static const Block table{
      "Conditions",
      "What a point is made of. Swept: `minimum`, `maximum`, `step` and `points`, or `enumerate`. "
      "Fixed: "
      "`typical` alone. `minimum`, `typical` and `maximum` without `step` are swept over just "
      "these values. "
      "The name `temperature` sets the temperature of the simulation. The first swept condition is "
      "the slowest. At most 1,000,000 points, which may take 256 MB, and simulations that may "
      "take 768 MB to plan, some 600,000 small ones.",
      {{"unit", text(), kOptional,
        "`V`, `s`, `A`, `F`, `degC` ... or empty; required but for `corner`"},
       {"description", prose(), kOptional, "long name of the axis"},
       {"minimum", own_quantity(), kOptional, "least value"},
       {"typical", own_quantity(), kOptional, "usual value; of `corner` a name"},
       {"maximum", own_quantity(), kOptional, "greatest value"},
       {"step", word({"linear", "logarithmic"}), kOptional, "spacing between minimum and maximum"},
       {"points", integer(2), kOptional, "how many, ends included"},
       {"stepsize", own_constant(), kOptional,
        "in place of `points`: the step, of a logarithmic sweep the factor"},
       {"enumerate", list(own_quantity()), kOptional, "these values, rising; of `corner` names"},
       {"count", integer(1), kOptional, "makes it a vector of so many elements"},
       {"draw", block(draw_block()), kOptional, "what the elements are"}}};
  return table;
}

void BenchReader::read_conditions() {
  bench_.scope.know_elements();
  read_rows();
  read_fixed();
  const bool named = root_.has("conditions") && root_["conditions"].has("corner");
  if (root_.has("corners") && !named) add_corner_condition();
  if (root_.has("conditions")) {
    for (const auto& [name, item] : root_["conditions"].map()) add_condition(name, item);
  }
  refuse_unused_at();
  refuse_idle_nodes();
  drop_rows();
  read_draws();
}

namespace {

struct Setting {
  std::string name, value;
};

Setting parse_setting(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
    throw Error({.place = "--at",
                 .value = text,
                 .rule = "is not CONDITION=VALUE",
                 .remedy = "write corner=slow,temperature=-40,v_dd=0.81"});
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

// Axes may follow what is fixed, wherever it stands: `maximum: "{v_dd}"`.
void BenchReader::read_fixed() {
  if (!root_.has("conditions")) return;
  for (const auto& [name, item] : root_["conditions"].map()) {
    if (name == "corner" || !item.has("typical") || !item.has("unit")) continue;
    const auto keys = item.map();
    const bool alone = std::all_of(keys.begin(), keys.end(), [](const auto& entry) {
      return entry.first == "typical" || entry.first == "unit" || entry.first == "description";
    });
    if (!alone || item["typical"].text().find('{') != std::string::npos) continue;
    Condition condition = described_condition(name, item);
    condition.values = {item["typical"].constant(condition.unit)};
    apply_at(condition);
    fixed_.set(name, condition.values.front());
  }
}

// True where the condition was given another value.
bool BenchReader::apply_at(Condition& condition) {
  for (const std::string& text : options_.at) {
    const Setting setting = parse_setting(text);
    if (setting.name != condition.name) continue;
    const auto refuse = [&](std::string rule, std::string remedy) {
      throw Error({.place = "--at",
                   .key = setting.name,
                   .value = setting.value,
                   .rule = fmt::format("{} ({})", rule, bench_.path),
                   .remedy = std::move(remedy)});
    };
    if (condition.count > 0 || condition.by_row || condition.values.size() != 1)
      refuse(fmt::format("`{}` is swept by this bench, not fixed", setting.name),
             "give the bench a `typical` value alone; --filter chooses among swept ones");
    if (condition.words.empty()) {
      condition.values.front() = constant(setting.value, condition.unit, {"--at", setting.name});
    } else {
      const auto word = std::find(condition.words.begin(), condition.words.end(), setting.value);
      if (word == condition.words.end())
        refuse("this bench has no such " + setting.name,
               suggest_remedy(setting.value, condition.words));
      condition.values.front() = static_cast<double>(word - condition.words.begin());
    }
    return true;
  }
  return false;
}

void BenchReader::add_nodes(Condition& condition) {
  for (const AddedNode& node : options_.added_nodes) {
    if ((!node.bench.empty() && node.bench != bench_.name) || node.condition != condition.name)
      continue;
    if (!condition.swept || condition.count > 0 || !condition.words.empty())
      throw Error({.place = bench_.path,
                   .key = "conditions." + condition.name,
                   .rule = "is not swept over numbers, so no value can be added to it"});
    const auto at = std::lower_bound(condition.values.begin(), condition.values.end(), node.value);
    if (at != condition.values.end() && *at == node.value) continue;
    condition.values.insert(at, node.value);
    bench_.added_nodes.push_back(node);
  }
}

void BenchReader::replace_values(Condition& condition) {
  for (const AxisValues& axis : options_.axis_values) {
    if ((!axis.bench.empty() && axis.bench != bench_.name) || axis.condition != condition.name)
      continue;
    const std::string key = "conditions." + condition.name;
    if (!condition.swept || condition.count > 0 || !condition.words.empty())
      throw Error({.place = bench_.path,
                   .key = key,
                   .rule = "is not swept over numbers, so no values can stand in their place"});
    const std::vector<double>& values = axis.values;
    const bool rise = std::ranges::adjacent_find(values, std::greater_equal<>()) == values.end();
    if (values.size() < 2 || !rise || values.front() != condition.values.front() ||
        values.back() != condition.values.back())
      throw Error({.place = bench_.path,
                   .key = key,
                   .rule = "other values must rise from the first of the bench's to the last"});
    condition.text_values = std::exchange(condition.values, values);
    bench_.axis_values.push_back(axis);
  }
}

void BenchReader::refuse_idle_nodes() const {
  std::vector<std::string> swept;
  for (const Condition& c : bench_.conditions)
    if (c.swept) swept.push_back(c.name);
  for (const AddedNode& node : options_.added_nodes)
    if (node.bench == bench_.name &&
        std::find(swept.begin(), swept.end(), node.condition) == swept.end())
      throw Error({.place = bench_.path,
                   .key = "conditions." + node.condition,
                   .value = format_exact(node.value),
                   .rule = "no condition of this name is swept, so no value can be added to it",
                   .remedy = suggest_remedy(node.condition, swept)});
}

void BenchReader::refuse_unused_at() const {
  std::set<std::string> seen;
  std::vector<std::string> known;
  for (const Condition& c : bench_.conditions) known.push_back(c.name);
  for (const std::string& text : options_.at) {
    const Setting setting = parse_setting(text);
    if (!seen.insert(setting.name).second)
      throw Error({.place = "--at", .key = setting.name, .rule = "is given twice"});
    if (std::find(known.begin(), known.end(), setting.name) == known.end())
      throw Error({.place = "--at",
                   .key = setting.name,
                   .value = setting.value,
                   .rule = fmt::format("is no condition of {}, so it would change nothing there",
                                       bench_.path),
                   .remedy = suggest_remedy(setting.name, known)});
    bench_.at.push_back(text);
  }
}

void require_temperature(double celsius, const Where& where) {
  constexpr double kAbsoluteZero = -273.15, kHottest = 1000;  // degC
  if (celsius > kAbsoluteZero && celsius <= kHottest) return;
  throw Error(
      {.place = where.place,
       .key = where.key,
       .value = format_exact(celsius),
       .rule = fmt::format("a simulation's temperature lies above {} and is at most {} degC",
                           kAbsoluteZero, kHottest),
       .remedy = "give it in degC, as -40 or 125"});
}

// Each factor may be small and their product without bound: it is bounded as it grows.
void BenchReader::bound_points(const Item& item) {
  std::size_t points =
      row_kept_.empty()
          ? 1
          : static_cast<std::size_t>(std::count(row_kept_.begin(), row_kept_.end(), true));
  std::size_t elements = 0;
  for (const Condition& c : bench_.conditions) {
    elements += c.count;
    if (c.count == 0 && !c.by_row) points *= c.values.size();
    if (points > kMaxPoints)
      item.refuse(fmt::format("makes more than {} points", kMaxPointsText),
                  "take fewer on some axis");
    if (elements > kMaxElements)
      item.refuse("with it the vectors have more than 100,000 elements together");
  }
  const double all = static_cast<double>(points) *
                         static_cast<double>(std::max<std::size_t>(bench_.draw_points, 1)) *
                         (1 + bench_.holdout_share) +
                     static_cast<double>(bench_.holdout_points);
  if (all > static_cast<double>(kMaxPoints))
    item.refuse(fmt::format("makes more than {} points", kMaxPointsText), "take fewer");
  const double bytes = all * static_cast<double>(80 + 32 * bench_.conditions.size() + 8 * elements);
  if (bytes > static_cast<double>(kMaxPointBytes))
    item.refuse(fmt::format("its points take more than 256 MB: {:.0f} of {} conditions with {} "
                            "elements of vectors",
                            all, bench_.conditions.size(), elements),
                "take fewer points or shorter vectors");
}

void BenchReader::add_condition(const std::string& name, const Item& item) {
  if (name == "corner" && root_.has("corners")) return add_corner_condition();
  know(name, item);
  const bool by_row = row_cells_.contains(name);
  Condition condition = by_row ? read_unit(name, item) : read_condition(name, item, fixed_);
  const bool at = apply_at(condition);
  if (by_row) fill_by_row(condition);
  if (name == "temperature") {
    if (condition.unit != "degC") item.refuse("the temperature of a simulation is in degC");
    for (std::size_t k = 0; k < condition.values.size(); ++k)
      require_temperature(condition.values[k], at       ? Where{"--at", name}
                                               : by_row ? Where{row_places_[k].place, name}
                                                        : item.where());
  }
  replace_values(condition);
  add_nodes(condition);
  apply_filters(condition, item);
  if (condition.count > 0) {
    bench_.scope.set(name, std::vector<double>(condition.count, 0));
  } else {
    bench_.scope.set(name, condition.values.front());
  }
  bench_.conditions.push_back(std::move(condition));
  bound_points(item);
}

// Its values are the numbers of the corners, in the order in which they stand in the file.
void BenchReader::add_corner_condition() {
  const bool chosen = root_.has("conditions") && root_["conditions"].has("corner");
  const Item item = chosen ? root_["conditions"]["corner"] : root_["corners"];
  know("corner", item);
  Condition c;
  c.name = "corner";
  c.where = item.where();
  c.description = chosen ? item.text("description") : "";
  for (const auto& [name, files] : root_["corners"].map()) c.words.push_back(name);
  if (c.words.size() > kMaxCorners) root_["corners"].refuse("more than 1,000 corners");
  if (c.words.empty()) root_["corners"].refuse("must hold at least one corner");
  if (row_cells_.contains(c.name)) {
    if (chosen) refuse_values(item);
    fill_by_row(c);
    apply_filters(c, item);
    bench_.scope.set("corner", c.values.front());
    bench_.conditions.push_back(std::move(c));
    return;
  }
  const auto add = [&c](const Item& one) {
    const auto at = std::find(c.words.begin(), c.words.end(), one.text());
    if (at == c.words.end()) one.refuse("is no corner", suggest_remedy(one.text(), c.words));
    c.values.push_back(static_cast<double>(at - c.words.begin()));
  };
  if (!chosen) {
    for (std::size_t k = 0; k < c.words.size(); ++k) c.values.push_back(static_cast<double>(k));
  } else if (item.has("enumerate")) {
    for (const Item& one : item["enumerate"].list()) add(one);
  } else if (item.has("typical")) {
    add(item["typical"]);
  } else {
    item.refuse("names no corner", "give `typical` or `enumerate`");
  }
  std::sort(c.values.begin(), c.values.end());
  if (std::adjacent_find(c.values.begin(), c.values.end()) != c.values.end())
    item.refuse("names a corner twice");
  if (c.values.empty()) item.refuse("names no corner");
  apply_at(c);
  c.swept = c.values.size() > 1;
  // A filter may choose among all declared corners, as a fixed one is only what is usual.
  if (chosen && !item.has("enumerate")) {
    for (const std::string& text : options_.filters) {
      if (parse_filter(text).name != "corner") continue;
      c.values.clear();
      for (std::size_t k = 0; k < c.words.size(); ++k) c.values.push_back(static_cast<double>(k));
    }
  }
  apply_filters(c, item);
  bench_.scope.set("corner", c.values.front());
  bench_.conditions.push_back(std::move(c));
}

void BenchReader::apply_filters(Condition& condition, const Item& item) {
  for (const std::string& text : options_.filters) {
    const Filter filter = parse_filter(text);
    if (filter.name != condition.name) continue;
    if (condition.count > 0) item.refuse("is a vector; `--filter` chooses values of a number");
    bench_.filters.push_back(text);
    const std::vector<double> kept = filtered(condition, filter, text);
    if (condition.by_row) {
      for (std::size_t k = 0; k < condition.values.size(); ++k)
        row_kept_[k] =
            row_kept_[k] && std::find(kept.begin(), kept.end(), condition.values[k]) != kept.end();
      continue;
    }
    condition.values = kept;
    condition.swept = condition.values.size() > 1;
  }
}

const Block& draws_block() {
  using namespace form;
  static const Block table{
      "Number of draws",
      "",
      {{"points", integer(1), kRequired,
        "so many points, each with its own draw of all vectors and devices, for each point of the "
        "swept conditions"},
       {"seed", integer(0), kRequired, "of the draws"}}};
  return table;
}

void BenchReader::read_draws() {
  const bool vectors = std::any_of(bench_.conditions.begin(), bench_.conditions.end(),
                                   [](const Condition& c) { return c.count > 0; });
  if (root_.has("draws")) {
    const Item draws = root_["draws"];
    if (!vectors && !root_.has("mismatch"))
      draws.refuse("nothing is drawn: no condition is a vector, and there is no `mismatch`",
                   "take `draws` out");
    bench_.draw_points = static_cast<std::size_t>(draws["points"].integer());
    const bool drawn =
        root_.has("mismatch") ||
        std::any_of(bench_.conditions.begin(), bench_.conditions.end(), [](const Condition& c) {
          return c.count > 0 && c.draw.kind != Draw::Kind::kValues;
        });
    if (!drawn && bench_.draw_points > 1)
      draws["points"].refuse("nothing is drawn: the vectors have given values", "take `draws` out");
    bound_points(draws["points"]);
    bench_.draw_seed = static_cast<std::uint64_t>(draws["seed"].integer());
    return;
  }
  if (root_.has("mismatch"))
    root_["mismatch"].refuse("is drawn, but `draws` is missing",
                             "say how often and from which seed: draws: {points: 1000, seed: 1}");
  if (!vectors) return;
  // Vectors of given values need no seed; drawn ones do.
  for (const Condition& one : bench_.conditions) {
    if (one.count > 0 && one.draw.kind != Draw::Kind::kValues)
      throw Error({.place = one.where.place,
                   .key = one.where.key,
                   .rule = "is drawn, but `draws` is missing",
                   .remedy = "say how often and from which seed: draws: {points: 40, seed: 1}"});
  }
  bench_.draw_points = 1;
}

const Block& parameter_block() {
  using namespace form;
  static const Block table{"Parameters",
                           "",
                           {{"value", own_quantity(), kRequired, "number or expression"},
                            {"unit", text(), kOptional, "its unit"},
                            {"description", prose(), kOptional, "what it is"}}};
  return table;
}

void BenchReader::read_parameters() {
  if (!root_.has("parameters")) return;
  for (const auto& [name, item] : root_["parameters"].map()) {
    know(name, item);
    const Item value = item.is_map() ? item["value"] : item;
    Quantity parsed = quantity(value, item.is_map() ? item.text("unit") : "");
    bench_.scope.set(name, parsed.unchecked(bench_.scope));
    bench_.parameters.push_back({name, std::move(parsed)});
  }
}

const Block& holdout_block() {
  using namespace form;
  static const Block table{
      "Hold-out points",
      "Extra points that no table sees: in turn uniform over the axes' ranges, "
      "spread evenly over the intervals between the axes' values (so where they lie "
      "dense), and uniform in the working range; half of them in the intervals.",
      {{"share", constant(""), kOptional, "of the number of swept points"},
       {"points", integer(1), kOptional,
        "how many; up to 8 times as many where a condition changes no simulation, from as many "
        "simulations"},
       {"seed", integer(0), kRequired, "of the draw"},
       {"working", map(list(own_quantity())), kOptional,
        "`[least, greatest]` of swept conditions: where the tables are used "
        "most; their errors are stated for it beside the whole"}},
      {"share", "points"},
      true};
  return table;
}

void BenchReader::read_working(const Item& item) {
  for (const auto& [name, range] : item.map()) {
    const auto at = std::find_if(bench_.conditions.begin(), bench_.conditions.end(),
                                 [&name = name](const Condition& c) { return c.name == name; });
    if (at == bench_.conditions.end() || at->count > 0 || !at->words.empty())
      range.refuse("is no condition of numbers", suggest_remedy(name, names_of(bench_.conditions)));
    const auto ends = range.list();
    if (ends.size() != 2) range.refuse("must be [least, greatest]");
    const double low = number_of(ends[0], at->unit, fixed_);
    const double high = number_of(ends[1], at->unit, fixed_);
    if (!(low < high)) range.refuse("the least comes first");
    if (!at->swept) continue;  // fixed by a filter
    const double least = std::max(low, at->values.front());
    const double greatest = std::min(high, at->values.back());
    if (!(least < greatest)) range.refuse("lies beside the values of the condition");
    bench_.working[name] = {least, greatest};
  }
}

void BenchReader::read_holdout() {
  if (!root_.has("holdout")) return;
  const Item item = root_["holdout"];
  if (root_.has("rows")) item.refuse("goes with swept conditions, not with `rows`");
  const bool axes = std::any_of(bench_.conditions.begin(), bench_.conditions.end(),
                                [](const Condition& c) { return c.swept; });
  if (!axes && bench_.filters.empty()) item.refuse("nothing is swept");
  if (bench_.draw_points > 1) item.refuse("goes with swept conditions, not with draws");
  for (const Measurement& m : bench_.measurements) {
    if (m.along)
      item.refuse(fmt::format("`{}` lies along a sweep of a condition, and a hold-out point is a "
                              "single one",
                              m.name),
                  "give that sweep `start`, `stop` and `points` in place of the condition");
  }
  bench_.holdout_seed = static_cast<std::uint64_t>(item["seed"].integer());
  if (!axes) return;  // a filter has left one point
  if (item.has("working")) read_working(item["working"]);
  if (item.has("share")) {
    bench_.holdout_share = item["share"].constant("");
    if (!(bench_.holdout_share > 0 && bench_.holdout_share <= 10))
      item["share"].refuse("must lie between 0 and 10");
    bound_points(item["share"]);
  } else {
    bench_.holdout_points = static_cast<std::size_t>(item["points"].integer());
    bound_points(item["points"]);
  }
}

}  // namespace gaincell::characterize
