#include "liberty/liberty.h"

#include <fmt/format.h>

#include <cmath>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/version.h"
#include "liberty/benches.h"
#include "liberty/document.h"

namespace gaincell::liberty {
namespace {

namespace fs = std::filesystem;

// x.lib -> x.samples.h5, x.benches
fs::path beside(fs::path output, const char* ending) {
  if (output.extension() == ".lib") output.replace_extension();
  output += ending;
  return output;
}

// The benches of a library as files.
class BenchFolder {
 public:
  BenchFolder(fs::path folder, const CellLibrary& library, const Netlists& netlists)
      : folder_(std::move(folder)), netlists_(netlists), library_(library) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error)
      throw Error({.place = folder_.string(),
                   .rule = "cannot be made: " + error.message(),
                   .remedy = "the benches that are simulated are written there"});
    wired_ = netlists.wired_text();
    netlist_ = fs::absolute(folder_) / "cells.cir";
    write("cells.cir", wired_);
  }
  const std::string& wired_text() const { return wired_; }
  const std::vector<std::string>& paths() const { return paths_; }

  template <class What>
  void add(const What& what) {
    add(what.name, bench_of(library_, netlists_, what, netlist_));
  }
  void add_leakage(const Cell& cell) {
    add(leakage_bench_name(cell), leakage_bench(library_, netlists_, cell, netlist_));
  }

 private:
  void add(const std::string& name, const std::string& text) {
    paths_.push_back(write(name + ".yaml", text).string());
  }
  fs::path write(const std::string& name, const std::string& text) const {
    fs::path path = folder_ / name;
    write_file(path, text);
    return path;
  }

  fs::path folder_, netlist_;
  const Netlists& netlists_;
  const CellLibrary& library_;
  std::string wired_;
  std::vector<std::string> paths_;
};

// What keeps a table from being whole.
void add_missing(const CellLibrary& library, const std::vector<CellTables>& tables,
                 std::vector<std::string>& reasons) {
  for (std::size_t k = 0; k < tables.size(); ++k) {
    const auto whole = [](const std::vector<std::vector<double>>& values) {
      for (const auto& row : values)
        for (const double value : row)
          if (!std::isfinite(value)) return false;
      return true;
    };
    std::size_t missing = 0;
    for (const auto& [key, arc] : tables[k].arcs)
      if (!whole(arc.delay_s.values) || !whole(arc.transition_s.values) ||
          !whole(arc.energy_j.values))
        ++missing;
    for (const auto& [key, grid] : tables[k].hidden_j) missing += whole(grid.values) ? 0 : 1;
    for (const ConstraintTable& table : tables[k].constraints)
      missing += whole(table.values_s) ? 0 : 1;
    for (const auto& [state, watt] : tables[k].leakage_w) missing += std::isfinite(watt) ? 0 : 1;
    if (missing > 0)
      reasons.push_back(fmt::format("{}: {} of its tables have points without a result",
                                    library.cells[k].name, missing));
  }
}

// Runs the benches; false where that was interrupted.
bool simulate(const LibertyOptions& options, const BenchFolder& folder, LibertyReport& report) {
  characterize::CampaignOptions campaign;
  campaign.benches = folder.paths();
  campaign.output = report.samples;
  campaign.pool = options.pool;
  campaign.cache = options.cache;
  campaign.progress = options.progress;
  const characterize::CampaignReport run = characterize::characterize(campaign);
  report.simulations = run.simulations;
  report.failed = run.failed_simulations;
  report.from_cache = run.from_cache;
  report.from_journal = run.from_journal;
  report.interrupted = run.interrupted;
  for (const characterize::BenchReport& bench : run.benches)
    for (const auto& [reason, failure] : bench.failures)
      report.reasons.push_back(
          fmt::format("{}: {} of {} points: {}", bench.name, failure.points, bench.points, reason));
  return !run.interrupted;
}

}  // namespace

LibertyReport make_liberty(const LibertyOptions& options) {
  const CellLibrary library = read_library(options.library, options.at);
  const Netlists netlists(library);
  LibertyReport report;
  report.conditions = library.conditions;
  report.cells = library.cells.size();
  report.samples = beside(options.output, ".samples.h5");
  report.benches = beside(options.output, ".benches");
  require_output(options.output);
  require_output(report.samples);

  const std::vector<Stimulus> steps = stimuli(library);
  const std::vector<Constraint> limits = constraints(library);
  BenchFolder folder(report.benches, library, netlists);
  for (const Stimulus& one : steps) folder.add(one);
  for (const Cell& cell : library.cells)
    if (cell.kind == Kind::kCombinational) folder.add_leakage(cell);
  for (const Constraint& one : limits) folder.add(one);
  if (!simulate(options, folder, report)) return report;

  const lut::SamplesFile file = lut::SamplesFile::read(report.samples);
  Samples samples;
  for (const lut::SampledBench& bench : file.benches) samples[bench.name] = &bench;
  const std::vector<CellTables> tables = tables_of(library, steps, limits, samples, false);
  const std::vector<CellTables> unseen = tables_of(library, steps, limits, samples, true);
  for (const CellTables& cell : tables) report.arcs += cell.arcs.size();
  report.errors = errors_of(library, tables, unseen);
  add_missing(library, tables, report.reasons);
  if (!report.reasons.empty()) return report;
  write_file(options.output, liberty_text(library, netlists, tables, report.errors,
                                          {kVersion, file.ngspice_version,
                                           sha256(folder.wired_text()), report.simulations}));
  report.written = true;
  return report;
}

}  // namespace gaincell::liberty
