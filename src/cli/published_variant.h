#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "lut/gain_cell_device.h"
#include "lut/published.h"

namespace gaincell::cli {

// --published-variant.
void declare_published_variant(Arguments& app, std::vector<std::string>& words);
// From KEY=VALUE words. Error where a key or value is unknown, or a key comes twice.
lut::PublishedVariant parse_published_variant(const std::vector<std::string>& words);
// For settings: every key with its value.
nlohmann::ordered_json to_json(const lut::PublishedVariant& variant);

// How far the published current is off the simulations that it was fitted to, in a line for people;
// none where the device does not state it.
std::optional<std::string> published_current_note(const lut::GainCellDevice& device);

}  // namespace gaincell::cli
