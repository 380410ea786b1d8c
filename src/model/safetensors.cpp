#include "model/safetensors.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace gaincell::model {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

// The format's own bound; keeps a garbage length from asking for gigabytes.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr const char* kFetchAgain = "the file is damaged: copy or export it again";
constexpr const char* kNoSafetensors =
    "this is not a safetensors file, or it is damaged: export it again";

// Bytes per element of the format's dtypes, 0 if unknown.
std::uint64_t bytes_per_element(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> kBytes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  const auto found = kBytes.find(dtype);
  return found == kBytes.end() ? 0 : found->second;
}

float load(Dtype dtype, const char* bytes) {
  switch (dtype) {
    case Dtype::kF32: {
      float value;
      std::memcpy(&value, bytes, sizeof value);
      return value;
    }
    case Dtype::kF16: {
      std::uint16_t bits;
      std::memcpy(&bits, bytes, sizeof bits);
      return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits));
    }
    case Dtype::kBf16: {
      std::uint16_t bits;
      std::memcpy(&bits, bytes, sizeof bits);
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    }
  }
  return 0;
}

void store(Dtype dtype, float value, std::string& bytes) {
  switch (dtype) {
    case Dtype::kF32:
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
      return;
    case Dtype::kF16: {
      const auto bits = Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value));
      bytes.append(reinterpret_cast<const char*>(&bits), sizeof bits);
      return;
    }
    case Dtype::kBf16: {
      const auto bits = Eigen::numext::bit_cast<std::uint16_t>(Eigen::bfloat16(value));
      bytes.append(reinterpret_cast<const char*>(&bits), sizeof bits);
      return;
    }
  }
}

// Dtypes that weights are read from: how one is loaded, and what is written for it.
struct Readable {
  std::size_t bytes;
  Dtype written;
  float (*load)(const char* bytes);
};
Readable readable_dtype(const std::string& spelled, const std::string& place,
                        const std::string& name) {
  if (spelled == "F32") return {4, Dtype::kF32, [](const char* b) { return load(Dtype::kF32, b); }};
  if (spelled == "F16") return {2, Dtype::kF16, [](const char* b) { return load(Dtype::kF16, b); }};
  if (spelled == "BF16")
    return {2, Dtype::kBf16, [](const char* b) { return load(Dtype::kBf16, b); }};
  if (spelled == "F64")
    return {8, Dtype::kF32, [](const char* b) {
              double value;
              std::memcpy(&value, b, sizeof value);
              return static_cast<float>(value);
            }};
  throw Error({.place = place,
               .key = name,
               .value = spelled,
               .rule = "weights are read from F64, F32, F16 or BF16",
               .remedy = "convert the checkpoint"});
}

}  // namespace

