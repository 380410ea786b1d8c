#include "export/formats.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/suggest.h"

namespace gaincell::exports {

std::span<const Format> formats() {
  static const std::vector<Format> table{
      {"csv", "FILE.csv, or a folder of one file a table or bench", device_to_csv, samples_to_csv,
       study_to_csv},
      {"json", "everything in one file, full precision", device_to_json, samples_to_json},
      {"npz", "NumPy arrays: numpy.load", device_to_npz, samples_to_npz},
      {"mat", "MATLAB and Octave: load", device_to_mat, samples_to_mat},
      {"netcdf", "netCDF-4 with CF's attributes: xarray, ncdump", device_to_netcdf,
       samples_to_netcdf},
      {"cpp", "a C++ header without dependencies", device_to_cpp, nullptr},
      {"ngspice", "subcircuits of cell and converters, in place of transistors", device_to_ngspice,
       nullptr},
      {"verilog-a", "a folder: modules, and their files for $table_model", device_to_verilog_a,
       nullptr},
      {"neurosim", "a folder: mem_states.csv and output_noise.csv of NeuroSim 1.5",
       device_to_neurosim, nullptr},
      {"crosssim", "a device class of CrossSim: programming error and retention by age",
       device_to_crosssim, nullptr},
      {"aihwkit", "arguments of aihwkit's CustomDriftPCMLikeNoiseModel", device_to_aihwkit,
       nullptr},
      {"gainsight", "Python dictionaries of retention and energy a bit, for GainSight",
       device_to_gainsight, nullptr},
  };
  return table;
}

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format& format : formats()) names.emplace_back(format.name);
  return names;
}

void export_file(const std::filesystem::path& file, const std::string& format,
                 const std::filesystem::path& out) {
  const auto found = std::find_if(formats().begin(), formats().end(),
                                  [&](const Format& one) { return one.name == format; });
  if (found == formats().end())
    throw Error({.place = "--to",
                 .value = format,
                 .rule = "no such format",
                 .remedy = suggest_remedy(format, format_names())});
  const std::string kind = store::Reader(file).root().text_attribute(store::kFormatName, "");
  const Origin origin{file.filename().string(), sha256_of_file(file)};
  if (kind == store::kDeviceFormat.name) {
    found->device({origin, lut::DeviceFile::read(file)}, out);
  } else if (kind == store::kSamplesFormat.name) {
    if (found->samples == nullptr)
      throw Error({.place = file.string(),
                   .value = "samples",
                   .rule = "are single simulations, of which " + format + " says nothing",
                   .remedy = "export the device that `gaincell compile` makes of them; csv, json, "
                             "npz, mat and netcdf take samples"});
    found->samples({origin, lut::SamplesFile::read(file)}, out);
  } else if (kind == store::kStudyFormat.name) {
    if (found->study == nullptr)
      throw Error({.place = file.string(),
                   .value = "study",
                   .rule = "is of runs, of which " + format + " says nothing",
                   .remedy = "export it to csv; `gaincell show --json` has all of it"});
    found->study({origin, sweep::read_results(file)}, out);
  } else {
    throw Error({.place = file.string(),
                 .key = kind.empty() ? "" : store::kFormatName,
                 .value = kind,
                 .rule = "is no device, samples or study file of gaincell",
                 .remedy = "`gaincell compile`, `gaincell characterize` and `gaincell sweep` write "
                           "such files"});
  }
}

}  // namespace gaincell::exports
