#pragma once

#include <nlohmann/json.hpp>

#include "export/content.h"

namespace gaincell::exports {

// Everything of a file but its long lists of numbers: where it came from, what each table or
// measurement is, how exact, by which benches. For formats that carry one text beside the numbers.
nlohmann::json description_of(const DeviceContent& content);
nlohmann::json description_of(const SamplesContent& content);

// Attributes of a bench's provenance by name, whole texts among them.
nlohmann::json provenance_of(const lut::Provenance& provenance);

// Null where the table has no hold-out points.
nlohmann::json error_of(const lut::TableEntry& entry);

}  // namespace gaincell::exports
