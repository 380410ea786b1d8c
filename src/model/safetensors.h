#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gaincell::model {

// Storage of a tensor on disk. In memory values are always float.
enum class Dtype { kF32, kF16, kBf16 };

// "F32", "F16", "BF16".
std::string to_string(Dtype dtype);

struct Tensor {
  std::vector<std::int64_t> shape;  // row-major; empty = one value
  std::vector<float> values;
  Dtype dtype = Dtype::kF32;  // as it was on disk, and as it will be written
};

// Number of elements of a shape.
std::int64_t element_count(const std::vector<std::int64_t>& shape);
// "[256, 768]".
std::string format_shape(const std::vector<std::int64_t>& shape);

// Reader of one safetensors file (8 byte header length, JSON header, tensor bytes). The constructor
// checks the whole layout: the header is inside the file and is JSON, every tensor has a known
// dtype, its byte range matches its shape, ranges neither overlap nor leave holes, the last one
// ends where the file ends, and no name stands twice. A violation is an Error that names the file
// and the tensor.
class SafetensorsReader {
 public:
  struct Entry {
    std::string dtype;  // as the file spells it; may be a kind that read() refuses, such as "I64"
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // bytes, from the end of the header
  };

  explicit SafetensorsReader(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, Entry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool has(const std::string& name) const { return entries_.count(name) != 0; }

  // One tensor, converted to float; F64 becomes F32. Error where it is absent, is neither F64, F32,
  // F16 nor BF16, or holds a value that is not finite as a float.
  Tensor read(const std::string& name) const;

 private:
  std::filesystem::path path_;
  std::uint64_t data_begin_ = 0;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

// Writes the tensors in the order of their names, each as its dtype (round to nearest even), by
// temporary file and rename: the same tensors give the same bytes. Error where a finite value does
// not fit the dtype.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace gaincell::model
