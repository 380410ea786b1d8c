#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace gaincell::energy {

// Per token and head at a window of 1,024 with heads of 64; Leroux et al., Nature Computational
// Science 5, 813 (2025).
struct PublishedEnergy {
  const char* part;  // as in Energy::Part
  double energy_j;
};
inline constexpr std::array kPublishedEnergies{
    PublishedEnergy{"first_array", 1120e-12}, PublishedEnergy{"second_array", 700e-12},
    PublishedEnergy{"digital_control", 4000e-12}, PublishedEnergy{"write_dac", 330e-12}};
inline constexpr int kPublishedWindow = 1024, kPublishedDim = 64;

// None where nothing was published of this part.
constexpr std::optional<double> published_j(std::string_view part) {
  for (const PublishedEnergy& published : kPublishedEnergies)
    if (part == published.part) return published.energy_j;
  return std::nullopt;
}

}  // namespace gaincell::energy
