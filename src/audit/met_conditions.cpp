#include "audit/met_conditions.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "attention/analog.h"
#include "attention/circuit.h"
#include "audit/random_inputs.h"
#include "base/error.h"
#include "lut/gain_cell_device.h"

namespace gaincell::audit {
namespace {

constexpr int kTokens = 512, kWindow = 256, kHeads = 1, kLayers = 12;
constexpr std::int64_t kEvery = 8;  // token

std::optional<lut::GainCellDevice> gain_cell_device(const lut::DeviceFile& file) {
  try {
    return lut::GainCellDevice(file);
  } catch (const Error&) {
    return std::nullopt;  // tables of something else, which can be verified all the same
  }
}

const std::vector<std::string>& read_axes() {
  static const std::vector<std::string> axes{"v_store", "pulse_width", "v_bitline"};
  return axes;
}

bool is_charge(const std::vector<std::string>& over) {
  return over.size() == 1 && over.front() == "charge";
}

void keep(const std::vector<double>& charges, const attention::Circuit::Converter& converter,
          std::vector<double>& kept) {
  for (const double charge : charges)
    if (charge >= converter.charge_low_c && charge <= converter.charge_high_c)
      kept.push_back(charge);
}

}  // namespace

MetConditions::MetConditions(const lut::DeviceFile& file, std::uint64_t seed) {
  const auto device = gain_cell_device(file);
  if (!device) return;
  const attention::Circuit circuit = attention::circuit_of(*device);
  const attention::Shape shape{kHeads, device->tile, kWindow};
  attention::AnalogOptions options;
  options.token_period_s =
      kLayers * (device->latency_first_stage_s + device->latency_second_stage_s);
  const auto engine =
      attention::make_analog(shape, circuit, attention::Scalers::identity(shape.heads), options);
  const lut::Axis& stored = device->read_charge.axis(0);
  engine->observe(
      [](std::int64_t token, int) { return token % kEvery == kEvery - 1; },
      [&](const attention::StepTrace& trace) {
        keep(trace.first_charge_c, circuit.relu, relu_charge_c_);
        keep(trace.second_charge_c, circuit.differential, signed_charge_c_);
        const auto token = static_cast<std::uint64_t>(trace.token);
        for (std::size_t slot = 0; slot < trace.first_charge_c.size(); ++slot) {
          const double charge = trace.first_charge_c[slot];
          if (!std::isfinite(charge)) continue;
          Random random(seed, "read of a column", token * trace.first_charge_c.size() + slot);
          const std::size_t dim = random.below(static_cast<std::uint64_t>(shape.dim));
          const double v_store = trace.key_v[slot * static_cast<std::size_t>(shape.dim) + dim];
          // On its way from the start to where the column ends.
          const double from = circuit.relu.bitline_v(0), to = circuit.relu.bitline_v(charge);
          if (v_store >= stored.front() && v_store <= stored.back())
            reads_.push_back({v_store, trace.q_width_s[dim], random.uniform(from, to)});
        }
      });
  run_random_inputs(*engine, device->tile, kTokens, seed);
}

bool MetConditions::knows(const std::vector<std::string>& over) const {
  if (is_charge(over)) return !relu_charge_c_.empty() && !signed_charge_c_.empty();
  return over == read_axes() && !reads_.empty();
}

std::map<std::string, double> MetConditions::draw(const std::vector<std::string>& over,
                                                  const std::string& table, Random& random) const {
  if (is_charge(over)) {
    const auto& charges = table.starts_with("relu") ? relu_charge_c_ : signed_charge_c_;
    return {{over.front(), charges[random.below(charges.size())]}};
  }
  const Read& read = reads_[random.below(reads_.size())];
  return {{over[0], read.v_store}, {over[1], read.pulse_width}, {over[2], read.v_bitline}};
}

}  // namespace gaincell::audit
