#include "sweep/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/yaml/item.h"

namespace gaincell::sweep {
namespace {

using characterize::Block;
using characterize::Item;
namespace form = characterize::form;

constexpr std::size_t kMostValues = 1000;
constexpr std::size_t kMostPoints = 100'000;

const Block& text_block() {
  static const Block block{
      "Text",
      "A text that the model reads; `text: FILE` is short for its file alone.",
      {{"file", form::text(), form::kRequired, "from the study's folder on"},
       {"format", form::word({"plain", "wikitext"}), form::kOptional, "as `--text-format`"},
       {"encoding", form::text(), form::kOptional, "as `--encoding`"},
       {"special_tokens", form::boolean(), form::kOptional, "as `--special-tokens`"}}};
  return block;
}
characterize::Form text_form() { return form::either({form::text(), form::block(text_block())}); }

const Block& task_block() {
  static const Block block{
      "Task",
      "A task of the field, as `gaincell eval` scores it.",
      {{"name", form::text(), form::kRequired, "as `--task`"},
       {"data", form::text(), form::kRequired, "its public file, from the study's folder on"},
       {"labels", form::text(), form::kOptional, "as `--labels`"},
       {"limit", form::integer(1), form::kOptional, "only its first so many items"}}};
  return block;
}

const Block& adapt_block() {
  static const Block block{
      "Adaptation",
      "Scalers are fitted to the circuit of each point, as by `gaincell adapt`.",
      {{"text", text_form(), form::kRequired, "calibration text"},
       {"steps", form::integer(1), form::kOptional, "as of `gaincell adapt`"},
       {"batch", form::integer(1), form::kOptional, "sequences"},
       {"length", form::integer(1), form::kOptional, "tokens of each"},
       {"seed", form::integer(0), form::kOptional, "draws the sequences"}}};
  return block;
}

const Block& design_block() {
  static const Block block{
      "Design",
      "Which points of the space are run.",
      {{"kind", form::word({"grid", "one_at_a_time", "random", "latin_hypercube"}), form::kRequired,
        "grid: all combinations; one_at_a_time: the first values, and each other value alone; "
        "random, latin_hypercube: so many draws"},
       {"points", form::integer(1), form::kOptional, "how many are drawn"},
       {"seed", form::integer(0), form::kOptional, "draws them; 1 where nothing is said"}}};
  return block;
}

const Block& range_block() {
  static const Block block{
      "Range",
      "Values by their ends.",
      {{"from", form::own_constant(), form::kRequired, "the first"},
       {"to", form::own_constant(), form::kRequired, "the last"},
       {"points", form::integer(2), form::kOptional, "how many; needless where points are drawn"},
       {"scale", form::word({"linear", "logarithmic"}), form::kOptional, "how they lie between"}}};
  return block;
}

const Block& study_block() {
  static const Block block{
      "Study",
      "",
      {{"gaincell_study", form::integer(1), form::kRequired, "version of this form: 1"},
       {"name", form::name(), form::kRequired, "of the study"},
       {"description", form::prose(), form::kOptional, "for people"},
       {"model", form::text(), form::kRequired, "model folder"},
       {"attention", form::word({"softmax", "linear", "analog"}), form::kOptional,
        "as `--attention`"},
       {"text", text_form(), form::kOptional, "that is predicted"},
       {"task", form::block(task_block()), form::kOptional,
        "in place of a text: what is scored at each point"},
       {"tokens", form::integer(2), form::kOptional, "only its first so many"},
       {"stride", form::integer(1), form::kOptional, "learned positions: step of the window"},
       {"against", form::word({"softmax", "linear"}), form::kOptional,
        "reference of the agreement, as `--against`"},
       {"level", form::word({"fast", "column"}), form::kOptional, "of the analog engine"},
       {"published_variant", form::list(form::text()), form::kOptional, "as `--published-variant`"},
       {"devices", form::list(form::text()), form::kOptional,
        "device files of one circuit, each made at other conditions, which can then be varied"},
       {"adapt", form::block(adapt_block()), form::kOptional, "fit the scalers at each point"},
       {"seeds", form::either({form::integer(1), form::list(form::integer(0))}), form::kOptional,
        "chips and noise drawn at each point: how many, or which"},
       {"at", form::map(form::text()), form::kOptional, "parameters that are held"},
       {"vary", form::map(form::either({form::list(form::text()), form::block(range_block())})),
        form::kRequired, "parameters and their values"},
       {"design",
        form::either({form::word({"grid", "one_at_a_time"}), form::block(design_block())}),
        form::kOptional, "grid where nothing is said"}}};
  return block;
}

class StudyReader {
 public:
  StudyReader(const Item& root, Study& study) : root_(root), study_(study) {}

