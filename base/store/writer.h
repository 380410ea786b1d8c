#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/store/formats.h"

namespace gaincell::store {

namespace detail {
struct WriterState;
}

enum class Storage {
  kPlain,       // contiguous
  kCompressed,  // shuffle and deflate, one chunk; worth it from some ten thousand values on
};

// A group or dataset of a file being written. A view: valid while its Writer lives and is not
// committed. Attribute names and values are UTF-8. Setting an attribute twice is an Error.
class Node {
 public:
  const std::string& path() const { return path_; }
  Node& attribute(const std::string& name, std::string_view text);
  Node& attribute(const std::string& name, const char* text) {
    return attribute(name, std::string_view(text));
  }
  Node& attribute(const std::string& name, double value);
  Node& attribute(const std::string& name, std::int64_t value);
  Node& attribute(const std::string& name, int value) {
    return attribute(name, static_cast<std::int64_t>(value));
  }
  Node& attribute(const std::string& name, std::uint64_t value);
  Node& attribute(const std::string& name, std::span<const std::string> texts);
  Node& attribute(const std::string& name, std::span<const double> values);

 protected:
  Node(detail::WriterState* state, std::string path) : state_(state), path_(std::move(path)) {}
  detail::WriterState* state_;
  std::string path_;  // absolute, "/" for the root
  friend class Group;
};

// Dimensions follow netCDF-4: a dimension is a dimension scale, known to its group and all groups
// below; a dataset names its dimensions and is attached to the nearest scale of each name.
class Group : public Node {
 public:
  // Opens or creates; "a/b" creates both.
  Group group(const std::string& name);

  // A dimension with coordinate values: a 1-D variable of its own name.
  Node axis(const std::string& name, std::span<const double> coordinates);
  // A dimension that is only a length.
  Node dimension(const std::string& name, std::size_t length);

  // values.size() must be the product of the dimensions' lengths (row-major). T: double, float,
  // uint8_t, uint32_t, int64_t, uint64_t, std::string.
  template <typename T>
  Node dataset(const std::string& name, const std::vector<std::string>& dimensions,
               std::span<const T> values, Storage storage = Storage::kPlain);
  template <typename T>
  Node dataset(const std::string& name, const std::vector<std::string>& dimensions,
               const std::vector<T>& values, Storage storage = Storage::kPlain) {
    return dataset(name, dimensions, std::span<const T>(values), storage);
  }
  // A single value, without dimensions. T as above.
  template <typename T>
  Node scalar(const std::string& name, const T& value) {
    return dataset(name, {}, std::span<const T>(&value, 1));
  }
  Node text(const std::string& name, std::string_view value) {
    return scalar(name, std::string(value));
  }

 private:
  friend class Writer;
  using Node::Node;
};

// A new HDF5 file, in netCDF-4 layout. Nothing but the calls made decides its bytes: no times, no
// library-chosen order. It appears under its name with commit(), whole; without commit() whatever
// stood there stays. HDF5 is not thread-safe: use this component from one thread at a time.
class Writer {
 public:
  // Throws Error if the folder does not exist or cannot be written.
  explicit Writer(const std::filesystem::path& target);
  ~Writer();
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;

  Group root();
  // Closes the file, and the Writer with it. Throws Error if not all of it reached the disk.
  void commit();

 private:
  std::unique_ptr<detail::WriterState> state_;
};

// What require_format reads: the first attributes of every gaincell file.
void write_format(Group& root, const Format& format);

}  // namespace gaincell::store
