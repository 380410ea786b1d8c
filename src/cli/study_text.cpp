#include "cli/study_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/si_prefix.h"
#include "report/text_table.h"
#include "sweep/analysis.h"
#include "sweep/command.h"

namespace gaincell::cli {
namespace {

using nlohmann::ordered_json;
using report::TextTable;
using sweep::Estimate;
using sweep::StudyResults;
constexpr auto kToTheRight = TextTable::Align::kRight;
constexpr std::size_t kMostShownPoints = 40;  // that a terminal is given unasked

std::string number_text(double value, const std::string& unit, int digits) {
  if (unit != "1") return told(value, unit, digits);
  if (value == std::floor(value) && std::abs(value) >= 10) return fmt::format("{:.0f}", value);
  return digits > 3 ? fmt::format("{:.4f}", value) : fmt::format("{:.2g}", value);
}

// What is the same for all seeds has no interval.
std::string estimate_text(const Estimate& estimate, const std::string& unit) {
  if (!std::isfinite(estimate.mean)) return "-";
  const std::string mean = number_text(estimate.mean, unit, 4);
  return std::isfinite(estimate.half_width) && estimate.half_width > 0
             ? mean + " +- " + number_text(estimate.half_width, unit, 3)
             : mean;
}

std::string axis_text(const sweep::Axis& axis, double value) {
  if (!axis.words.empty()) return axis.text(value);
  return axis.whole ? axis.text(value) : told(value, axis.unit);
}

std::vector<std::size_t> varied_axes(const StudyResults& study) {
  std::vector<std::size_t> axes;
  for (std::size_t a = 0; a < study.plan.axes.size(); ++a)
    if (study.plan.axes[a].varied()) axes.push_back(a);
  return axes;
}

bool contains(const std::vector<std::size_t>& all, std::size_t one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::vector<std::size_t> front_of(const StudyResults& study, const FrontFigures& front) {
  return front.known ? sweep::pareto_front(study, front.first, front.second)
                     : std::vector<std::size_t>{};
}

// Figures that a table of points has.
std::vector<std::size_t> columns_of(const StudyResults& study, const FrontFigures& front) {
  std::vector<std::size_t> columns;
  for (const char* name :
       {"accuracy", "accuracy_standard_error", "accuracy_norm", "perplexity", "nats_per_token",
        "nats_standard_error", "same_top", "kl_nats", "nats_difference"})
    columns.push_back(sweep::figure(name));
  if (const auto energy = sweep::energy_figure(study)) columns.push_back(*energy);
  columns.push_back(sweep::figure("attention_latency_s"));
  columns.push_back(sweep::figure("cells"));
  for (const std::size_t one : {front.first, front.second})
    if (front.known && !contains(columns, one)) columns.push_back(one);
  std::erase_if(columns, [&](std::size_t f) { return !sweep::is_known(study, f); });
  return columns;
}

std::string points_text(const StudyResults& study, const FrontFigures& front) {
  const std::vector<std::size_t> on_front = front_of(study, front),
                                 columns = columns_of(study, front), axes = varied_axes(study);
  std::vector<TextTable::Column> head{{"point", kToTheRight}, {"front"}};
  for (const std::size_t a : axes) head.push_back({study.plan.axes[a].name, kToTheRight});
  for (const std::size_t f : columns) head.push_back({sweep::figures()[f].name, kToTheRight});
  TextTable table(std::move(head));
  std::size_t left_out = 0;
  for (std::size_t p = 0; p < study.plan.points.size(); ++p) {
    if (study.plan.points.size() > kMostShownPoints && !contains(on_front, p) &&
        p >= kMostShownPoints) {
      ++left_out;
      continue;
    }
    std::vector<std::string> row{std::to_string(p + 1), contains(on_front, p) ? "*" : ""};
    for (const std::size_t a : axes)
      row.push_back(axis_text(study.plan.axes[a], study.plan.points[p][a]));
    for (const std::size_t f : columns)
      row.push_back(estimate_text(sweep::point_estimate(study, p, f), sweep::figures()[f].unit));
    table.row(std::move(row));
  }
  std::string text = table.text();
  if (left_out > 0)
    text += fmt::format("and {} points off the front: --json or `gaincell export --to csv`\n",
                        left_out);
  if (front.known)
    text += fmt::format("* no other point is better in both {} and {}\n",
                        sweep::figures()[front.first].name, sweep::figures()[front.second].name);
  return text;
}

std::string effects_text(const StudyResults& study) {
  TextTable table({{"parameter"},
                   {"value", kToTheRight},
                   {"points", kToTheRight},
                   {sweep::quality_name(study), kToTheRight},
                   {"energy", kToTheRight}});
  const auto energy = sweep::energy_figure(study);
  for (const std::size_t a : varied_axes(study)) {
    const auto nats = sweep::main_effect(study, a, sweep::quality_figure(study));
    const auto joules =
        energy ? sweep::main_effect(study, a, *energy) : std::vector<sweep::Level>{};
    for (std::size_t k = 0; k < nats.size(); ++k)
      table.row({k == 0 ? study.plan.axes[a].name : "",
                 axis_text(study.plan.axes[a], nats[k].value), std::to_string(nats[k].points),
                 estimate_text(nats[k].figure, "1"),
                 k < joules.size() ? estimate_text(joules[k].figure, "J") : "-"});
  }
  return table.empty() ? "" : "\nmeans at each value\n" + table.text();
}

std::string per_text(const sweep::Sensitivity& row, const sweep::Axis& axis) {
  if (!row.slope) return "";
  if (row.doubling) return "each doubling";
  return axis.unit == "1" ? "1 more" : "each " + axis.unit;
}

std::string sensitivities_text(const StudyResults& study) {
  const auto nats = sweep::sensitivities(study, sweep::quality_figure(study), sweep::Of::kValue);
  if (nats.rows.empty()) return {};
  const auto energy = sweep::energy_figure(study);
  const auto joules =
      energy ? sweep::sensitivities(study, *energy, sweep::Of::kLogarithm) : sweep::Sensitivities{};
  TextTable table({{"sensitivity"},
                   {"from", kToTheRight},
                   {"to", kToTheRight},
                   {sweep::quality_name(study), kToTheRight},
                   {"ln(energy)", kToTheRight},
                   {"slope of " + sweep::quality_name(study), kToTheRight},
                   {"for"}});
  for (std::size_t k = 0; k < nats.rows.size(); ++k) {
    const sweep::Sensitivity& row = nats.rows[k];
    const sweep::Axis& axis = study.plan.axes[row.axis];
    table.row({axis.name, axis_text(axis, row.from), axis_text(axis, row.to),
               estimate_text(row.change, "1"),
               k < joules.rows.size() ? estimate_text(joules.rows[k].change, "1") : "-",
               row.slope ? fmt::format("{:.4g}", row.slope->mean) : "-", per_text(row, axis)});
  }
  return fmt::format("\nleast squares in all parameters together, {:.1f} % of the variance of {}\n",
                     100 * nats.explained, sweep::quality_name(study)) +
         table.text();
}

std::string failures_text(const StudyResults& study) {
  if (study.failed() == 0) return {};
  constexpr std::size_t kShown = 10;
  TextTable table({{"failed run"}, {"reason"}});
  std::size_t shown = 0;
  for (std::size_t run = 0; run < study.runs.size() && shown < kShown; ++run) {
    if (study.runs[run].ok) continue;
    table.row({study.plan.run_name(run), study.runs[run].reason});
    ++shown;
  }
  return "\n" + table.text() +
         (study.failed() > shown ? fmt::format("and {} more\n", study.failed() - shown) : "");
}

ordered_json value_json(const sweep::Axis& axis, double value) {
  return axis.words.empty() ? ordered_json(value) : ordered_json(axis.text(value));
}

ordered_json estimate_json(const Estimate& estimate) {
  return {{"mean", number_or_null(estimate.mean)},
          {"half_width", number_or_null(estimate.half_width)}};
}

ordered_json points_json(const StudyResults& study) {
  ordered_json points = ordered_json::array();
  for (std::size_t p = 0; p < study.plan.points.size(); ++p) {
    ordered_json parameters, figures, runs = ordered_json::array();
    for (std::size_t a = 0; a < study.plan.axes.size(); ++a)
      parameters[study.plan.axes[a].name] = value_json(study.plan.axes[a], study.plan.points[p][a]);
    for (std::size_t f = 0; f < sweep::figures().size(); ++f)
      figures[sweep::figures()[f].name] = estimate_json(sweep::point_estimate(study, p, f));
    for (std::size_t s = 0; s < study.plan.seed_count(); ++s) {
      const std::size_t run = p * study.plan.seed_count() + s;
      ordered_json one{
          {"seed", study.plan.seeds.empty() ? ordered_json() : ordered_json(study.plan.seeds[s])},
          {"ok", study.runs[run].ok}};
      if (!study.runs[run].ok) one["reason"] = study.runs[run].reason;
      for (std::size_t f = 0; f < sweep::figures().size(); ++f)
        one["figures"][sweep::figures()[f].name] = number_or_null(study.value(p, s, f));
      one["command"] = study.plan.commands[run];
      runs.push_back(std::move(one));
    }
    ordered_json point{{"point", p + 1}, {"parameters", std::move(parameters)}};
    if (!study.plan.adaptations.empty()) point["adaptation"] = study.plan.adaptations[p];
    point["figures"] = std::move(figures);
    point["runs"] = std::move(runs);
    points.push_back(std::move(point));
  }
  return points;
}

ordered_json sensitivities_json(const StudyResults& study, std::size_t figure, sweep::Of of) {
  const auto found = sweep::sensitivities(study, figure, of);
  ordered_json rows = ordered_json::array();
  for (const sweep::Sensitivity& row : found.rows) {
    const sweep::Axis& axis = study.plan.axes[row.axis];
    rows.push_back({{"parameter", axis.name},
                    {"from", value_json(axis, row.from)},
                    {"to", value_json(axis, row.to)},
                    {"change", estimate_json(row.change)},
                    {"slope", row.slope ? estimate_json(*row.slope) : ordered_json()},
                    {"slope_is_per", per_text(row, axis)}});
  }
  return {{"of", (of == sweep::Of::kLogarithm ? "ln " : "") + sweep::figures()[figure].name},
          {"explained", number_or_null(found.explained)},
          {"parameters", std::move(rows)}};
}

}  // namespace

FrontFigures front_figures(const StudyResults& study, const std::vector<std::string>& names) {
  if (names.empty()) {
    const auto energy = sweep::energy_figure(study);
    return energy ? FrontFigures{*energy, sweep::quality_figure(study), true} : FrontFigures{};
  }
  if (names.size() != 2)
    throw Error({.place = "--front",
                 .value = fmt::format("{}", fmt::join(names, ",")),
                 .rule = "must be two figures",
                 .remedy = "for example --front energy_total_j,perplexity"});
  FrontFigures front{sweep::figure(names[0]), sweep::figure(names[1]), true};
  for (const std::size_t one : {front.first, front.second})
    if (!sweep::is_known(study, one))
      throw Error({.place = "--front",
                   .value = sweep::figures()[one].name,
                   .rule = fmt::format("no run of {} has it", study.path.string())});
  return front;
}

std::string study_text(const StudyResults& study, const FrontFigures& front) {
  std::string text =
      fmt::format("{}: study {}, gaincell {}; {} points ({}), {} runs, {} failed\n",
                  study.path.string(), study.plan.name, study.program_version,
                  study.plan.points.size(), study.plan.design, study.runs.size(), study.failed());
  if (!study.plan.description.empty()) text += study.plan.description + "\n";
  text += study.plan.seed_count() > 1
              ? fmt::format(
                    "+- is 95 % over {} seeds of chip and noise; the text's own error is "
                    "nats_standard_error, and the same text at all points\n\n",
                    study.plan.seed_count())
              : "one run a point: no interval over chips and noise\n\n";
  return text + points_text(study, front) + effects_text(study) + sensitivities_text(study) +
         failures_text(study);
}

ordered_json study_json(const StudyResults& study, const FrontFigures& front) {
  ordered_json json{{"file", study.path.string()},
                    {"format", "study"},
                    {"program_version", study.program_version},
                    {"name", study.plan.name},
                    {"description", study.plan.description},
                    {"design", study.plan.design},
                    {"identity", study.plan.identity},
                    {"failed", study.failed()},
                    {"points", points_json(study)}};
  ordered_json on_front = ordered_json::array();
  for (const std::size_t p : front_of(study, front)) on_front.push_back(p + 1);
  json["front"] = front.known ? ordered_json{{"of",
                                              {sweep::figures()[front.first].name,
                                               sweep::figures()[front.second].name}},
                                             {"points", std::move(on_front)}}
                              : ordered_json();
  json["main_effects"] = ordered_json::object();
  for (const std::size_t a : varied_axes(study)) {
    ordered_json levels = ordered_json::array();
    for (const sweep::Level& level : sweep::main_effect(study, a, sweep::quality_figure(study)))
      levels.push_back(
          {{"value", value_json(study.plan.axes[a], level.value)},
           {"points", level.points},
           {sweep::figures()[sweep::quality_figure(study)].name, estimate_json(level.figure)}});
    json["main_effects"][study.plan.axes[a].name] = std::move(levels);
  }
  json["sensitivities"] = ordered_json::array();
  json["sensitivities"].push_back(
      sensitivities_json(study, sweep::quality_figure(study), sweep::Of::kValue));
  if (const auto energy = sweep::energy_figure(study))
    json["sensitivities"].push_back(sensitivities_json(study, *energy, sweep::Of::kLogarithm));
  return json;
}

}  // namespace gaincell::cli
