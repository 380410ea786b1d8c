#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace gaincell::model {

// The tensors of one checkpoint: one safetensors file, or the shards that an index lists.
class CheckpointFiles {
 public:
  CheckpointFiles(SafetensorsReader file);  // NOLINT(google-explicit-constructor): one file is one
  // model.safetensors of the folder, or the shards of model.safetensors.index.json. Error where
  // neither is there (naming what is), or index and shards do not agree.
  static CheckpointFiles in_folder(const std::filesystem::path& folder);

  std::vector<std::string> names() const;
  bool has(const std::string& name) const { return file_of_.count(name) != 0; }
  const SafetensorsReader::Entry& entry(const std::string& name) const;
  Tensor read(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return files_.front().metadata(); }
  std::size_t files() const { return files_.size(); }

  // What stands ahead of the tensors' names: as a rule "transformer." in GPT-2, "model." in LLaMA.
  const std::string& prefix() const { return prefix_; }
  // "lm_head.weight", which stands beside the transformer and not in it.
  std::string head_name() const;

  // For messages: the file that has the tensor; without it, the file or the index.
  std::string place(const std::string& name = {}) const;
  // Of the file; of several, the hash of their hashes in the order of their names.
  std::string sha256() const;

 private:
  CheckpointFiles() = default;
  void add(SafetensorsReader file);
  void find_prefix();

  std::filesystem::path path_;
  std::vector<SafetensorsReader> files_;
  std::map<std::string, std::size_t> file_of_;
  std::string prefix_;
};

}  // namespace gaincell::model
