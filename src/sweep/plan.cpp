#include "sweep/plan.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/json.h"
#include "sweep/command.h"

namespace gaincell::sweep {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string name_of(StudyDesign::Kind kind) {
  switch (kind) {
    case StudyDesign::Kind::kGrid:
      return "grid";
    case StudyDesign::Kind::kOneAtATime:
      return "one_at_a_time";
    case StudyDesign::Kind::kRandom:
      return "random";
    case StudyDesign::Kind::kLatinHypercube:
      return "latin_hypercube";
  }
  return {};
}

ordered_json json_of(const Axis& axis) {
  return {{"name", axis.name},
          {"unit", axis.unit},
          {"what", axis.what},
          {"words", axis.words},
          {"values", axis.values},
          {"whole", axis.whole},
          {"logarithmic", axis.logarithmic},
          {"range", axis.range}};
}

Axis axis_of(const json& from) {
  return {.name = from.at("name"),
          .unit = from.at("unit"),
          .what = from.at("what"),
          .parameter = find_parameter(from.at("name")),
          .words = from.at("words"),
          .values = from.at("values"),
          .whole = from.at("whole"),
          .logarithmic = from.at("logarithmic"),
          .range = from.at("range")};
}

ordered_json text_identity(const StudyText& text) {
  return {{"format", text.format},
          {"encoding", text.encoding},
          {"special_tokens", text.special_tokens}};
}

template <typename T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

// What a study says, by contents and not by paths; files come as hashes beside it.
ordered_json identity_of(const Study& study) {
  ordered_json identity{{"name", study.name},
                        {"attention", study.attention},
                        {"text", text_identity(study.text)},
                        {"tokens", or_null(study.tokens)},
                        {"stride", or_null(study.stride)},
                        {"against", study.against},
                        {"level", study.level},
                        {"published_variant", study.published_variant},
                        {"seeds", study.seeds},
                        {"design",
                         {{"kind", name_of(study.design.kind)},
                          {"points", study.design.points},
                          {"seed", study.design.seed}}}};
  if (study.task)
    identity["task"] = {{"name", study.task->name}, {"limit", or_null(study.task->limit)}};
  if (study.adaptation) {
    const StudyAdaptation& a = *study.adaptation;
    identity["adapt"] = {{"text", text_identity(a.text)},
                         {"steps", or_null(a.steps)},
                         {"batch", or_null(a.batch)},
                         {"length", or_null(a.length)},
                         {"seed", or_null(a.seed)}};
  }
  for (const Axis& axis : study.axes) {
    ordered_json values = ordered_json::array();
    for (const double value : axis.values) values.push_back(axis.text(value));
    identity[axis.varied() ? "vary" : "at"][axis.name] = std::move(values);
  }
  return identity;
}

}  // namespace

StudyPlan plan_study(const Study& study) {
  StudyPlan plan{.name = study.name,
                 .description = study.description,
                 .yaml = study.yaml,
                 .design = name_of(study.design.kind),
                 .axes = study.axes,
                 .points = design_points(study),
                 .seeds = study.seeds,
                 .commands = {},
                 .adaptations = {},
                 .identity = identity_of(study)};
  for (std::size_t run = 0; run < plan.runs(); ++run) {
    const std::size_t point = plan.point_of(run);
    const std::optional<std::uint64_t> seed =
        plan.seeds.empty() ? std::nullopt : std::optional(plan.seeds[run % plan.seed_count()]);
    std::string model = study.model;
    if (study.adaptation) {
      model = fmt::format("{}_point_{}", study.name, point + 1);
      if (plan.adaptations.size() == point)
        plan.adaptations.push_back(
            command_line("adapt", adapt_options(study, plan.points[point], model)));
    }
    plan.commands.push_back(
        command_line(verb_of(study), run_options(study, plan.points[point], seed, model)));
  }
  return plan;
}

std::string StudyPlan::run_name(std::size_t run) const {
  const std::size_t point = point_of(run);
  std::string text = fmt::format("point {} ({})", point + 1, sweep::name_of(axes, points[point]));
  if (!seeds.empty()) text += fmt::format(", seed {}", seeds[run % seed_count()]);
  return text;
}

ordered_json StudyPlan::to_json() const {
  ordered_json all_axes = ordered_json::array();
  for (const Axis& axis : axes) all_axes.push_back(json_of(axis));
  return {{"name", name},        {"description", description},  {"yaml", yaml},
          {"design", design},    {"axes", std::move(all_axes)}, {"points", points},
          {"seeds", seeds},      {"commands", commands},        {"adaptations", adaptations},
          {"identity", identity}};
}

StudyPlan StudyPlan::from_json(const json& from) {
  StudyPlan plan{.name = from.at("name"),
                 .description = from.at("description"),
                 .yaml = from.at("yaml"),
                 .design = from.at("design"),
                 .axes = {},
                 .points = from.at("points"),
                 .seeds = from.at("seeds"),
                 .commands = from.at("commands"),
                 .adaptations = from.at("adaptations"),
                 .identity = ordered_json::parse(from.at("identity").dump())};
  for (const auto& axis : from.at("axes")) plan.axes.push_back(axis_of(axis));
  return plan;
}

std::vector<std::string> differences(const json& there, const json& here, std::size_t most) {
  std::vector<std::string> all;
  const json before = there.flatten(), now = here.flatten();
  const auto say = [&](const std::string& key) {
    if (all.size() == most) return;
    const auto text = [&](const json& of) {
      return of.contains(key) ? brief_json(of.at(key)) : std::string("nothing");
    };
    std::string name = key.substr(1);
    for (char& c : name)
      if (c == '/') c = '.';
    all.push_back(fmt::format("{}: {} there, {} here", name, text(before), text(now)));
  };
  for (const auto& [key, value] : now.items())
    if (!before.contains(key) || before.at(key) != value) say(key);
  for (const auto& [key, value] : before.items())
    if (!now.contains(key)) say(key);
  return all;
}

}  // namespace gaincell::sweep