std::string to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return "F32";
    case Dtype::kF16:
      return "F16";
    case Dtype::kBf16:
      return "BF16";
  }
  return {};
}

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::string format_shape(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

namespace {

using Entry = SafetensorsReader::Entry;

struct Header {
  nlohmann::json tree;       // an object
  std::uint64_t data_bytes;  // behind it
};

// `data_begin`: where the data start, bytes.
Header read_header(const std::filesystem::path& path, std::uint64_t& data_begin) {
  const std::string place = path.string();
  std::error_code error;
  // A named pipe would be waited for.
  const bool regular = std::filesystem::is_regular_file(path, error);
  std::ifstream in(regular ? path : std::filesystem::path(), std::ios::binary);
  const std::uint64_t file_bytes = in ? std::filesystem::file_size(path, error) : 0;
  if (!in || error) {
    throw Error({.place = place,
                 .rule = "cannot be read",
                 .remedy = "a model folder holds config.json, model.safetensors and vocab.json"});
  }
  std::uint64_t header_bytes = 0;
  if (file_bytes < 8 || !in.read(reinterpret_cast<char*>(&header_bytes), 8)) {
    throw Error({.place = place,
                 .key = "file size",
                 .value = fmt::format("{} bytes", file_bytes),
                 .rule = "a safetensors file starts with 8 bytes of header length",
                 .remedy = kFetchAgain});
  }
  if (header_bytes > kMaxHeaderBytes) {
    throw Error({.place = place,
                 .key = "header length",
                 .value = std::to_string(header_bytes),
                 .rule = fmt::format("at most {} bytes", kMaxHeaderBytes),
                 .remedy = kNoSafetensors});
  }
  if (header_bytes > file_bytes - 8) {
    throw Error(
        {.place = place,
         .key = "header length",
         .value = std::to_string(header_bytes),
         .rule = fmt::format("the file is cut off inside the header, after {} bytes", file_bytes),
         .remedy = kFetchAgain});
  }
  std::string text(header_bytes, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(header_bytes)))
    throw Error({.place = place, .rule = "cannot be read", .remedy = kFetchAgain});
  nlohmann::json tree = parse_json(text, place + ": header", kNoSafetensors);
  if (!tree.is_object())
    throw Error({.place = place,
                 .key = "header",
                 .value = brief_json(tree),
                 .rule = "must be a JSON object",
                 .remedy = kNoSafetensors});
  data_begin = 8 + header_bytes;
  return {std::move(tree), file_bytes - data_begin};
}

std::map<std::string, std::string> texts_of(const nlohmann::json& metadata) {
  std::map<std::string, std::string> texts;
  if (!metadata.is_object()) return texts;
  for (const auto& [key, value] : metadata.items())
    if (value.is_string()) texts[key] = value.get<std::string>();
  return texts;
}

bool is_list_of_counts(const nlohmann::json& item, const char* key) {
  const auto is_count = [](const nlohmann::json& j) { return j.is_number_unsigned(); };
  return item.contains(key) && item[key].is_array() &&
         std::all_of(item[key].begin(), item[key].end(), is_count);
}

// Beyond `most` where the shape holds more than that.
std::uint64_t bytes_of(const std::vector<std::int64_t>& shape, std::uint64_t element_bytes,
                       std::uint64_t most) {
  std::uint64_t bytes = element_bytes;
  for (const std::int64_t signed_extent : shape) {
    const auto extent = static_cast<std::uint64_t>(signed_extent);
    // Bounded at each step, so the product cannot overflow.
    if (extent != 0 && bytes > most / extent) return most + 1;
    bytes *= extent;
  }
  return bytes;
}

Entry entry_of(const std::string& name, const nlohmann::json& item, std::uint64_t data_bytes,
               const std::string& place) {
  const auto refuse = [&](const std::string& value, const std::string& rule) -> Error {
    return Error(
        {.place = place, .key = name, .value = value, .rule = rule, .remedy = kFetchAgain});
  };
  if (!item.is_object() || !item.contains("dtype") || !item["dtype"].is_string() ||
      !is_list_of_counts(item, "shape") || !is_list_of_counts(item, "data_offsets") ||
      item["data_offsets"].size() != 2) {
    throw refuse(brief_json(item), "a tensor needs dtype, shape and two data_offsets");
  }
  Entry entry;
  entry.dtype = item["dtype"].get<std::string>();
  entry.begin = item["data_offsets"][0].get<std::uint64_t>();
  entry.end = item["data_offsets"][1].get<std::uint64_t>();
  const std::uint64_t element_bytes = bytes_per_element(entry.dtype);
  if (element_bytes == 0) throw refuse(entry.dtype, "unknown dtype");
  if (entry.begin > entry.end) {
    throw refuse(fmt::format("[{}, {}]", entry.begin, entry.end), "data_offsets must not fall");
  }
  if (entry.end > data_bytes) {
    throw refuse(
        fmt::format("[{}, {}]", entry.begin, entry.end),
        fmt::format("data_offsets end outside the file, which holds {} bytes of data: it is "
                    "cut off or damaged",
                    data_bytes));
  }
  for (const auto& extent : item["shape"])
    entry.shape.push_back(static_cast<std::int64_t>(extent.get<std::uint64_t>()));
  if (bytes_of(entry.shape, element_bytes, data_bytes) != entry.end - entry.begin) {
    throw refuse(fmt::format("{} {}", entry.dtype, brief_json(item["shape"])),
                 fmt::format("shape and dtype do not match the {} bytes of its data_offsets",
                             entry.end - entry.begin));
  }
  return entry;
}

// The tensors lie one after another, without overlap or hole, to the end of the file.
void check_layout(const std::map<std::string, Entry>& entries, std::uint64_t data_bytes,
                  const std::string& place) {
  std::vector<std::pair<std::string, const Entry*>> order;
  for (const auto& [name, entry] : entries) order.emplace_back(name, &entry);
  std::stable_sort(order.begin(), order.end(), [](const auto& x, const auto& y) {
    return std::pair(x.second->begin, x.second->end) < std::pair(y.second->begin, y.second->end);
  });
  std::uint64_t reached = 0;
  std::string previous = "the header";
  for (const auto& [name, entry] : order) {
    if (entry->begin != reached) {
      throw Error(
          {.place = place,
           .key = name,
           .value = fmt::format("[{}, {}]", entry->begin, entry->end),
           .rule = fmt::format("data_offsets {} {}",
                               entry->begin < reached ? "overlap those of" : "leave a hole after",
                               previous),
           .remedy = kFetchAgain});
    }
    reached = entry->end;
    previous = name;
  }
  if (reached != data_bytes) {
    throw Error({.place = place,
                 .key = "file size",
                 .value = fmt::format("{} bytes of data", data_bytes),
                 .rule = fmt::format("the header accounts for {}", reached),
                 .remedy = kFetchAgain});
  }
}

}  // namespace

