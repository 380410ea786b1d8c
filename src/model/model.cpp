#include "model/model.h"

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "model/checksums.h"

namespace gaincell::model {

Model read_model(const std::filesystem::path& folder, Arithmetic arithmetic) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw Error(
        {.place = folder.string(),
         .rule = "is not a folder",
         .remedy = "a model is a folder with config.json, model.safetensors and vocab.json"});
  }
  const auto config_path = folder / "config.json";
  require_checksums(folder);
  Model model;
  model.folder = folder;
  const Config config = read_config(config_path);
  const CheckpointFiles files = CheckpointFiles::in_folder(folder);
  model.weights = std::make_shared<Weights>(read_weights(files, config, arithmetic));
  model.tokenizer = read_tokenizer(folder, config.vocab_size, config.beginning_token);
  model.weights_sha256 = files.sha256();
  model.config_sha256 = sha256_of_file(config_path);
  return model;
}

}  // namespace gaincell::model
