#include <fmt/format.h>

#include <cmath>

#include "base/files.h"
#include "base/units.h"
#include "export/formats.h"

namespace gaincell::exports {
namespace {

// As RFC 4180 wants it; no cell spans lines.
std::string study_cell(const std::string& text) {
  std::string quoted;
  for (char c : text) {
    if (c == '\n' || c == '\r') c = ' ';
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return text.find_first_of(",\"#\n\r") == std::string::npos ? text : '"' + quoted + '"';
}

}  // namespace

// A row a run.
void study_to_csv(const StudyContent& content, const std::filesystem::path& out) {
  const sweep::StudyResults& study = content.study;
  std::string text = as_comment(header_lines(content), "# ") + "point,seed,status";
  for (const sweep::Axis& axis : study.plan.axes)
    text += "," + study_cell(axis.unit.empty() ? axis.name
                                               : fmt::format("{} [{}]", axis.name, axis.unit));
  for (const sweep::Figure& figure : sweep::figures())
    text += fmt::format(",{} [{}]", figure.name, figure.unit);
  text += ",command,failure\n";
  for (std::size_t run = 0; run < study.runs.size(); ++run) {
    const std::size_t point = study.plan.point_of(run);
    text += fmt::format("{},{},{}", point + 1,
                        study.plan.seeds.empty()
                            ? ""
                            : std::to_string(study.plan.seeds[run % study.plan.seed_count()]),
                        study.runs[run].ok ? "ok" : "failed");
    for (std::size_t a = 0; a < study.plan.axes.size(); ++a)
      text += "," + study_cell(study.plan.axes[a].text(study.plan.points[point][a]));
    for (const double value : study.runs[run].values)
      text += "," + (std::isfinite(value) ? format_exact(value) : "");
    text += "," + study_cell(study.plan.commands[run]) + "," + study_cell(study.runs[run].reason) +
            "\n";
  }
  write_file(out, text);
}

}  // namespace gaincell::exports
