#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "page/sections.h"
#include "plot/study_charts.h"
#include "sweep/analysis.h"
#include "sweep/command.h"

namespace gaincell::page {
namespace {

using sweep::Estimate;
using sweep::StudyResults;

Cell estimated(const Estimate& estimate, const std::string& unit) {
  if (!std::isfinite(estimate.mean)) return none();
  Cell cell = number(estimate.mean, unit, 5);
  if (std::isfinite(estimate.half_width))
    cell.html += " &#177; " + number(estimate.half_width, unit, 2).html;
  return cell;
}

std::vector<std::size_t> shown_figures(const StudyResults& study) {
  std::vector<std::size_t> shown;
  for (const char* name :
       {"accuracy", "accuracy_norm", "perplexity", "nats_per_token", "same_top", "kl_nats",
        "energy_total_j", "energy_circuits_j", "attention_latency_s", "cells"})
    if (sweep::is_known(study, sweep::figure(name))) shown.push_back(sweep::figure(name));
  return shown;
}

std::string points_html(const StudyResults& study, const std::vector<std::size_t>& front) {
  std::vector<std::string> head{"point"};
  std::vector<std::size_t> axes;
  for (std::size_t a = 0; a < study.plan.axes.size(); ++a)
    if (study.plan.axes[a].varied()) {
      axes.push_back(a);
      head.push_back(study.plan.axes[a].name);
    }
  const std::vector<std::size_t> figures = shown_figures(study);
  for (const std::size_t f : figures) head.push_back(sweep::figures()[f].name);
  head.emplace_back("front");
  Table rows(head);
  for (std::size_t p = 0; p < study.plan.points.size(); ++p) {
    std::vector<Cell> cells{number(static_cast<double>(p + 1), "", 10)};
    for (const std::size_t a : axes) {
      const sweep::Axis& axis = study.plan.axes[a];
      const double value = study.plan.points[p][a];
      cells.push_back(axis.words.empty() ? number(value, axis.unit == "1" ? "" : axis.unit, 6)
                                         : code(axis.text(value)));
    }
    for (const std::size_t f : figures) {
      const std::string& unit = sweep::figures()[f].unit;
      cells.push_back(estimated(sweep::point_estimate(study, p, f), unit == "1" ? "" : unit));
    }
    const bool on = std::find(front.begin(), front.end(), p) != front.end();
    cells.push_back(words(on ? "yes" : ""));
    rows.row(std::move(cells));
  }
  return rows.html();
}

std::string sensitivities_html(const StudyResults& study) {
  const auto nats = sweep::sensitivities(study, sweep::quality_figure(study), sweep::Of::kValue);
  if (nats.rows.empty()) return paragraph("Too few points for a fit in all parameters together.");
  const auto energy = sweep::energy_figure(study);
  const sweep::Sensitivities joules =
      energy ? sweep::sensitivities(study, *energy, sweep::Of::kLogarithm) : sweep::Sensitivities{};
  const std::string quality = sweep::quality_name(study);
  Table rows({"parameter", "from", "to", "change of " + quality, "change of ln(energy)",
              "slope of " + quality, "for"});
  for (std::size_t k = 0; k < nats.rows.size(); ++k) {
    const sweep::Sensitivity& row = nats.rows[k];
    const sweep::Axis& axis = study.plan.axes[row.axis];
    rows.row({code(axis.name), words(axis.text(row.from)), words(axis.text(row.to)),
              estimated(row.change, ""),
              k < joules.rows.size() ? estimated(joules.rows[k].change, "") : none(),
              row.slope ? estimated(*row.slope, "") : none(),
              words(!row.slope         ? ""
                    : row.doubling     ? "each doubling"
                    : axis.unit == "1" ? "1 more"
                                       : "each " + axis.unit)});
  }
  return paragraph(fmt::format("Least squares in all parameters together; the fit has {:.1f} % of "
                               "the variance of the {}.",
                               100 * nats.explained, quality)) +
         rows.html();
}

std::string failures_html(const StudyResults& study) {
  if (study.failed() == 0) return {};
  Table rows({"run that failed", "why"});
  for (std::size_t run = 0; run < study.runs.size(); ++run)
    if (!study.runs[run].ok)
      rows.row({words(study.plan.run_name(run)), words(study.runs[run].reason)});
  return heading(3, "Failed runs") + rows.html();
}

}  // namespace

Section study_section(const StudyResults& study, const Source& source, const std::string& id) {
  std::string body;
  if (!study.plan.description.empty()) body += paragraph(study.plan.description);
  body += paragraph(fmt::format(
      "{} points ({}), {} runs, {} failed; gaincell {}. Intervals are of 95 % over {} seeds. File "
      "{}, SHA-256 {}.",
      study.plan.points.size(), study.plan.design, study.runs.size(), study.failed(),
      study.program_version, study.plan.seed_count(), source.file, source.sha256));
  const auto energy = sweep::energy_figure(study);
  const std::vector<std::size_t> front =
      energy ? sweep::pareto_front(study, *energy, sweep::quality_figure(study))
             : std::vector<std::size_t>{};
  Gallery pictures(id);
  for (const std::string& name : plot::chart_names(study))
    pictures.add(plot::study_chart(study, name));
  body += pictures.html();
  body += heading(3, "Points") + points_html(study, front);
  body += heading(3, "Sensitivities") + sensitivities_html(study);
  body += failures_html(study);
  body += heading(3, "The point of the best " + sweep::quality_name(study) + ", by itself");
  std::vector<std::string> commands;
  if (!front.empty()) {
    if (!study.plan.adaptations.empty()) commands.push_back(study.plan.adaptations[front.back()]);
    commands.push_back(study.plan.commands[front.back() * study.plan.seed_count()]);
  } else if (!study.plan.commands.empty()) {
    commands.push_back(study.plan.commands.front());
  }
  body += list(commands);
  return {.id = id, .title = "Study " + study.plan.name, .body = body};
}

}  // namespace gaincell::page
