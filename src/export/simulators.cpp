// Cells for simulators of crossbars: CrossSim, aihwkit. NeuroSim: neurosim.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "export/folder.h"
#include "export/formats.h"
#include "export/levels.h"

namespace gaincell::exports {
namespace {

std::string listed(std::span<const double> values) {
  std::string text = "[";
  for (const double value : values)
    text += (text.size() == 1 ? "" : ", ") + fmt::format("{:.9g}", value);
  return text + "]";
}

std::string listed(const std::vector<std::vector<double>>& rows) {
  std::string text = "[\n";
  for (const std::vector<double>& row : rows) text += "    " + listed(row) + ",\n";
  return text + "]";
}

void require_retention(const Levels& levels, const DeviceContent& content,
                       const std::string& format) {
  if (levels.left.empty()) require_tables(content, format, {"cell_retention"});
}

constexpr const char* kCrossSim = R"(import numpy as np

from simulator.backend import ComputeBackend
from simulator.devices.idevice import EmptyDevice

xp = ComputeBackend()


class GainCell(EmptyDevice):
    """A gain cell: weights are stored voltages, from 0 V (Gmin) to the supply (Gmax).

    Import this module before the parameters are read, and name "GainCell" as model of programming_error or
    drift_error. `time` is in days, as in CrossSim's other devices. Ages beyond the last are held there.
    """

    weight = np.array(WEIGHT)
    current_a = np.array(CURRENT_A)
    sigma = np.array(SIGMA)
    age_s = np.array(AGE_S)
    left = np.array(LEFT)

    def _weight_of(self, input_):
        return (input_ - self.Gmin_norm) / self.Grange_norm

    def _with_spread(self, input_, weight):
        sigma = xp.array(np.interp(self._weight_of(np.asarray(input_)), self.weight, self.sigma))
        noisy = weight + sigma * xp.random.normal(size=input_.shape)
        return self.Gmin_norm + self.Grange_norm * noisy

    def programming_error(self, input_):
        """Mismatch of the cells."""
        return self._with_spread(input_, self._weight_of(input_))

    def drift_error(self, input_, time):
        """What retention leaves of the weights, with their mismatch."""
        age = time * 86400.0
        if age <= 0:
            return self.programming_error(input_)
        at = [np.interp(np.log(age), np.log(self.age_s), row) for row in self.left]
        weight = xp.array(np.interp(self._weight_of(np.asarray(input_)), self.weight, at))
        return self._with_spread(input_, weight)
)";

}  // namespace

void device_to_crosssim(const DeviceContent& content, const std::filesystem::path& out) {
  constexpr std::size_t kPoints = 37;
  const Levels levels = levels_of(content, "crosssim", kPoints);
  require_retention(levels, content, "crosssim");
  std::vector<std::string> head = header_lines(content);
  head.push_back(levels.about);
  head.emplace_back(
      "WEIGHT 0 .. 1, CURRENT_A at a bitline at mid-rail, SIGMA of the weight; LEFT[weight][age]");
  write_file(out, as_comment(head, "# ") +
                      fmt::format("\nWEIGHT = {}\nCURRENT_A = {}\nSIGMA = {}\nAGE_S = {}\nLEFT = "
                                  "{}\n\n",
                                  listed(levels.weight), listed(levels.current_a),
                                  listed(levels.sigma), listed(levels.age_s), listed(levels.left)) +
                      kCrossSim);
}

// aihwkit knows drift as (t / t_0)^-nu. What a cell does is none, so the exponent is the one that
// is right at one age, and the file says how far it is off before.
void device_to_aihwkit(const DeviceContent& content, const std::filesystem::path& out) {
  constexpr std::size_t kPoints = 37;
  const Levels levels = levels_of(content, "aihwkit", kPoints);
  require_retention(levels, content, "aihwkit");
  const std::size_t middle = kPoints / 2;  // no weight: the stored zero
  const double scale_us =
      1e6 * (levels.current_a.back() - levels.current_a.front()) / levels.read_v;
  const double t_0 = levels.age_s.front();
  // The age at which the largest weight has lost a tenth, or the last one.
  std::size_t fit = levels.age_s.size() - 1;
  const auto share = [&](std::size_t point, std::size_t age) {
    return (levels.left[point][age] - levels.left[middle][age]) /
           (levels.weight[point] - levels.weight[middle]);
  };
  while (fit > 1 && share(kPoints - 1, fit) < 0.9) --fit;
  std::vector<double> g_us{0}, nu{0}, none{0};
  double worst = 0;
  for (std::size_t point = middle + 1; point < kPoints; ++point) {
    g_us.push_back(scale_us * (levels.weight[point] - levels.weight[middle]));
    const double left = std::clamp(share(point, fit) / share(point, 0), 1e-6, 1.0);
    nu.push_back(-std::log(left) / std::log(levels.age_s[fit] / t_0));
    none.push_back(0);
    for (std::size_t age = 0; age <= fit; ++age)
      worst = std::max(worst, std::abs(share(point, age) / share(point, 0) -
                                       std::pow(levels.age_s[age] / t_0, -nu.back())));
  }
  nu[0] = nu[1];
  double sigma = 0;
  for (const double one : levels.sigma) sigma += one / static_cast<double>(levels.sigma.size());
  std::vector<std::string> head = header_lines(content);
  head.insert(head.end(),
              {levels.about,
               "conductances in uS: read current above that of the stored zero, over the supply",
               fmt::format("drift (t/t_0)^-nu is right at {} s; retention is no power of time: at "
                           "ages up to there it is off by at most {:.2g} of a weight, beyond it "
                           "says nothing",
                           format_exact(levels.age_s[fit]), worst),
               "from aihwkit.inference.noise.pcm import CustomDriftPCMLikeNoiseModel",
               "noise = CustomDriftPCMLikeNoiseModel(**NOISE_MODEL)"});
  write_file(out, as_comment(head, "# ") +
                      fmt::format("NOISE_MODEL = {{\n"
                                  "    \"custom_drift_model\": {{\n"
                                  "        \"g_lst\": {},\n        \"nu_mean_lst\": {},\n"
                                  "        \"nu_std_lst\": {},\n    }},\n"
                                  "    \"prog_coeff\": [{:.9g}, 0.0, 0.0],\n"
                                  "    \"g_max\": {:.9g},\n    \"t_0\": {},\n"
                                  "    \"read_noise_scale\": 0.0,\n}}\n"
                                  "VALID_UNTIL_S = {}\n",
                                  listed(g_us), listed(nu), listed(none), sigma * scale_us,
                                  g_us.back(), format_exact(t_0), format_exact(levels.age_s[fit])));
}

}  // namespace gaincell::exports