  void read() {
    if (const Item version = root_["gaincell_study"]; version.integer() != 1)
      version.refuse("is not a version that this program reads", "it reads 1");
    study_.name = root_.text("name");
    study_.description = root_.text("description");
    study_.model = beside(root_["model"]);
    study_.attention = root_.text("attention");
    read_outcome();
    study_.tokens = number("tokens");
    study_.stride = number("stride");
    study_.against = root_.text("against");
    study_.level = root_.text("level");
    if (root_.has("published_variant"))
      for (const Item& one : root_["published_variant"].list())
        study_.published_variant.push_back(one.text());
    read_devices();
    read_adaptation();
    read_seeds();
    read_design();
    if (root_.has("at"))
      for (const auto& [name, item] : root_["at"].map()) add_axis(name, item, {item});
    for (const auto& [name, item] : root_["vary"].map()) read_varied(name, item);
    if (std::none_of(study_.axes.begin(), study_.axes.end(),
                     [](const Axis& axis) { return axis.varied() || axis.range; }))
      root_["vary"].refuse("varies nothing", "give a parameter two values");
    check_axes();
    bound_points();
    for (const std::string& file : study_.device_files)
      if (states_spread(file)) study_.with_spread.insert(file);
  }

 private:
  std::optional<long> number(const std::string& key) const { return number(root_, key); }
  static std::optional<long> number(const Item& item, const std::string& key) {
    if (!item.has(key)) return std::nullopt;
    return item[key].integer();
  }

  // A file of the study, from the study's folder on; it must be there.
  std::string beside(const Item& item) const { return beside(item, item.text()); }
  std::string beside(const Item& item, const std::string& name) const {
    if (name.empty()) item.refuse("names no file");
    const std::filesystem::path file(name);
    const std::filesystem::path found =
        file.is_absolute()
            ? file
            : (std::filesystem::path(study_.path).parent_path() / file).lexically_normal();
    if (std::error_code ignored; !std::filesystem::exists(found, ignored))
      item.refuse(fmt::format("there is no {}", found.string()),
                  "files are named from the study's folder on");
    return found.string();
  }

  StudyText read_text(const Item& item) const {
    if (item.is_scalar()) return {.file = beside(item)};
    StudyText text{.file = beside(item["file"]),
                   .format = item.text("format", "plain"),
                   .encoding = item.text("encoding")};
    if (item.has("special_tokens")) text.special_tokens = item["special_tokens"].boolean();
    return text;
  }

  // A text's nats, or a task's score.
  void read_outcome() {
    if (!root_.has("task")) {
      if (!root_.has("text"))
        root_.refuse("needs `text` or `task`", "say what is run at each point");
      study_.text = read_text(root_["text"]);
      return;
    }
    for (const char* key : {"text", "tokens", "stride", "against"})
      if (root_.has(key)) root_[key].refuse("has no effect beside `task`", "drop one of them");
    const Item item = root_["task"];
    study_.task = StudyTask{.name = item.text("name"),
                            .data = beside(item["data"]),
                            .labels = item.has("labels") ? beside(item["labels"]) : "",
                            .limit = number(item, "limit")};
  }

  void read_devices() {
    if (!root_.has("devices")) return;
    std::vector<std::string> files;
    for (const Item& one : root_["devices"].list()) files.push_back(beside(one));
    if (files.empty()) root_["devices"].refuse("must hold at least one device");
    study_.family = Family(files);
    study_.device_files = files;
  }

  void read_adaptation() {
    if (!root_.has("adapt")) return;
    const Item item = root_["adapt"];
    study_.adaptation = StudyAdaptation{.text = read_text(item["text"]),
                                        .steps = number(item, "steps"),
                                        .batch = number(item, "batch"),
                                        .length = number(item, "length"),
                                        .seed = number(item, "seed")};
    if (study_.attention == "softmax" || study_.attention == "linear")
      item.refuse("is to a circuit, and attention is " + study_.attention,
                  "give attention: analog, or drop it");
  }

  void read_seeds() {
    if (!root_.has("seeds")) return;
    const Item item = root_["seeds"];
    if (!item.is_list()) {
      if (item.integer() > static_cast<long>(kMostValues)) item.refuse("must be at most 1000");
      for (long k = 1; k <= item.integer(); ++k)
        study_.seeds.push_back(static_cast<std::uint64_t>(k));
      return;
    }
    for (const Item& one : item.list()) {
      const auto seed = static_cast<std::uint64_t>(one.integer());
      if (std::find(study_.seeds.begin(), study_.seeds.end(), seed) != study_.seeds.end())
        one.refuse("stands here twice");
      study_.seeds.push_back(seed);
    }
    if (study_.seeds.empty()) item.refuse("must hold at least one seed");
  }

