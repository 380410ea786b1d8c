#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "model/config.h"
#include "model/safetensors.h"

namespace gaincell::model {

// A small checkpoint with random weights: 2 layers, 2 heads of 16, 24 positions, 7 tokens.
Config tiny_config();
std::map<std::string, Tensor> tiny_tensors(const Config& config, std::uint64_t seed = 1);
// config.json, model.safetensors and vocab.json (characters "abcdef\n").
void write_tiny_model(const std::filesystem::path& folder, const Config& config,
                      const std::map<std::string, Tensor>& tensors);

}  // namespace gaincell::model
