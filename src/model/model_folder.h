#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "model/model.h"

namespace gaincell::model {

// Error unless `out` is free to be written: absent, or a model that adapt or convert has written
// before, and not `source` itself. Cheap; asked before the work is done.
void require_replaceable(const std::filesystem::path& out, const std::filesystem::path& source);

// How the scalers of a copied model came about.
enum class ScaledBy { kAdaptation, kConversion };

// Copies the model to `out` with these scalers (one set per layer, F32), this attention, and
// `record` under "adaptation" or "conversion" of the config's record; all other tensors keep their
// bits and dtype. The folder appears whole, by rename, or not at all.
void write_scaled(const std::filesystem::path& out, const Model& model,
                  const std::vector<attention::Scalers>& scalers, const AttentionConfig& attention,
                  ScaledBy by, const nlohmann::json& record);

}  // namespace gaincell::model