  void read_design() {
    if (!root_.has("design")) return;
    const Item item = root_["design"];
    const std::string kind = item.is_scalar() ? item.text() : item.text("kind");
    using Design = StudyDesign::Kind;
    study_.design.kind = kind == "grid"            ? Design::kGrid
                         : kind == "one_at_a_time" ? Design::kOneAtATime
                         : kind == "random"        ? Design::kRandom
                                                   : Design::kLatinHypercube;
    const bool drawn = kind == "random" || kind == "latin_hypercube";
    if (drawn && !item.has("points")) item.refuse("needs `points`", "say how many are drawn");
    for (const char* key : {"points", "seed"})
      if (!drawn && item.has(key)) item[key].refuse("has no effect on this kind of design");
    if (!drawn) return;
    if (item["points"].integer() > static_cast<long>(kMostPoints))
      item["points"].refuse("must be at most 100,000");
    study_.design.points = static_cast<std::size_t>(item["points"].integer());
    if (item.has("seed")) study_.design.seed = static_cast<std::uint64_t>(item["seed"].integer());
  }

  bool draws() const { return study_.design.points > 0; }

  void read_varied(const std::string& name, const Item& item) {
    if (item.is_map()) return read_range(name, item);
    if (item.list().empty()) item.refuse("must hold at least one value");
    if (item.list().size() > kMostValues) item.refuse("must hold at most 1000 values");
    add_axis(name, item, item.list());
  }

  void read_range(const std::string& name, const Item& item) {
    Axis axis = begin_axis(name, item);
    if (!axis.words.empty() || is_word(axis, name))
      item.refuse("is of words, which have no range", "list them");
    const double from = value_of(axis, item["from"]), to = value_of(axis, item["to"]);
    if (!(from < to)) item["to"].refuse("must be greater than `from`");
    axis.logarithmic = item.text("scale") == "logarithmic";
    if (axis.logarithmic && !(from > 0)) item["from"].refuse("a logarithmic range starts above 0");
    axis.range = true;
    if (draws() && item.has("points"))
      item["points"].refuse("has no effect where points are drawn", "drop it");
    if (!draws() && !item.has("points")) item.refuse("needs `points`", "say how many values");
    const long count = draws() ? 2 : item["points"].integer();
    if (count > static_cast<long>(kMostValues)) item["points"].refuse("must be at most 1000");
    for (long k = 0; k < count; ++k) {
      const double share = static_cast<double>(k) / static_cast<double>(count - 1);
      double value =
          axis.logarithmic ? from * std::pow(to / from, share) : from + (to - from) * share;
      if (k + 1 == count) value = to;
      if (axis.whole) value = std::round(value);
      if (!axis.values.empty() && axis.values.back() == value)
        item.refuse("holds a whole number twice", "give fewer `points`");
      axis.values.push_back(value);
    }
    study_.axes.push_back(std::move(axis));
  }

  bool is_word(const Axis& axis, const std::string& name) const {
    if (axis.parameter == nullptr) return study_.family.is_word(name);
    return axis.parameter->kind == Parameter::Kind::kWords ||
           axis.parameter->kind == Parameter::Kind::kDevice;
  }

  // Its name and unit; refused where it is none.
  Axis begin_axis(const std::string& name, const Item& item) const {
    if (std::any_of(study_.axes.begin(), study_.axes.end(),
                    [&](const Axis& one) { return one.name == name; }))
      item.refuse("is held and varied", "say it once");
    if (const Parameter* known = find_parameter(name))
      return {.name = name,
              .unit = known->unit,
              .what = known->what,
              .parameter = known,
              .whole = known->kind == Parameter::Kind::kWhole};
    if (study_.family.knows(name))
      return {.name = name,
              .unit = study_.family.is_word(name) ? "" : study_.family.unit(name),
              .what = "what the device was made at"};
    refuse_unknown(name, item);
  }

  [[noreturn]] void refuse_unknown(const std::string& name, const Item& item) const {
    const auto where = item.where();
    constexpr std::array kOfTables{"temperature", "corner",      "v_dd",       "supply", "t_max",
                                   "t_max_s",     "capacitance", "saturation", "process"};
    if (std::find(kOfTables.begin(), kOfTables.end(), name) != kOfTables.end())
      throw Error({.place = where.place,
                   .key = where.key,
                   .rule = "stands in the tables of a device, and no device of `devices` says what "
                           "it was made at",
                   .remedy = "make one for each value with `gaincell device` (--at, or other "
                             "constants of its benches), and list them under `devices`; of the "
                             "published equations s_sat_first_a, "
                             "s_sat_second_a and retention_tau_s can be varied"});
    std::vector<std::string> names = study_.family.names();
    for (const Parameter& one : parameters()) names.push_back(one.name);
    throw Error({.place = where.place,
                 .key = where.key,
                 .rule = "is no parameter of a study",
                 .remedy = suggest_remedy(name, names)});
  }

