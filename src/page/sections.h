#pragma once

#include <optional>
#include <string>
#include <vector>

#include "characterize/results/datasheet.h"
#include "lut/device_file.h"
#include "lut/samples_file.h"
#include "page/html.h"
#include "report/comparison.h"
#include "sweep/results.h"

namespace gaincell::page {

// The file that a section is of.
struct Source {
  std::string file;    // its name without folders
  std::string sha256;  // of the whole file
};

// Tables with their errors and limits, constants, pictures, and what made them.
Section device_section(const lut::DeviceFile& device, const Source& source, const std::string& id);
// Every limit with its worst case and the conditions where it stands, then bench by bench the range
// of every measurement, and pictures.
Section campaign_section(const lut::SamplesFile& samples, const characterize::Datasheet& sheet,
                         const Source& source, const std::string& id);
// Pictures, points with their intervals, sensitivities, and what failed.
Section study_section(const sweep::StudyResults& study, const Source& source,
                      const std::string& id);
// Perplexity, energy by part and latency of runs, and in which settings they differ. `device`: adds
// its energy on uniform levels at the published window, and its latency.
Section inference_section(const report::Comparison& comparison,
                          const std::optional<lut::DeviceFile>& device, const std::string& id);

}  // namespace gaincell::page
