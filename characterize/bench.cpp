#include "characterize/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/schema.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMaxPoints = 10'000'000;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Quantity quantity(const Item& item, const std::string& unit, const Scope& scope) {
  return Quantity(item.text(), unit, scope, item.where());
}

void check_net(const Item& item, const std::string& net) {
  if (net.empty() || net.find_first_of(" \t\r\n(),='\";") != std::string::npos)
    item.refuse("is not a net", "a net is one word");
}

std::vector<std::string> names_of(const std::vector<Condition>& conditions) {
  std::vector<std::string> names;
  for (const Condition& one : conditions) names.push_back(one.name);
  return names;
}

// Spacing that meets both ends exactly.
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
  } else if (kind == "normal") {
    draw.kind = Draw::Kind::kNormal;
    want(2, "[mean, sigma]");
    if (draw.numbers[1] < 0) values.refuse("sigma must not be negative");
  } else {
    draw.kind = Draw::Kind::kValues;
    want(count, fmt::format("as long as `count`, {}", count).c_str());
  }
  return draw;
}

Condition read_condition(const std::string& name, const Item& item) {
  Condition c;
  c.name = name;
  c.where = item.where();
  c.unit = item.text("unit");
  c.description = item.text("description");
  const auto number = [&](const char* key) { return item[key].constant(c.unit); };
  const bool ranged = item.has("minimum") || item.has("maximum") || item.has("typical");
  if (item.has("count")) {
    if (!item.has("draw")) item.refuse("a vector needs `draw`");
    if (ranged || item.has("enumerate") || item.has("step") || item.has("points"))
      item.refuse("a vector has `count` and `draw` alone");
    c.count = static_cast<std::size_t>(item["count"].integer());
    if (c.count > 100'000) item["count"].refuse("must be at most 100,000");
    c.draw = read_draw(item["draw"], c.unit, c.count);
    return c;
  }
  if (item.has("draw")) item.refuse("`draw` goes with `count`");
  if (item.has("enumerate")) {
    if (ranged || item.has("step") || item.has("points")) item.refuse("`enumerate` stands alone");
    for (const Item& one : item["enumerate"].list()) {
      c.values.push_back(one.constant(c.unit));
      if (c.values.size() > 1 && c.values[c.values.size() - 2] >= c.values.back())
        one.refuse("values must rise", "sort them");
    }
    if (c.values.empty()) item["enumerate"].refuse("must hold at least one value");
    c.swept = c.values.size() > 1;
    return c;
  }
  if (!ranged)
    item.refuse("has no value",
                "give `typical`, `enumerate`, or `minimum`, `maximum`, `step` and `points`");
  if (item.has("step")) {
    if (!item.has("minimum") || !item.has("maximum") || !item.has("points"))
      item.refuse("a sweep needs `minimum`, `maximum` and `points`");
    const double low = number("minimum");
    const double high = number("maximum");
    if (!(low < high)) item["maximum"].refuse("must be greater than `minimum`");
    c.logarithmic = item.text("step") == "logarithmic";
    if (c.logarithmic && !(low > 0)) item["minimum"].refuse("a logarithmic sweep starts above 0");
    const long points = item["points"].integer();
    if (points > 1'000'000) item["points"].refuse("must be at most 1,000,000");
    c.values = spaced(low, high, static_cast<std::size_t>(points), c.logarithmic);
    c.swept = true;
    return c;
  }
  if (item.has("points")) item.refuse("`points` goes with `step`");
  std::set<double> values;
  for (const char* key : {"minimum", "typical", "maximum"}) {
    if (item.has(key)) values.insert(number(key));
  }
  c.values.assign(values.begin(), values.end());
  c.swept = c.values.size() > 1;
  return c;
}

// Reads in the order in which names become known.
class Reader {
 public:
  Reader(const Item& root, Bench& bench) : root_(root), bench_(bench) {}

  void read() {
    if (root_["gaincell_bench"].integer() != 1)
      root_["gaincell_bench"].refuse("is a format that this program does not know",
                                     "it reads format 1");
    bench_.name = root_.text("name");
    bench_.description = root_.text("description");
    read_conditions();
    read_parameters();
    read_circuit();
    read_sources();
    read_elements();
    read_initial_conditions();
    read_analysis();
    bench_.options = read_options("analysis");
    if (root_.has("retry")) {
      bench_.retry = read_options("retry");
    } else {
      bench_.retry = {{"method", "gear"}, {"itl1", "1000"}, {"itl2", "500"}, {"itl4", "200"}};
    }
    if (root_.has("timeout")) {
      bench_.timeout_s = root_["timeout"].constant("s");
      if (!(bench_.timeout_s > 0)) root_["timeout"].refuse("must be greater than 0");
    }
    read_measurements();
    read_tables();
    read_constants();
    read_holdout();
  }

 private:
  void know(const std::string& name, const Item& at) {
    static const std::set<std::string> reserved{"i", "pi"};
    if (reserved.contains(name) || name.starts_with("element__"))
      at.refuse(fmt::format("the name `{}` is taken", name), "choose another");
    if (!names_.insert(name).second)
      at.refuse(fmt::format("the name `{}` stands for something else already", name),
                "conditions, parameters and measurements share their names");
  }

  void read_conditions() {
    bench_.scope.set("i", 0.0);
    std::size_t points = 1;
    bool vectors = false;
    if (root_.has("conditions")) {
      for (const auto& [name, item] : root_["conditions"].map()) {
        know(name, item);
        Condition condition = read_condition(name, item);
        if (name == "temperature" && condition.unit != "degC")
          item.refuse("the temperature of a simulation is in degC");
        if (condition.count > 0) {
          vectors = true;
          bench_.scope.set(name, std::vector<double>(condition.count, 0));
        } else {
          bench_.scope.set(name, condition.values.front());
          points *= condition.values.size();
          if (points > kMaxPoints)
            item.refuse("more than 10,000,000 points", "take fewer on some axis");
        }
        bench_.conditions.push_back(std::move(condition));
      }
    }
    if (root_.has("draws")) {
      const Item draws = root_["draws"];
      if (!vectors) draws.refuse("no condition is a vector", "take `draws` out");
      bench_.draw_points = static_cast<std::size_t>(draws["points"].integer());
      bench_.draw_seed = static_cast<std::uint64_t>(draws["seed"].integer());
      if (bench_.draw_points > kMaxPoints / points)
        draws["points"].refuse("more than 10,000,000 points");
    } else if (vectors) {
      // Vectors of given values need no seed; drawn ones do.
      for (const Condition& one : bench_.conditions) {
        if (one.count > 0 && one.draw.kind != Draw::Kind::kValues)
          throw Error(
              {.place = one.where.place,
               .key = one.where.key,
               .rule = "is drawn, but `draws` is missing",
               .remedy = "say how often and from which seed: draws: {points: 40, seed: 1}"});
      }
      bench_.draw_points = 1;
    }
  }

  void read_parameters() {
    if (!root_.has("parameters")) return;
    for (const auto& [name, item] : root_["parameters"].map()) {
      know(name, item);
      const Item value = item.is_map() ? item["value"] : item;
      Quantity parsed = quantity(value, item.is_map() ? item.text("unit") : "", bench_.scope);
      bench_.scope.set(name, parsed.unchecked());
      bench_.parameters.push_back({name, std::move(parsed)});
    }
  }

  fs::path beside(const std::string& path) const {
    const fs::path named = path;
    return named.is_absolute() ? named : fs::path(bench_.path).parent_path() / named;
  }

  void read_circuit() {
    const fs::path folder = fs::path(bench_.path).parent_path();
    bench_.library = std::make_unique<Library>(folder.empty() ? "." : folder);
    const auto add = [this](const Item& item, const std::string& path, const std::string& section) {
      if (path.empty()) item.refuse("must name a file");
      bench_.library->add(beside(path), section, item.where().place);
    };
    if (root_.has("models")) {
      for (const Item& item : root_["models"].list()) {
        if (item.is_map()) {
          add(item, item.text("file"), item.text("section"));
        } else {
          add(item, item.text(), "");
        }
      }
    }
    if (!root_.has("circuit")) return;
    const Item circuit = root_["circuit"];
    if (circuit.has("netlist")) {
      for (const Item& item : circuit["netlist"].list()) add(item, item.text(), "");
    }
    bench_.library->check();
    for (const char* key : {"parameters", "ports"}) {
      if (circuit.has(key) && !circuit.has("subcircuit"))
        circuit[key].refuse("goes with `subcircuit`");
    }
    if (!circuit.has("subcircuit")) return;
    bench_.subcircuit = lower(circuit.text("subcircuit"));
    const Subcircuit* found = bench_.library->subcircuit(bench_.subcircuit);
    if (found == nullptr) {
      const auto known = bench_.library->subcircuit_names();
      circuit["subcircuit"].refuse("is not defined in the netlist",
                                   known.empty() ? "name the file that defines it under `netlist`"
                                                 : suggest_remedy(bench_.subcircuit, known));
    }
    if (circuit.has("parameters")) {
      for (const auto& [name, item] : circuit["parameters"].map()) {
        if (std::find(found->parameters.begin(), found->parameters.end(), lower(name)) ==
            found->parameters.end())
          item.refuse(fmt::format("the subcircuit `{}` has no such parameter", bench_.subcircuit),
                      suggest_remedy(name, found->parameters));
        // A subcircuit's parameters have no declared unit: any suffix, no unit.
        bench_.subcircuit_parameters.emplace_back(lower(name), quantity(item, "", bench_.scope));
      }
    }
    if (circuit.has("ports")) {
      for (const auto& [name, item] : circuit["ports"].map()) {
        if (std::find(found->ports.begin(), found->ports.end(), lower(name)) == found->ports.end())
          item.refuse(fmt::format("the subcircuit `{}` has no such port", bench_.subcircuit),
                      suggest_remedy(lower(name), found->ports));
        check_net(item, item.text());
        bench_.ports[lower(name)] = lower(item.text());
      }
    }
  }

  void read_sources() {
    if (!root_.has("sources")) return;
    for (const auto& [name, item] : root_["sources"].map()) {
      const std::string unit = item.text("kind", "voltage") == "current" ? "A" : "V";
      Source source{.name = lower(name),
                    .current = unit == "A",
                    .net = Template(item.text("net"), bench_.scope, item["net"].where()),
                    .reference = lower(item.text("reference", "0")),
                    .count = 0,
                    .dc = std::nullopt,
                    .pulse = std::nullopt,
                    .pwl = {},
                    .where = item.where()};
      if (item.text("net").find('{') == std::string::npos) check_net(item["net"], item.text("net"));
      if (item.has("reference")) check_net(item["reference"], item.text("reference"));
      if (item.has("count")) {
        source.count = static_cast<std::size_t>(item["count"].integer());
        if (source.count > 100'000) item["count"].refuse("must be at most 100,000");
        if (item.text("net").find('{') == std::string::npos)
          item["net"].refuse("so many sources on one net", "number the nets: net{i}");
      }
      if (item.has("dc")) source.dc = quantity(item["dc"], unit, bench_.scope);
      if (item.has("pulse") && item.has("pwl")) item.refuse("`pulse` and `pwl` exclude each other");
      if (item.has("pulse")) {
        const Item p = item["pulse"];
        const auto value = [&](const char* key, const std::string& of) {
          return quantity(p[key], of, bench_.scope);
        };
        source.pulse = Pulse{
            value("initial", unit), value("pulsed", unit), value("delay", "s"), value("rise", "s"),
            value("fall", "s"),     value("width", "s"),   std::nullopt};
        if (p.has("period")) source.pulse->period = value("period", "s");
      }
      if (item.has("pwl")) {
        const auto rows = item["pwl"].list();
        if (rows.empty()) item["pwl"].refuse("must hold at least one [time, value]");
        for (const Item& row : rows) {
          const auto pair = row.list();
          if (pair.size() != 2) row.refuse("must be [time, value]");
          source.pwl.emplace_back(quantity(pair[0], "s", bench_.scope),
                                  quantity(pair[1], unit, bench_.scope));
        }
      }
      if (!source.dc && !source.pulse && source.pwl.empty())
        item.refuse("has no value", "give `dc`, `pulse` or `pwl`");
      if (!source_names_.insert(source.name).second)
        item.refuse("names that differ only in case are one to the simulator");
      for (std::size_t k = 0; k < source.count; ++k) {
        if (!source_names_.insert(fmt::format("{}{}", source.name, k)).second)
          item.refuse(fmt::format("its element {} has the name of another source", k));
      }
      bench_.sources.push_back(std::move(source));
    }
  }

  void read_elements() {
    if (!root_.has("elements")) return;
    for (const Item& item : root_["elements"].list()) {
      const Item line = item.is_map() ? item["line"] : item;
      const std::string text = line.text();
      if (text.find_first_of("\n\r;") != std::string::npos) line.refuse("must be one line");
      if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0])))
        line.refuse("is no element", "it begins with the letter of a device: R C L D M X ...");
      const std::size_t count =
          item.has("count") ? static_cast<std::size_t>(item["count"].integer()) : 1;
      if (count > 100'000) item["count"].refuse("must be at most 100,000");
      bench_.elements.push_back({Template(text, bench_.scope, line.where()), count, line.where()});
    }
  }

  void read_initial_conditions() {
    if (!root_.has("initial_conditions")) return;
    for (const auto& [name, item] : root_["initial_conditions"].map()) {
      if (item.is_map()) {
        bench_.initial_conditions.push_back(
            {Template(item.text("net"), bench_.scope, item["net"].where()),
             quantity(item["value"], "V", bench_.scope),
             static_cast<std::size_t>(item["count"].integer())});
      } else {
        bench_.initial_conditions.push_back(
            {Template(name, bench_.scope, item.where()), quantity(item, "V", bench_.scope), 1});
      }
    }
  }

  void read_analysis() {
    const Item item = root_["analysis"];
    Analysis& analysis = bench_.analysis;
    analysis.where = item.where();
    analysis.kind = &analysis_kind(item.text("type"));
    std::vector<std::string> own{"type", "options"};
    for (const Key& key : analysis.kind->keys) own.push_back(key.name);
    for (const auto& [name, value] : item.map()) {
      if (std::find(own.begin(), own.end(), name) == own.end())
        value.refuse(fmt::format("is not a key of `{}`", analysis.kind->name),
                     suggest_remedy(name, own));
    }
    for (const Key& key : analysis.kind->keys) {
      if (!item.has(key.name)) {
        if (key.presence == Key::Presence::kRequired)
          item.refuse(fmt::format("`{}` needs the key `{}`", analysis.kind->name, key.name),
                      key.text);
        continue;
      }
      const Item value = item[key.name];
      if (key.form.is == Form::Is::kQuantity)
        analysis.numbers.emplace(key.name, quantity(value, key.form.unit, bench_.scope));
      if (key.name == "use_initial_conditions") analysis.use_initial_conditions = value.boolean();
      if (key.name == "sweeps") read_sweeps(value);
    }
  }

  void read_sweeps(const Item& item) {
    const auto rows = item.list();
    if (rows.empty() || rows.size() > 2) item.refuse("one or two sweeps nest inside the simulator");
    for (const Item& row : rows) {
      const std::string source = lower(row.text("source"));
      const auto at = std::find_if(bench_.sources.begin(), bench_.sources.end(),
                                   [&](const Source& one) { return one.name == source; });
      if (at == bench_.sources.end()) {
        const std::vector<std::string> known(source_names_.begin(), source_names_.end());
        row["source"].refuse("is no source of this bench", suggest_remedy(source, known));
      }
      if (at->count > 0) row["source"].refuse("is many sources; only one can be swept");
      if (at->pulse || !at->pwl.empty())
        row["source"].refuse("has a waveform; a swept source has `dc`");
      const std::string name = row.text("condition");
      const auto known = names_of(bench_.conditions);
      const auto where = std::find(known.begin(), known.end(), name);
      if (where == known.end())
        row["condition"].refuse("is no condition of this bench", suggest_remedy(name, known));
      const auto index = static_cast<std::size_t>(where - known.begin());
      if (!bench_.conditions[index].swept) row["condition"].refuse("is not swept");
      for (const Sweep& other : bench_.analysis.sweeps) {
        if (other.source == source || other.condition == index) row.refuse("stands in both sweeps");
      }
      bench_.analysis.sweeps.push_back({source, index});
    }
  }

  Options read_options(const std::string& block) {
    Options options;
    if (!root_[block].has("options")) return options;
    for (const auto& [name, item] : root_[block]["options"].map()) {
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

  // i(source) of the bench becomes the simulator's i(element); of a current source, minus its own
  // current, which the simulator counts from ground into the net.
  std::string simulator_signal(const Item& item, const std::string& text) {
    std::string out;
    for (std::size_t k = 0; k < text.size();) {
      const bool starts = (text[k] == 'i' || text[k] == 'I') && k + 1 < text.size() &&
                          text[k + 1] == '(' &&
                          (k == 0 || !std::isalnum(static_cast<unsigned char>(text[k - 1])));
      const std::size_t close = starts ? text.find(')', k) : std::string::npos;
      if (close == std::string::npos) {
        out += text[k++];
        continue;
      }
      std::string name = lower(text.substr(k + 2, close - k - 2));
      name.erase(std::remove(name.begin(), name.end(), ' '), name.end());
      out += source_names_.contains(name) ? current_of(name) : fmt::format("i({})", name);
      k = close + 1;
    }
    try {
      (void)parse_signal(out);
    } catch (const std::invalid_argument& error) {
      item.refuse(fmt::format("is not a signal ({})", error.what()),
                  "write an expression over v(net), v(a,b) and i(source)");
    }
    return out;
  }

  const Source& source_of(const std::string& name) const {
    for (const Source& source : bench_.sources) {
      if (source.name == name) return source;
      for (std::size_t k = 0; k < source.count; ++k) {
        if (fmt::format("{}{}", source.name, k) == name) return source;
      }
    }
    return bench_.sources.front();
  }

  std::string current_of(const std::string& name) const {
    return source_of(name).current ? fmt::format("(-@i{}[current])", name)
                                   : fmt::format("i(v{})", name);
  }

  std::vector<SourceSignals> source_signals(const Item& item) {
    std::vector<SourceSignals> all;
    for (const Item& one : item.list()) {
      const std::string name = lower(one.text());
      if (!source_names_.contains(name)) {
        const std::vector<std::string> known(source_names_.begin(), source_names_.end());
        one.refuse("is no source of this bench", suggest_remedy(name, known));
      }
      const Source& source = source_of(name);
      for (std::size_t k = 0; k < std::max<std::size_t>(source.count, 1); ++k) {
        const std::string single =
            source.count > 0 ? fmt::format("{}{}", source.name, k) : source.name;
        if (source.count > 0 && name != source.name && name != single) continue;
        bench_.scope.set("i", static_cast<double>(k));
        const std::string net = lower(source.net.text());
        all.push_back({source.reference == "0" ? fmt::format("v({})", net)
                                               : fmt::format("v({},{})", net, source.reference),
                       current_of(single)});
      }
    }
    bench_.scope.set("i", 0.0);
    if (all.empty()) item.refuse("names no source");
    return all;
  }

  void read_measurements() {
    if (root_["measurements"].map().empty())
      root_["measurements"].refuse("must hold at least one measurement");
    for (const auto& [name, item] : root_["measurements"].map()) {
      Measurement m;
      m.name = name;
      m.unit = item.text("unit");
      m.description = item.text("description");
      m.where = item.where();
      for (const MeasureKind& kind : measure_kinds()) {
        if (item.has(kind.name)) m.kind = &kind;
      }
      const Item subject = item[m.kind->name];
      std::vector<std::string> own{"unit", "description", "scale", m.kind->name};
      for (const Key& key : m.kind->keys) own.push_back(key.name);
      for (const auto& [key, value] : item.map()) {
        if (std::find(own.begin(), own.end(), key) == own.end())
          value.refuse(fmt::format("is not a key of `{}`", m.kind->name), suggest_remedy(key, own));
      }
      switch (m.kind->takes) {
        case MeasureKind::Takes::kSignal:
          m.signals.push_back(simulator_signal(subject, subject.text()));
          break;
        case MeasureKind::Takes::kSources:
          m.signals.push_back(m.kind->signal_of(source_signals(subject)));
          break;
        case MeasureKind::Takes::kFormula:
          m.formula.emplace(subject.text(), bench_.scope, subject.where());
          break;
      }
      for (const Key& key : m.kind->keys) {
        if (!item.has(key.name)) {
          if (key.presence == Key::Presence::kRequired)
            item.refuse(fmt::format("`{}` needs the key `{}`", m.kind->name, key.name), key.text);
          continue;
        }
        read_argument(m, key, item[key.name]);
      }
      if (item.has("scale")) m.numbers.emplace("scale", quantity(item["scale"], "", bench_.scope));
      if (!bench_.analysis.kind->has_time && m.kind->takes != MeasureKind::Takes::kFormula &&
          m.kind->name != "value")
        item.refuse(fmt::format("`{}` is measured along time, and `{}` has none", m.kind->name,
                                bench_.analysis.kind->name),
                    "use `value`, or a `tran` analysis");
      know(name, item);
      bench_.scope.set(name, kNaN);
      bench_.measurements.push_back(std::move(m));
    }
  }

  void read_argument(Measurement& m, const Key& key, const Item& item) {
    switch (key.form.is) {
      case Form::Is::kQuantity: {
        std::string unit = key.form.unit;
        if (unit == "*") {
          // A level has the unit of its signal, `otherwise` that of the result.
          const std::string& of = m.signals.back();
          const bool current =
              of.find("i(") != std::string::npos || of.find('@') != std::string::npos;
          unit = key.name == "otherwise" ? m.unit : current ? "A" : "V";
        }
        m.numbers.emplace(key.name, quantity(item, unit, bench_.scope));
        break;
      }
      case Form::Is::kInteger:
        if (item.integer() == 0) item.refuse("counts from 1, or from -1 backwards");
        m.numbers.emplace(key.name, quantity(item, "", bench_.scope));
        break;
      case Form::Is::kWord:
        m.words[key.name] = item.text();
        break;
      default:
        m.signals.push_back(simulator_signal(item, item.text()));
        break;
    }
  }

  void read_tables() {
    if (!root_.has("tables")) return;
    std::vector<std::string> measured;
    for (const Measurement& m : bench_.measurements) measured.push_back(m.name);
    std::vector<std::string> axes;
    for (const Condition& c : bench_.conditions) {
      if (c.swept) axes.push_back(c.name);
    }
    for (const auto& [name, item] : root_["tables"].map()) {
      TableRequest table;
      table.name = name;
      table.of = item.text("of");
      if (std::find(measured.begin(), measured.end(), table.of) == measured.end())
        item["of"].refuse("is no measurement of this bench", suggest_remedy(table.of, measured));
      for (const Item& axis : item["over"].list()) {
        if (std::find(axes.begin(), axes.end(), axis.text()) == axes.end())
          axis.refuse("is no swept condition of this bench", suggest_remedy(axis.text(), axes));
        if (std::find(table.over.begin(), table.over.end(), axis.text()) != table.over.end())
          axis.refuse("stands here twice");
        table.over.push_back(axis.text());
      }
      for (const std::string& axis : axes) {
        if (std::find(table.over.begin(), table.over.end(), axis) == table.over.end())
          item["over"].refuse(fmt::format("`{}` is swept, but is no axis of this table", axis),
                              "name it, or fix it with `typical`");
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
      if (item.has("limit")) {
        const std::string unit =
            bench_
                .measurements[static_cast<std::size_t>(
                    std::find(measured.begin(), measured.end(), table.of) - measured.begin())]
                .unit;
        for (const auto& [key, value] : item["limit"].map()) {
          const double limit = value.constant(key.ends_with("_percent") ? "" : unit);
          if (!(limit > 0)) value.refuse("must be greater than 0");
          table.limits[key] = limit;
        }
      }
      bench_.tables.push_back(std::move(table));
    }
  }

  void read_constants() {
    if (!root_.has("constants")) return;
    // What is swept or drawn has no single value.
    for (const Condition& c : bench_.conditions) {
      if (c.swept) bench_.scope.set(c.name, kNaN);
      if (c.count > 0) bench_.scope.set(c.name, std::vector<double>(c.count, kNaN));
    }
    for (const Parameter& p : bench_.parameters) bench_.scope.set(p.name, p.value.unchecked());
    for (const auto& [name, item] : root_["constants"].map()) {
      const std::string unit = item.text("unit");
      const double value = quantity(item["value"], unit, bench_.scope).value();
      bench_.constants.push_back({name, unit, item.text("long_name"), value});
    }
  }

  void read_holdout() {
    if (!root_.has("holdout")) return;
    const Item item = root_["holdout"];
    const bool axes = std::any_of(bench_.conditions.begin(), bench_.conditions.end(),
                                  [](const Condition& c) { return c.swept; });
    if (!axes) item.refuse("nothing is swept");
    if (bench_.draw_points > 1) item.refuse("goes with swept conditions, not with draws");
    bench_.holdout_seed = static_cast<std::uint64_t>(item["seed"].integer());
    if (item.has("share")) {
      bench_.holdout_share = item["share"].constant("");
      if (!(bench_.holdout_share > 0 && bench_.holdout_share <= 10))
        item["share"].refuse("must lie between 0 and 10");
    } else {
      bench_.holdout_points = static_cast<std::size_t>(item["points"].integer());
      if (bench_.holdout_points > kMaxPoints) item["points"].refuse("must be at most 10,000,000");
    }
  }

  const Item& root_;
  Bench& bench_;
  std::set<std::string> names_;
  std::set<std::string> source_names_;
};

}  // namespace

std::size_t Bench::condition(const std::string& condition_name) const {
  for (std::size_t k = 0; k < conditions.size(); ++k) {
    if (conditions[k].name == condition_name) return k;
  }
  throw std::out_of_range("no condition " + condition_name);
}

std::unique_ptr<Bench> read_bench(const std::string& path) {
  auto bench = std::make_unique<Bench>();
  bench->path = path;
  bench->text = read_file(path);
  const Item root = parse_yaml(bench->text, path);
  if (!root.is_map())
    throw Error(
        {.place = path, .rule = "is not a bench", .remedy = "it begins with gaincell_bench: 1"});
  if (!root.has("gaincell_bench"))
    throw Error({.place = path,
                 .rule = "is not a bench: the key `gaincell_bench` is missing",
                 .remedy = "a bench begins with gaincell_bench: 1"});
  validate(root, form::block(bench_block()));
  Reader(root, *bench).read();
  return bench;
}

}  // namespace gaincell::characterize
