#pragma once

// What gaincell's HDF5 files are called and what stands in them under which name, once for those
// who write and those who read them. characterize/FORMAT.md and lut/FORMAT.md say what it means. A
// version moves when a reader of the old one would understand the new one wrongly; a new dataset or
// attribute moves none.
namespace gaincell::store {

struct Format {
  const char* name;   // root attribute kFormatName
  int version;        // root attribute kFormatVersion
  const char* maker;  // the command that writes it
};

inline constexpr Format kSamplesFormat{"samples", 1, "gaincell characterize"};
inline constexpr Format kDeviceFormat{"device", 1, "gaincell compile"};
inline constexpr Format kAttendFormat{"attend", 1, "gaincell attend"};
inline constexpr Format kAuditFormat{"audit", 1, "gaincell audit"};
inline constexpr Format kColumnAuditFormat{"column_audit", 1, "gaincell columns"};
inline constexpr Format kStudyFormat{"study", 1, "gaincell sweep"};

inline constexpr const char* kFormatName = "gaincell_format";
inline constexpr const char* kFormatVersion = "format_version";
inline constexpr const char* kProgramVersion = "program_version";
inline constexpr const char* kNgspiceVersion = "ngspice_version";

// The samples file: a group for each bench under kBenches.
namespace samples {
inline constexpr const char* kBenches = "benches";
// Attributes of a bench.
inline constexpr const char* kBenchText = "bench_text";
inline constexpr const char* kNetlistText = "netlist_text";
inline constexpr const char* kInputFiles = "input_files";
inline constexpr const char* kInputText = "input_text";
inline constexpr const char* kFilters = "filters";
inline constexpr const char* kAt = "at";
inline constexpr const char* kAddedNodes = "added_nodes";
inline constexpr const char* kAxisValues = "axis_values";
inline constexpr const char* kDescription = "description";
// Its groups.
inline constexpr const char* kConditions = "conditions";
inline constexpr const char* kAxes = "axes";
inline constexpr const char* kMeasurements = "measurements";
inline constexpr const char* kWaveforms = "waveforms";
inline constexpr const char* kTables = "tables";
inline constexpr const char* kConstants = "constants";
inline constexpr const char* kSpreads = "spreads";
inline constexpr const char* kFailures = "failures";
// Its datasets: one entry a point.
inline constexpr const char* kPoint = "point";
inline constexpr const char* kStatus = "status";
inline constexpr const char* kAided = "aided";
inline constexpr const char* kHoldout = "holdout";
inline constexpr const char* kJob = "job";
inline constexpr const char* kDraw = "draw";
inline constexpr const char* kSearched = "searched";
// Of axes and conditions.
inline constexpr const char* kOrder = "order";
inline constexpr const char* kWords = "words";
// Of measurements.
inline constexpr const char* kSpecMinimum = "spec_minimum";
inline constexpr const char* kSpecTypical = "spec_typical";
inline constexpr const char* kSpecMaximum = "spec_maximum";
inline constexpr const char* kSpecSigma = "spec_sigma";
// Of failures.
inline constexpr const char* kReason = "reason";
// Of tables and spreads.
inline constexpr const char* kOf = "of";
inline constexpr const char* kOver = "over";
inline constexpr const char* kInterpolation = "interpolation";
inline constexpr const char* kRelative = "relative";
inline constexpr const char* kDeviation = "deviation";
}  // namespace samples

// The study file: figures by point and seed.
namespace study {
inline constexpr const char* kName = "name";
inline constexpr const char* kDescription = "description";
inline constexpr const char* kDesign = "design";
inline constexpr const char* kHasSeeds = "has_seeds";
inline constexpr const char* kText = "study_text";
inline constexpr const char* kIdentity = "identity";
inline constexpr const char* kPoint = "point";
inline constexpr const char* kSeed = "seed";
inline constexpr const char* kParameters = "parameters";
inline constexpr const char* kOrder = "order";
inline constexpr const char* kValues = "values";
inline constexpr const char* kWhole = "whole";
inline constexpr const char* kRange = "range";
inline constexpr const char* kWords = "words";
inline constexpr const char* kFigures = "figures";
inline constexpr const char* kCommand = "command";
inline constexpr const char* kAdaptation = "adaptation";
inline constexpr const char* kStatus = "status";
inline constexpr const char* kFailures = "failures";
inline constexpr const char* kRun = "run";
inline constexpr const char* kReason = "reason";
inline constexpr const char* kConditions = "conditions";
}  // namespace study

// The device file: tables and constants at its root.
namespace device {
inline constexpr const char* kHoldout = "holdout";        // a group for each table
inline constexpr const char* kProvenance = "provenance";  // a group for each bench
}  // namespace device

}  // namespace gaincell::store
