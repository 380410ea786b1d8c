#include "model/checkpoint_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/sha256.h"

namespace gaincell::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kExportAgain = "export the model again, e.g. with save_pretrained()";

// No weights under the usual name: what else of weights is in the folder?
Error no_weights(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    for (const char* ending : {".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".ckpt"})
      if (name.ends_with(ending)) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  if (found.size() > 4) found.resize(4);
  const bool shards = std::any_of(found.begin(), found.end(),
                                  [](const auto& name) { return name.ends_with(".safetensors"); });
  return Error(
      {.place = (folder / kFile).string(),
       .rule = found.empty() ? "is missing"
                             : fmt::format("is missing; the folder has {}", fmt::join(found, ", ")),
       .remedy = found.empty() ? "a model folder holds config.json, model.safetensors and "
                                 "vocab.json"
                 : shards ? fmt::format("name the file {}, or add the shards' {}", kFile, kIndex)
                          : "convert it: from_pretrained() and save_pretrained() of "
                            "transformers write model.safetensors"});
}

// Tensor -> shard.
std::map<std::string, std::string> read_index(const fs::path& path) {
  const nlohmann::json index = parse_json(read_file(path), path.string(), kExportAgain);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty())
    throw Error({.place = path.string(),
                 .key = "weight_map",
                 .rule = "must map tensors to files",
                 .remedy = kExportAgain});
  std::map<std::string, std::string> shard_of;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..")
      throw Error({.place = path.string(),
                   .key = tensor,
                   .value = brief_json(shard),
                   .rule = "must be the name of a file beside the index",
                   .remedy = kExportAgain});
    shard_of[tensor] = name;
  }
  return shard_of;
}

}  // namespace

CheckpointFiles::CheckpointFiles(SafetensorsReader file) : path_(file.path()) {
  add(std::move(file));
  find_prefix();
}

CheckpointFiles CheckpointFiles::in_folder(const fs::path& folder) {
  const fs::path index = folder / kIndex;
  std::error_code ignored;
  if (fs::exists(folder / kFile, ignored)) return SafetensorsReader(folder / kFile);
  if (!fs::exists(index, ignored)) throw no_weights(folder);

  CheckpointFiles checkpoint;
  checkpoint.path_ = index;
  const auto shard_of = read_index(index);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : shard_of) shards.insert(shard);
  for (const std::string& shard : shards) {
    if (!fs::exists(folder / shard, ignored))
      throw Error({.place = index.string(),
                   .key = "weight_map",
                   .value = shard,
                   .rule = fmt::format("this shard of {} is missing", shards.size()),
                   .remedy = "copy all of them into the folder"});
    checkpoint.add(SafetensorsReader(folder / shard));
  }
  for (const auto& [tensor, shard] : shard_of)
    if (!checkpoint.has(tensor) ||
        checkpoint.files_[checkpoint.file_of_.at(tensor)].path().filename() != shard)
      throw Error({.place = index.string(),
                   .key = tensor,
                   .value = shard,
                   .rule = "this shard does not have the tensor",
                   .remedy = "copy index and shards of one export"});
  for (const auto& [tensor, file] : checkpoint.file_of_)
    if (!shard_of.contains(tensor))
      throw Error({.place = checkpoint.place(tensor),
                   .key = tensor,
                   .rule = "the index does not list the tensor",
                   .remedy = "copy index and shards of one export"});
  checkpoint.find_prefix();
  return checkpoint;
}

void CheckpointFiles::add(SafetensorsReader file) {
  for (const auto& [name, entry] : file.entries()) {
    const auto [other, added] = file_of_.emplace(name, files_.size());
    if (!added)
      throw Error({.place = file.path().string(),
                   .key = name,
                   .rule = fmt::format("{} has this tensor as well",
                                       files_[other->second].path().filename().string()),
                   .remedy = kExportAgain});
  }
  files_.push_back(std::move(file));
}

void CheckpointFiles::find_prefix() {
  for (const char* known : {"wte.weight", "wpe.weight", "ln_f.weight", "embed_tokens.weight",
                            "layers.0.input_layernorm.weight"})
    for (const auto& [name, file] : file_of_)
      if (name.ends_with(known)) {
        prefix_ = name.substr(0, name.size() - std::string_view(known).size());
        return;
      }
}

std::vector<std::string> CheckpointFiles::names() const {
  std::vector<std::string> all;
  for (const auto& [name, file] : file_of_) all.push_back(name);
  return all;
}

const SafetensorsReader::Entry& CheckpointFiles::entry(const std::string& name) const {
  return files_[file_of_.at(name)].entries().at(name);
}

Tensor CheckpointFiles::read(const std::string& name) const {
  return files_[file_of_.at(name)].read(name);
}

std::string CheckpointFiles::head_name() const {
  std::string outside = prefix_;
  for (const std::string_view inside : {"transformer.", "model."})
    if (prefix_.ends_with(inside)) outside.resize(prefix_.size() - inside.size());
  return outside + "lm_head.weight";
}

std::string CheckpointFiles::place(const std::string& name) const {
  const auto found = file_of_.find(name);
  return found == file_of_.end() ? path_.string() : files_[found->second].path().string();
}

std::string CheckpointFiles::sha256() const {
  std::string hashes;
  for (const SafetensorsReader& file : files_) hashes += sha256_of_file(file.path());
  return files_.size() == 1 ? hashes : gaincell::sha256(hashes);
}

}  // namespace gaincell::model
