// HDF5 files: samples, devices, and the vectors of `attend`.
#include <array>
#include <cmath>

#include "base/files.h"
#include "base/store/seal.h"
#include "base/store/writer.h"
#include "characterize/campaign/campaign.h"
#include "lut/ideal_device.h"
#include "mutate.h"
#include "mutate_hdf5.h"
#include "readers.h"
#include "tests/lut/example_device.h"
#include "tests/lut/example_samples.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

constexpr const char* kVectors = "vectors.h5";
constexpr const char* kDevice = "device.h5";

// By the library, by flipped bytes, or both.
fs::path changed(Case& at) {
  const Sample& chosen = at.any_sample();
  const fs::path input = at.folder / chosen.name;
  const std::uint64_t way = at.random.below(10);
  std::string bytes = chosen.bytes;
  if (way < 7) {
    write_file(input, bytes);
    mutate_hdf5(input, at.random);
    // Malformed, and yet as if we had made it: what stands behind the checksum is met as well.
    if (!at.one_in(4)) store::append_seal(input, input.string());
    bytes = read_file(input);
  }
  if (way >= 6) bytes = mutate_bytes(std::move(bytes), at.random);
  put_input(input, bytes, at.random);
  return input;
}

std::vector<Sample> samples_of(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<Sample> samples;
  for (const std::string& name : names) samples.push_back({name, read_file(folder / name)});
  return samples;
}

double wave(std::size_t k, double mean, double size) {
  return mean + size * std::sin(1.7 * static_cast<double>(k));
}

void write_vectors(const fs::path& path, const std::array<std::size_t, 4>& shape, bool scalers) {
  store::Writer writer(path);
  store::Group root = writer.root();
  const std::vector<std::string> dimensions{"batch", "head", "time", "dim"};
  std::size_t count = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    root.dimension(dimensions[d], shape[d]);
    count *= shape[d];
  }
  for (const char* name : {"q", "k", "v"}) {
    std::vector<double> values;
    for (std::size_t k = 0; k < count; ++k) values.push_back(wave(k, 0.45, 0.4));
    root.dataset(name, dimensions, values);
  }
  if (!scalers) return writer.commit();
  for (const char* name : {"a_q", "b_q", "a_k", "b_k", "a_v", "b_v", "a_o", "b_o"}) {
    std::vector<double> values(shape[1], name[0] == 'a' ? 1.0 : 0.0);
    root.dataset(name, {"head"}, values);
  }
  writer.commit();
}

int attend(Case& at, const std::string& device) {
  return run_verb({"attend", "--device", device, "--input", kVectors, "--output", "out/o.h5",
                   "--window", "8", "--level", at.one_in(12) ? "fast" : "column"});
}

}  // namespace

std::vector<Sample> prepare_samples(const fs::path& folder) {
  using lut::ExampleBench;
  prepare_hdf5();
  const ExampleBench square{.name = "square",
                            .axes = {{"v_store", "V", lut::linear_nodes(0, 1, 9)},
                                     {"v_read", "V", lut::linear_nodes(0, 1, 4)}},
                            .measurement = "current",
                            .unit = "A",
                            .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * x[1]; },
                            .table = "current",
                            .limits = {{"limit_max_percent", 50}, {"limit_rms", 1}},
                            .interpolation = "cubic linear",
                            .constants = {{"t_max", 15e-9}}};
  const ExampleBench spread{.name = "spread",
                            .axes = {},
                            .measurement = "offset",
                            .unit = "V",
                            .f = {},
                            .drawn = {0.1, 0.2, 0.4, 0.3},
                            .spreads = {{"offset", false}}};
  lut::write_samples(folder / "closed.h5", {square, spread});
  fs::copy(fs::path(GAINCELL_SOURCE_DIR) / "tests/fuzz/corpus/grid.yaml", folder);
  characterize::CampaignOptions options;
  options.benches = {(folder / "grid.yaml").string()};
  options.output = folder / "simulated.h5";
  options.pool.worker = characterize::worker_program();
  (void)characterize::characterize(options);
  return samples_of(folder, {"closed.h5", "simulated.h5"});
}

fs::path mutate_samples(Case& at) { return changed(at); }

int run_samples(Case& at, const fs::path& input) {
  const std::string file = input.string();
  switch (at.random.below(12)) {
    case 0:
    case 1:
      return run_verb({"show", file});
    case 2:
      return run_verb({"show", file, "--json"});
    case 3:
      return run_verb({"datasheet", file});
    case 4:
      return run_verb({"replay", file, "--point", "0", "-o", "out/replay"});
    default:
      return run_verb({"compile", file, "--unsealed", "-o", "out/device.h5"});
  }
}

std::vector<Sample> prepare_device(const fs::path& folder) {
  prepare_hdf5();
  lut::example_device().write(folder / kDevice);
  lut::published_device().write(folder / "published.h5");
  write_vectors(folder / kVectors, {1, 1, 2, 3}, false);
  return samples_of(folder, {kDevice, "published.h5"});
}

fs::path mutate_device(Case& at) { return changed(at); }

int run_device(Case& at, const fs::path& input) {
  const std::string file = input.string();
  if (at.one_in(3)) return run_verb({"show", file});
  if (at.one_in(4)) return run_verb({"show", file, "--json"});
  if (at.one_in(4)) return run_verb({"seal", file, "-o", "out/sealed.h5"});
  return attend(at, file);
}

std::vector<Sample> prepare_vectors(const fs::path& folder) {
  prepare_hdf5();
  write_vectors(folder / kVectors, {1, 2, 3, 4}, true);
  write_vectors(folder / "other.h5", {2, 1, 2, 3}, false);
  remove_seal(folder / "other.h5");
  std::vector<Sample> samples = samples_of(folder, {kVectors, "other.h5"});
  for (Sample& sample : samples) sample.name = kVectors;
  return samples;
}

fs::path mutate_vectors(Case& at) { return changed(at); }

int run_vectors(Case& at, const fs::path&) { return attend(at, "published"); }

}  // namespace gaincell::fuzz
