#include "cli/energy_notes.h"

#include <fmt/format.h>

#include <string>

#include "base/json.h"
#include "base/units.h"
#include "cli/say.h"
#include "energy/not_counted.h"

namespace gaincell::cli {

using energy::Kind;

nlohmann::ordered_json to_json(const energy::Energy& energy) {
  nlohmann::ordered_json json;
  for (const Kind kind : {Kind::kActive, Kind::kStanding, Kind::kDigital})
    json[std::string(name(kind))] = number_or_null(energy.kind_j(kind));
  json["total"] = number_or_null(energy.total_j());
  json["circuits"] = number_or_null(energy.circuits_j());
  for (const auto& part : energy.parts) json[part.name] = number_or_null(part.energy_j());
  return json;
}

nlohmann::ordered_json items_json(const energy::Energy& energy) {
  auto items = nlohmann::ordered_json::array();
  for (const auto& part : energy.parts)
    for (const auto& item : part.items)
      items.push_back({{"part", part.name},
                       {"item", item.name},
                       {"kind", name(part.kind)},
                       {"energy_j_per_token", number_or_null(item.energy_j)},
                       {"source", item.source}});
  return items;
}

nlohmann::ordered_json not_counted_json() {
  auto list = nlohmann::ordered_json::array();
  for (const energy::NotCounted& entry : energy::not_counted())
    list.push_back({{"what", entry.what},
                    {"unit", entry.unit},
                    {"low", number_or_null(entry.low)},
                    {"high", number_or_null(entry.high)},
                    {"per", "token and head at window 1024 and 64 dimensions"},
                    {"source", entry.source}});
  return list;
}

std::optional<std::string> period_warning(const energy::EnergyModel& model, double token_period_s) {
  const double known_s = model.known_period_s();
  if (token_period_s <= known_s) return std::nullopt;
  return fmt::format(
      "standing energy is not known at a token period of {}: the device's tables of power between "
      "tokens end at {}",
      format_si(token_period_s, "s"), format_si(known_s, "s"));
}

void warn_of_period(const energy::EnergyModel& model, double token_period_s) {
  if (const auto warning = period_warning(model, token_period_s)) note("warning: {}\n", *warning);
}

}  // namespace gaincell::cli