SafetensorsReader::SafetensorsReader(std::filesystem::path path) : path_(std::move(path)) {
  const std::string place = path_.string();
  const auto [header, data_bytes] = read_header(path_, data_begin_);
  for (const auto& element : header.items()) {
    if (element.key() == "__metadata__")
      metadata_ = texts_of(element.value());
    else
      entries_.emplace(element.key(), entry_of(element.key(), element.value(), data_bytes, place));
  }
  check_layout(entries_, data_bytes, place);
}

Tensor SafetensorsReader::read(const std::string& name) const {
  const std::string place = path_.string();
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    throw Error({.place = place,
                 .key = name,
                 .rule = "the tensor is missing",
                 .remedy = "use a checkpoint that matches config.json"});
  }
  const Entry& entry = found->second;
  Tensor tensor;
  tensor.shape = entry.shape;
  const Readable readable = readable_dtype(entry.dtype, place, name);
  tensor.dtype = readable.written;
  std::string bytes(entry.end - entry.begin, '\0');
  std::ifstream in(path_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(data_begin_ + entry.begin));
  if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw Error({.place = place, .key = name, .rule = "could not be read", .remedy = kFetchAgain});
  }
  tensor.values.resize(bytes.size() / readable.bytes);
  for (std::size_t i = 0; i < tensor.values.size(); ++i) {
    const float value = readable.load(bytes.data() + i * readable.bytes);
    if (!std::isfinite(value)) {
      throw Error(
          {.place = place,
           .key = fmt::format("{}[{}]", name, i),
           .value = fmt::format("{}", value),
           .rule = entry.dtype == "F64" ? "weights must be finite in single precision"
                                        : "weights must be finite",
           .remedy = "the training diverged or the file is damaged; use another checkpoint"});
    }
    tensor.values[i] = value;
  }
  return tensor;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    assert(element_count(tensor.shape) == static_cast<std::int64_t>(tensor.values.size()));
    const std::size_t begin = data.size();
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      const std::size_t at = data.size();
      store(tensor.dtype, tensor.values[i], data);
      if (!std::isfinite(load(tensor.dtype, data.data() + at))) {
        throw Error({.place = path.string(),
                     .key = fmt::format("{}[{}]", name, i),
                     .value = fmt::format("{}", tensor.values[i]),
                     .rule = "does not fit " + to_string(tensor.dtype),
                     .remedy = "write this tensor as F32 or BF16"});
      }
    }
    header[name] = {{"dtype", to_string(tensor.dtype)},
                    {"shape", tensor.shape},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text = json_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // data start aligned, as the format asks
  const std::uint64_t header_bytes = text.size();
  std::string file(reinterpret_cast<const char*>(&header_bytes), 8);
  file += text;
  file += data;
  write_file(path, file);
}

}  // namespace gaincell::model
