#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {

namespace {

Block make_analysis_block() {
  using namespace form;
  std::vector<std::string> types;
  Block result{"Analysis",
               "All take `options`. The simulator's default `chgtol` of 10 fC is more than a cell "
               "holds: set it.",
               {},
               {},
               false};
  for (const AnalysisKind& kind : analysis_kinds()) types.push_back(kind.name);
  result.keys.push_back({"type", word(types), kRequired, "which analysis"});
  result.keys.push_back({"options", nets(text()), kOptional, "simulator options by name: " + [] {
                           std::string all;
                           for (const std::string& option : simulator_options())
                             all += " `" + option + "`";
                           return all.substr(1);
                         }()});
  for (const AnalysisKind& kind : analysis_kinds()) {
    for (Key key : kind.keys) {
      // Required where the type is this one; checked with the type known.
      key.presence = kOptional;
      key.text = fmt::format("`{}`: {}", kind.name, key.text);
      const auto known = std::find_if(result.keys.begin(), result.keys.end(),
                                      [&](const Key& other) { return other.name == key.name; });
      if (known == result.keys.end()) {
        result.keys.push_back(key);
        continue;
      }
      // Analyses share a name (`start`) in units of their own.
      known->text += "; " + key.text;
      if (known->form.unit != key.form.unit || known->form.unit_of != key.form.unit_of)
        known->form = own_quantity();
    }
  }
  return result;
}

}  // namespace

const Block& analysis_block() {
  static const Block table = make_analysis_block();
  return table;
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
    read_argument(analysis, key, item[key.name]);
  }
  if (analysis.kind->signals == SignalKind::kNoise) read_noise(item, analysis);
  analysis.scale_unit = analysis.kind->scale_unit;
  if (!analysis.sweeps.empty())
    analysis.scale_unit = source_of(analysis.sweeps.front().source).current ? "A" : "V";
  analysis.options = read_options(item);
  bench_.analyses.push_back(std::move(analysis));
}

void BenchReader::read_argument(Analysis& analysis, const Key& key, const Item& item) {
  switch (key.form.is) {
    case Form::Is::kQuantity:
    case Form::Is::kConstant:
    case Form::Is::kInteger:
      analysis.numbers.emplace(key.name, quantity(item, key.form.unit));
      return;
    case Form::Is::kText:
    case Form::Is::kName:
    case Form::Is::kWord:
      analysis.words[key.name] = lower(item.text());
      return;
    case Form::Is::kBoolean:
      if (item.boolean()) analysis.flags.insert(key.name);
      return;
    case Form::Is::kList:
      if (key.form.of[0].block != &sweep_block()) break;
      return read_sweeps(item, analysis);
    case Form::Is::kProse:
    case Form::Is::kMap:
    case Form::Is::kNets:
    case Form::Is::kBlock:
    case Form::Is::kEither:
      break;
  }
  no_argument(key);
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

const Block& retry_block() {
  using namespace form;
  static const Block table{
      "Retry",
      "A simulation that fails is run once more with these options; the point is then marked "
      "as `aided`. Default: `method: gear, itl1: 1000, itl2: 500, itl4: 200`.",
      {{"options", nets(text()), kRequired, "simulator options"}}};
  return table;
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

}  // namespace gaincell::characterize
