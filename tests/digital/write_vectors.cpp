// Vectors for the test benches of rtl/: 1,000 tokens of the reference model, and a head of several
// sub-tiles on random inputs. write_vectors FOLDER.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

#include "attention/analog.h"
#include "attention/circuit.h"
#include "base/error.h"
#include "base/files.h"
#include "digital/activity.h"
#include "digital/vectors.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"
#include "model/attention_choice.h"
#include "model/model.h"
#include "tests/digital/random_head.h"

namespace gaincell::digital {
namespace {

const std::filesystem::path kSource = GAINCELL_SOURCE_DIR;
constexpr int kLayer = 1, kHead = 2;

// The engine's own, and both ends of `a`, so that outputs saturate.
std::vector<FixedScaler> scalers(const Head& head, double per_count, double offset) {
  FixedScaler format;
  // A sign, and up to output_levels / 2.
  format.sum_bits = 1;
  for (int levels = 1; levels < head.output_levels; levels *= 2) ++format.sum_bits;
  for (int tiles = 1; tiles < head.sub_tiles(); tiles *= 2) ++format.sum_bits;
  format.shift = format.sum_bits - 3;
  const double out_step = 2 * (std::abs(per_count) * head.output_levels + std::abs(offset)) / 256;
  FixedScaler top = format, bottom = format;
  top.a = 127;
  top.b = -1000;
  bottom.a = -128;
  bottom.b = 1001;
  return {nearest_scaler(format, per_count, offset, out_step), top, bottom};
}

void write_model(const std::filesystem::path& folder, const lut::GainCellDevice& device) {
  constexpr std::size_t kTokens = 1000;
  model::Model model = model::read_model(kSource / "models/shakespeare_linear");
  const model::Config& config = model.weights->config;
  const auto tokens = model.tokenizer->encode(
      read_file(kSource / "data/shakespeare/held_out.txt").substr(0, kTokens), "held_out.txt");
  model::AttentionChoice choice;
  choice.kind = model::AttentionKind::kAnalog;
  choice.window = config.attention.window;
  choice.device = &device;
  choice.analog.token_period_s =
      config.n_layer * (device.latency_first_stage_s + device.latency_second_stage_s);
  model::Transformer transformer(model.weights, model::make_attention(*model.weights, choice));
  auto& engine = dynamic_cast<attention::Analog&>(transformer.attention(kLayer));
  const Head head = Head::of(engine.shape(), attention::circuit_of(device));
  ActivityRecorder recorder(head, kHead, 0, kTokens);
  recorder.attach(engine);
  transformer.run(tokens);
  const attention::Scalers& s = engine.scalers();
  write_vectors(folder / "model.txt", head, recorder.tokens(),
                scalers(head, s.a_o[kHead] * 2.0 / (head.output_levels - 1), s.b_o[kHead]));
}

void write_random(const std::filesystem::path& path, int tile, int window, int tokens) {
  lut::IdealPeriphery periphery;
  periphery.tile = tile;
  const lut::GainCellDevice device(lut::published_device({}, periphery));
  const auto run = run_random_head({1, 64, window}, attention::circuit_of(device),
                                   attention::Level::kFast, tokens);
  write_vectors(path, run.head, run.activity,
                scalers(run.head, 2.0 / (run.head.output_levels - 1), 0.1));
}

int run(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write_model(folder, lut::GainCellDevice(lut::published_device()));
  write_random(folder / "large.txt", 64, 256, 300);
  write_random(folder / "sub_tiles.txt", 16, 56, 60);  // the last of four sub-tiles is shorter
  write_random(folder / "ragged.txt", 16, 20, 26);
  return 0;
}

}  // namespace
}  // namespace gaincell::digital

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "write_vectors FOLDER\n";
    return 2;
  }
  try {
    return gaincell::digital::run(argv[1]);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
