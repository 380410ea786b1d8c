#include "export/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"
#include "base/version.h"

namespace gaincell::exports {
namespace {

// Of a provenance whatever says which circuit it was, in one line.
std::string provenance_line(const lut::Provenance& provenance) {
  std::string line = "bench " + provenance.bench;
  for (const auto& [name, value] : provenance.fixed()) line += fmt::format(", {} {}", name, value);
  for (const char* name : {"bench_sha256", "netlist_sha256", "ngspice_version", "characterized_by",
                           "edited", "import_sha256", "samples"}) {
    std::string text = provenance.text(name);
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (!text.empty()) line += fmt::format(", {} {}", name, text);
  }
  return line;
}

std::string made_line(const std::string& kind, const Origin& origin) {
  return fmt::format("made by gaincell {} of the {} file {}, SHA-256 {}", kVersion, kind,
                     origin.file, origin.sha256);
}

}  // namespace

std::string error_words(const lut::TableEntry& entry) {
  if (entry.accuracy.points == 0) return "error not known: no simulation was kept from the table";
  const std::string& unit = entry.table.quantity().unit;
  return fmt::format(
      "error at most {:.3g} {} ({:.3g} % of full scale), rms {:.3g} {}, at {} "
      "hold-out points",
      entry.accuracy.max_abs, unit, entry.accuracy.max_percent, entry.accuracy.rms_abs, unit,
      entry.accuracy.points);
}

std::vector<std::string> header_lines(const DeviceContent& content) {
  std::vector<std::string> lines{made_line("device", content.origin),
                                 "SI units; temperatures in degC"};
  for (const lut::TableEntry& entry : content.device.tables())
    lines.push_back(fmt::format("table {} [{}], {}: {}", entry.table.name(),
                                entry.table.quantity().unit, entry.table.quantity().long_name,
                                error_words(entry)));
  for (const lut::Provenance& provenance : content.device.provenance())
    lines.push_back(provenance_line(provenance));
  return lines;
}

std::vector<std::string> header_lines(const SamplesContent& content) {
  std::vector<std::string> lines{
      made_line("samples", content.origin),
      fmt::format("simulated by gaincell {} with ngspice {}", content.samples.program_version,
                  content.samples.ngspice_version),
      "SI units; temperatures in degC; as exact as the simulator: no fit, no interpolation"};
  for (const lut::SampledBench& bench : content.samples.benches)
    lines.push_back(fmt::format("{}: {} points, {} failed", provenance_line(bench.provenance),
                                bench.points(), bench.failed()));
  return lines;
}

std::vector<std::string> header_lines(const StudyContent& content) {
  const sweep::StudyPlan& plan = content.study.plan;
  return {made_line("study", content.origin),
          fmt::format("study {}, {} points ({}), {} runs, {} failed, by gaincell {}", plan.name,
                      plan.points.size(), plan.design, content.study.runs.size(),
                      content.study.failed(), content.study.program_version),
          "SI units; a row a run"};
}

std::string as_comment(const std::vector<std::string>& lines, const std::string& mark) {
  std::string text;
  for (const std::string& line : lines) {
    text += mark;
    // A description may be anyone's.
    for (const char c : line) text += std::iscntrl(static_cast<unsigned char>(c)) != 0 ? ' ' : c;
    if (text.back() == '\\') text += '.';  // C++ would take the next line for comment
    text += '\n';
  }
  return text;
}

std::string identifier(const std::string& name) {
  std::string result;
  for (const char c : name) result += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (result.empty() || std::isdigit(static_cast<unsigned char>(result.front())) != 0)
    result.insert(0, "x");
  return result;
}

void require_tables(const DeviceContent& content, const std::string& format,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (content.device.find_table(name) != nullptr) continue;
    throw Error({.place = content.origin.file,
                 .key = name,
                 .rule = fmt::format("is missing, and {} is made of it", format),
                 .remedy = "compile the device from a bench that asks for this table, or choose "
                           "csv, npz or json, which take any device"});
  }
}

}  // namespace gaincell::exports
