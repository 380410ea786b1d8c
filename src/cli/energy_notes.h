#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "energy/energy_model.h"

namespace gaincell::cli {

// active, standing, digital, total and circuits (active and standing), then every part by name;
// null is what is not known. total is the sum of the first three, to the last bit.
nlohmann::ordered_json to_json(const energy::Energy& energy);
// Every item of every part with its kind and source.
nlohmann::ordered_json items_json(const energy::Energy& energy);
// energy::not_counted(): what, unit, low, high and source; null is not known.
nlohmann::ordered_json not_counted_json();

// Where the device's tables of power between tokens end before this period: that, in words.
std::optional<std::string> period_warning(const energy::EnergyModel& model, double token_period_s);
// The same on standard error.
void warn_of_period(const energy::EnergyModel& model, double token_period_s);

}  // namespace gaincell::cli
