#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "model/tokenizer.h"
#include "model/transformer.h"
#include "model/weights.h"

namespace gaincell::model {

// A model folder: config.json, model.safetensors (or shards with their index), and the tokenizer's
// files.
struct Model {
  std::filesystem::path folder;
  std::shared_ptr<const Weights> weights;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string weights_sha256;  // of model.safetensors; of shards, of their hashes
  std::string config_sha256;   // of config.json
};

Model read_model(const std::filesystem::path& folder, Arithmetic arithmetic = Arithmetic::kF32);

}  // namespace gaincell::model
