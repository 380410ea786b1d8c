#include "sweep/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "base/error.h"

namespace gaincell::sweep {
namespace {

bool has_axis(const Study& study, const std::string& name) {
  return std::any_of(study.axes.begin(), study.axes.end(),
                     [&](const Axis& axis) { return axis.name == name; });
}

// As the family's files say it: "0.81 V".
std::string made_text(const Study& study, const Axis& axis, double value) {
  if (!axis.words.empty()) return axis.text(value);
  for (const std::string& text : study.family.texts(axis.name))
    if (number_of(text) == value) return text;
  return axis.text(value);
}

class OptionWriter {
 public:
  void add(const std::string& option, const std::string& value) {
    options_.push_back(option);
    options_.push_back(value);
  }
  void add(const std::string& option, const std::optional<long>& value) {
    if (value) add(option, fmt::format("{}", *value));
  }
  void add_text(const StudyText& text) {
    add("--text", text.file);
    if (text.format != "plain") add("--text-format", text.format);
    if (!text.encoding.empty()) add("--encoding", text.encoding);
    if (text.special_tokens) options_.emplace_back("--special-tokens");
  }
  std::vector<std::string> take() { return std::move(options_); }

 private:
  std::vector<std::string> options_;
};

enum class For { kRun, kAdapt };

// Of all axes, in the order of the study; NAME=VALUE words are one option.
void add_parameters(const Study& study, const Point& point, For verb, OptionWriter& out) {
  std::string hardware, factors, spread;
  for (std::size_t a = 0; a < study.axes.size(); ++a) {
    const Axis& axis = study.axes[a];
    if (axis.parameter == nullptr || axis.parameter->kind == Parameter::Kind::kDevice) continue;
    if (verb == For::kAdapt && !axis.parameter->of_circuit) continue;
    const std::string value = axis.text(point[a]);
    const auto append = [&](std::string& words) {
      words += fmt::format("{}{}={}", words.empty() ? "" : ",", axis.name, value);
    };
    switch (axis.parameter->as) {
      case Parameter::As::kOption:
        if (axis.parameter->kind != Parameter::Kind::kWords || value != kNothing)
          out.add(axis.parameter->option, value);
        break;
      case Parameter::As::kHardware:
        append(hardware);
        break;
      case Parameter::As::kSpread:
        append(axis.name.ends_with("_factor") ? factors : spread);
        break;
    }
  }
  if (!hardware.empty()) out.add("--hardware", hardware);
  // The rest of what the device states stays.
  if (!spread.empty() && factors.empty() && study.with_spread.contains(device_of(study, point)))
    factors = "device";
  if (!spread.empty()) factors += (factors.empty() ? "" : ",") + spread;
  if (!factors.empty()) out.add("--spread", factors);
}

void add_outcome(const Study& study, OptionWriter& out) {
  if (study.task) {
    out.add("--task", study.task->name);
    out.add("--data", study.task->data);
    if (!study.task->labels.empty()) out.add("--labels", study.task->labels);
    out.add("--limit", study.task->limit);
    return;
  }
  out.add_text(study.text);
  out.add("--tokens", study.tokens);
  out.add("--stride", study.stride);
  if (!study.against.empty()) out.add("--against", study.against);
}

void add_circuits(const Study& study, const Point& point, OptionWriter& out) {
  if (const std::string device = device_of(study, point); !device.empty())
    out.add("--device", device);
  std::string variant;
  for (const std::string& word : study.published_variant)
    variant += (variant.empty() ? "" : ",") + word;
  if (!variant.empty()) out.add("--published-variant", variant);
  if (!study.level.empty()) out.add("--level", study.level);
}

}  // namespace

std::string device_of(const Study& study, const Point& point) {
  std::map<std::string, std::string> conditions;
  for (std::size_t a = 0; a < study.axes.size(); ++a) {
    const Axis& axis = study.axes[a];
    if (axis.name == "device") return axis.text(point[a]);
    if (axis.parameter == nullptr) conditions[axis.name] = made_text(study, axis, point[a]);
  }
  if (study.family.empty()) return {};
  const std::vector<std::string> files = study.family.made_at(conditions);
  if (files.size() == 1) return files.front();
  std::string at;
  for (const auto& [name, text] : conditions)
    at += fmt::format("{}{} {}", at.empty() ? "" : ", ", name, text);
  if (files.empty())
    throw Error({.place = study.path,
                 .key = "devices",
                 .value = at,
                 .rule = "no device of the list was made at all of these",
                 .remedy = "make one with `gaincell device --at`, or vary one_at_a_time"});
  throw Error({.place = study.path,
               .key = "devices",
               .value = at.empty() ? "all" : at,
               .rule = fmt::format("{} and {} were both made there", files[0], files[1]),
               .remedy = fmt::format("say more of the conditions in which they differ: {}",
                                     fmt::join(study.family.names(), ", "))});
}

const char* verb_of(const Study& study) { return study.task ? "eval" : "infer"; }

std::vector<std::string> run_options(const Study& study, const Point& point,
                                     const std::optional<std::uint64_t>& seed,
                                     const std::string& model) {
  OptionWriter out;
  out.add("--model", model);
  if (!study.attention.empty()) out.add("--attention", study.attention);
  add_outcome(study, out);
  add_circuits(study, point, out);
  add_parameters(study, point, For::kRun, out);
  if (seed && !has_axis(study, "chip_seed")) out.add("--spread-seed", fmt::format("{}", *seed));
  if (seed && !has_axis(study, "noise_seed")) out.add("--noise-seed", fmt::format("{}", *seed));
  return out.take();
}

std::vector<std::string> adapt_options(const Study& study, const Point& point,
                                       const std::string& folder) {
  const StudyAdaptation& adaptation = *study.adaptation;
  OptionWriter out;
  out.add("--model", study.model);
  add_circuits(study, point, out);
  out.add_text(adaptation.text);
  out.add("--steps", adaptation.steps);
  out.add("--batch", adaptation.batch);
  out.add("--length", adaptation.length);
  out.add("--seed", adaptation.seed);
  add_parameters(study, point, For::kAdapt, out);
  out.add("--out", folder);
  return out.take();
}

std::string command_line(const std::string& verb, const std::vector<std::string>& options) {
  std::string line = "gaincell " + verb;
  for (const std::string& option : options) {
    const bool plain =
        !option.empty() && option.find_first_not_of(
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-+=./,:@%") == std::string::npos;
    std::string quoted;
    for (const char c : option) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += plain ? " " + option : " '" + quoted + "'";
  }
  return line;
}

std::string name_of(const std::vector<Axis>& axes, const Point& point) {
  std::string name;
  for (std::size_t a = 0; a < axes.size(); ++a)
    if (axes[a].varied())
      name +=
          fmt::format("{}{}={}", name.empty() ? "" : ", ", axes[a].name, axes[a].text(point[a]));
  return name;
}

}  // namespace gaincell::sweep