  double value_of(const Axis& axis, const Item& item) const {
    const double value = item.constant(axis.unit == "1" ? "" : axis.unit);
    if (axis.whole && value != std::floor(value)) item.refuse("must be a whole number");
    if (axis.parameter == nullptr) return value;
    const Parameter& known = *axis.parameter;
    if (!(value >= known.least && value <= known.most))
      item.refuse(fmt::format(
          "must be from {} to {}",
          known.unit == "1" ? fmt::format("{}", known.least) : format_si(known.least, known.unit),
          known.unit == "1" ? fmt::format("{}", known.most) : format_si(known.most, known.unit)));
    return value;
  }

  // A condition's value as one of the family's devices has it.
  double made_value(Axis& axis, const Item& item) const {
    const std::vector<std::string> texts = study_.family.texts(axis.name);
    if (study_.family.is_word(axis.name)) {
      if (std::find(texts.begin(), texts.end(), item.text()) == texts.end())
        item.refuse("no device of `devices` was made at it", suggest_remedy(item.text(), texts));
      return word_value(axis, item.text());
    }
    const double value = value_of(axis, item);
    for (const std::string& text : texts)
      if (std::abs(number_of(text) - value) <= 1e-9 * std::max(1e-12, std::abs(value)))
        return number_of(text);
    item.refuse("no device of `devices` was made at it",
                fmt::format("there are {}", fmt::join(texts, ", ")));
  }

  static double word_value(Axis& axis, const std::string& word) {
    const auto found = std::find(axis.words.begin(), axis.words.end(), word);
    if (found != axis.words.end()) return static_cast<double>(found - axis.words.begin());
    axis.words.push_back(word);
    return static_cast<double>(axis.words.size() - 1);
  }

  void add_axis(const std::string& name, const Item& at, const std::vector<Item>& items) {
    Axis axis = begin_axis(name, at);
    for (const Item& item : items) {
      double value = 0;
      if (!item.is_scalar()) item.refuse("must be a single value");
      if (axis.parameter == nullptr) {
        value = made_value(axis, item);
      } else if (axis.parameter->kind == Parameter::Kind::kDevice) {
        const std::string file = item.text() == "published" ? "published" : beside(item);
        if (file != "published") study_.device_files.push_back(file);
        value = word_value(axis, file);
      } else if (axis.parameter->kind == Parameter::Kind::kWords) {
        value = word_value(axis, item.text().empty() ? kNothing : item.text());
      } else {
        value = value_of(axis, item);
      }
      if (std::find(axis.values.begin(), axis.values.end(), value) != axis.values.end())
        item.refuse("stands here twice");
      axis.values.push_back(value);
    }
    study_.axes.push_back(std::move(axis));
  }

  const Axis* axis(const std::string& name) const {
    const auto found = std::find_if(study_.axes.begin(), study_.axes.end(),
                                    [&](const Axis& one) { return one.name == name; });
    return found == study_.axes.end() ? nullptr : &*found;
  }

  // What would have no effect, and devices that are said twice or not at all.
  void check_axes() const {
    const bool has_device = axis("device") != nullptr;
    if (has_device && !study_.family.empty())
      root_["devices"].refuse("and the parameter `device` both say which device it is",
                              "drop one of them");
    if (!study_.seeds.empty() && axis("chip_seed") != nullptr && axis("noise_seed") != nullptr)
      root_["seeds"].refuse("has no effect beside chip_seed and noise_seed", "drop it");
  }

  void bound_points() const {
    if (study_.design.kind != StudyDesign::Kind::kGrid) return;
    double points = 1;
    for (const Axis& one : study_.axes) points *= static_cast<double>(one.values.size());
    if (points > static_cast<double>(kMostPoints))
      root_["vary"].refuse(fmt::format("makes {:.3g} points, more than 100,000", points),
                           "give fewer values, or draw points: design: {kind: latin_hypercube, "
                           "points: ..}");
  }

  const Item& root_;
  Study& study_;
};

}  // namespace

std::string Axis::text(double value) const {
  if (!words.empty()) return words.at(static_cast<std::size_t>(value));
  return whole ? fmt::format("{:.0f}", value) : format_exact(value);
}

Study read_study(const std::string& path) {
  Study study;
  study.path = path;
  study.yaml = read_file(path);
  const Item root = characterize::parse_yaml(study.yaml, path);
  characterize::validate(root, form::block(study_block()));
  StudyReader(root, study).read();
  return study;
}

}  // namespace gaincell::sweep
