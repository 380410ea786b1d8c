#include "sweep/parameters.h"

#include <algorithm>
#include <vector>

namespace gaincell::sweep {
namespace {

using Kind = Parameter::Kind;
using As = Parameter::As;

constexpr double kMostSeed = 9007199254740992.0;  // whole numbers that a double holds

std::vector<Parameter> make() {
  std::vector<Parameter> all{
      {"window", "1", "tokens attended to", Kind::kWhole, 1, 65536, As::kOption, "--window", true},
      {"token_period_s", "s", "time from one token to the next", Kind::kNumber, 1e-12, 1e6,
       As::kOption, "--token-period", true},
      {"device", "", "device file, or `published`", Kind::kDevice, 0, 0, As::kOption, "--device",
       true},
      {"without", "", "effects that are switched off", Kind::kWords, 0, 0, As::kOption, "--without",
       true},
      {"chip_seed", "1", "of the mismatch: another chip", Kind::kWhole, 0, kMostSeed, As::kOption,
       "--spread-seed", false},
      {"noise_seed", "1", "of the read noise", Kind::kWhole, 0, kMostSeed, As::kOption,
       "--noise-seed", false},
      {"error_limit", "1", "of the fast level, share of full scale", Kind::kNumber, 1e-5, 0.1,
       As::kOption, "--error-limit", false},
  };
  const auto hardware = [&](const char* name, const char* unit, const char* what, Kind kind,
                            double least, double most) {
    all.push_back({name, unit, what, kind, least, most, As::kHardware, "--hardware", true});
  };
  hardware("q_levels", "1", "levels of a query", Kind::kWhole, 2, 255);
  hardware("kv_levels", "1", "levels of a key or value", Kind::kWhole, 2, 256);
  hardware("k_levels", "1", "levels of a key, where those of a value are others", Kind::kWhole, 2,
           256);
  hardware("v_levels", "1", "levels of a value, where those of a key are others", Kind::kWhole, 2,
           256);
  hardware("output_levels", "1", "levels of an output", Kind::kWhole, 2, 1 << 20);
  hardware("tile", "1", "tokens of a sub-tile", Kind::kWhole, 1, 65536);
  hardware("s_sat_first_a", "A", "first converter's full scale, as a current", Kind::kNumber, 1e-9,
           1);
  hardware("s_sat_second_a", "A", "second converter's full scale, as a current", Kind::kNumber,
           1e-9, 1);
  hardware("decay_per_token", "1", "share of a stored voltage lost from token to token",
           Kind::kNumber, 0, 1);
  hardware("retention_tau_s", "s", "time constant of the stored voltage", Kind::kNumber, 1e-9, 1e9);
  hardware("retention_factor", "1", "how many times as long a cell holds its voltage",
           Kind::kNumber, 1e-6, 1e9);
  const auto spread = [&](const char* name, const char* unit, const char* what) {
    all.push_back({name, unit, what, Kind::kNumber, 0, 1e3, As::kSpread, "--spread", false});
  };
  spread("mismatch_factor", "1", "times the device's mismatch");
  spread("noise_factor", "1", "times the device's read noise");
  spread("cell_gain", "1", "mismatch of a cell's charge, one sigma");
  spread("cell_offset_v", "V", "mismatch of a stored voltage, one sigma");
  spread("relu_gain", "1", "mismatch of the first converter's gain, one sigma");
  spread("relu_offset_c", "C", "mismatch of the first converter's offset, one sigma");
  spread("relu_noise_c", "C", "noise of a conversion of the first converter, rms");
  spread("signed_gain", "1", "mismatch of the second converter's gain, one sigma");
  spread("signed_offset_c", "C", "mismatch of the second converter's offset, one sigma");
  spread("signed_noise_c", "C", "noise of a conversion of the second converter, rms");
  return all;
}

}  // namespace

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> all = make();
  return all;
}

const Parameter* find_parameter(const std::string& name) {
  const auto all = parameters();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Parameter& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace gaincell::sweep
