#include "model/model_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "model/checksums.h"

namespace gaincell::model {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 8> kVocabularies{"vocab.json",
                                                        "encoder.json",
                                                        "merges.txt",
                                                        "vocab.bpe",
                                                        "tokenizer.json",
                                                        "tokenizer_config.json",
                                                        "special_tokens_map.json",
                                                        "added_tokens.json"};

// Nothing of anyone else's stands in it: the whole folder is replaced.
bool written_by_us(const fs::path& folder) {
  const auto path = folder / "config.json";
  std::error_code error;
  if (!fs::is_directory(folder, error) || !fs::exists(path, error)) return false;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const bool known =
        name == "config.json" || name == "model.safetensors" || name == kChecksums ||
        std::find(kVocabularies.begin(), kVocabularies.end(), name) != kVocabularies.end();
    if (!known || !entry.is_regular_file(error)) return false;
  }
  try {
    const auto config = parse_json(read_file(path), path.string());
    return config.contains("/gaincell/record/adaptation"_json_pointer) ||
           config.contains("/gaincell/record/conversion"_json_pointer);
  } catch (const Error&) {
    return false;
  }
}

// "adapted/" names the same folder as "adapted", but has no name of its own to put a suffix on.
fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// Removes the folder unless it was kept.
struct Scaffold {
  fs::path path{};
  ~Scaffold() {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
  }
};

}  // namespace

void require_replaceable(const fs::path& out, const fs::path& source) {
  const fs::path target = without_slash(out);
  std::error_code ignored;
  const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  if (!fs::is_directory(parent, ignored) || ::access(parent.c_str(), W_OK) != 0) {
    throw Error(
        {.place = out.string(),
         .rule = fmt::format("the folder {} does not exist or is not writable", parent.string()),
         .remedy = "create it or choose another output"});
  }
  if (!fs::exists(fs::symlink_status(target, ignored))) return;
  if (fs::equivalent(target, source, ignored)) {
    throw Error({.place = out.string(),
                 .rule = "is the model that is read",
                 .remedy = "choose another output"});
  }
  if (!written_by_us(target)) {
    throw Error(
        {.place = out.string(),
         .rule = "exists, and was not written by `gaincell adapt` or `gaincell convert` alone",
         .remedy = "remove it or choose another output"});
  }
}

void write_scaled(const fs::path& out, const Model& model,
                  const std::vector<attention::Scalers>& scalers, const AttentionConfig& attention,
                  ScaledBy by, const nlohmann::json& record) {
  require_replaceable(out, model.folder);
  const fs::path target = without_slash(out);
  Scaffold scaffold{target};
  scaffold.path += fmt::format(".tmp{}", ::getpid());
  std::error_code error;
  if (!fs::create_directory(scaffold.path, error)) {
    const std::string why = error ? error.message() : "exists";
    const std::string place = std::exchange(scaffold.path, fs::path()).string();
    throw Error({.place = place,
                 .rule = "could not be made (" + why + ")",
                 .remedy = "remove it, or choose another output"});
  }

  const CheckpointFiles files = CheckpointFiles::in_folder(model.folder);
  std::map<std::string, Tensor> tensors;
  for (const std::string& name : files.names()) tensors[name] = files.read(name);
  for (std::size_t layer = 0; layer < scalers.size(); ++layer) {
    attention::Scalers parts = scalers[layer];
    for (const auto& [name, values] : scaler_parts(parts)) {
      const std::string tensor =
          files.prefix() + scaler_name(model.weights->config.family, static_cast<int>(layer),
                                       name.first, name.second);
      tensors[tensor] = {{static_cast<std::int64_t>(values->size())}, *values, Dtype::kF32};
    }
  }
  write_safetensors(scaffold.path / "model.safetensors", tensors, files.metadata());

  Config config = model.weights->config;
  config.attention = attention;
  if (!config.record.is_object()) config.record = nlohmann::json::object();
  config.record[by == ScaledBy::kAdaptation ? "adaptation" : "conversion"] = record;
  write_config(scaffold.path / "config.json", config);
  for (const std::string_view name : kVocabularies) {
    if (fs::exists(model.folder / name))
      write_file(scaffold.path / name, read_file(model.folder / name));
  }

  write_checksums(scaffold.path);

  // Two renames, since a folder with content cannot be renamed over; in between the old one still
  // exists under its other name.
  Scaffold old;
  if (fs::exists(target)) {
    fs::path aside = target;
    aside += fmt::format(".old{}", ::getpid());
    if (fs::exists(aside)) error = std::make_error_code(std::errc::file_exists);
    if (!error) fs::rename(target, aside, error);
    if (!error) old.path = aside;
  }
  if (!error) fs::rename(scaffold.path, target, error);
  if (!error) sync_folder_of(target);
  if (error) {
    std::error_code ignored;
    if (!old.path.empty()) fs::rename(old.path, target, ignored);
    throw Error({.place = out.string(),
                 .rule = "could not be written (" + error.message() + ")",
                 .remedy = "choose another output"});
  }
}

}  // namespace gaincell::model
