#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/store/formats.h"

namespace gaincell::store {

namespace detail {
struct ReaderState;
}

// A dataset in memory, row-major; a scalar has an empty shape and one value.
template <typename T>
struct Array {
  std::vector<std::size_t> shape;
  std::vector<T> values;
};

enum class Kind { kNumber, kText, kOther };  // numbers: integers and floating point

// What is known of a file's bytes.
enum class Origin {
  kSealed,    // they are those that gaincell wrote
  kChanged,   // gaincell wrote it, and another program changed it since
  kUnsealed,  // of an earlier gaincell or another program
};

// A group or a dataset of an open file, as far as attributes go. Shares the file: may outlive the
// Reader. Every accessor throws Error, naming file and object, for what is missing or of another
// type. Text that is not UTF-8 reads with U+FFFD in its place.
class ReadNode {
 public:
  const std::string& path() const { return path_; }
  const std::string& file() const;
  Origin origin() const;

  std::vector<std::string> attribute_names() const;  // sorted; without netCDF-4's own
  bool has_attribute(const std::string& name) const;
  Kind attribute_kind(const std::string& name) const;
  std::string text_attribute(const std::string& name) const;
  double number_attribute(const std::string& name) const;
  std::vector<std::string> texts_attribute(const std::string& name) const;
  std::vector<double> numbers_attribute(const std::string& name) const;
  // The value, or what is given where there is no such attribute.
  std::string text_attribute(const std::string& name, const std::string& otherwise) const;
  double number_attribute(const std::string& name, double otherwise) const;

 protected:
  ReadNode(std::shared_ptr<detail::ReaderState> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)) {}
  std::shared_ptr<detail::ReaderState> state_;
  std::string path_;
};

class ReadDataset : public ReadNode {
 public:
  Kind kind() const;
  std::string type() const;  // for messages
  bool holds_integers() const;
  std::vector<std::size_t> shape() const;
  // Paths of the dimension scales, one a dimension; "" where a dimension has none.
  std::vector<std::string> dimension_paths() const;
  // What the file calls the dimensions, by HDF5's labels or by the scales; "" where it does not.
  std::vector<std::string> dimension_names() const;
  // Is it a dimension scale itself, and one without coordinates?
  bool is_dimension() const;
  bool is_bare_dimension() const;

  // T floating point: reads any number. T integer: reads integers that fit. std::string: reads
  // texts.
  template <typename T>
  Array<T> read() const;
  // Exactly one dimension.
  template <typename T>
  std::vector<T> read_vector() const;
  // Exactly one value.
  template <typename T>
  T read_scalar() const;

 private:
  friend class ReadGroup;
  using ReadNode::ReadNode;
};

class ReadGroup : public ReadNode {
 public:
  bool has(const std::string& name) const;       // "a/b" looks below
  std::vector<std::string> group_names() const;  // in the order of creation where the file knows it
  std::vector<std::string> dataset_names() const;  // likewise
  ReadGroup group(const std::string& name) const;
  ReadDataset dataset(const std::string& name) const;

 private:
  friend class Reader;
  using ReadNode::ReadNode;
};

// An existing HDF5 file, open for reading. One that is missing, empty, truncated, damaged or not
// HDF5 is an Error that says which. A sealed file (lut/FORMAT.md) is held to its checksum first;
// any is then read by a process of its own, as libhdf5 trusts what it reads. Links into other
// files, external and virtual storage, and more numbers than the file holds are refused where they
// are asked for.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path);
  ReadGroup root() const;

 private:
  std::shared_ptr<detail::ReaderState> state_;
};

// Throws Error unless the file is of this format and version: how every reader of a gaincell file
// begins.
void require_format(const ReadGroup& root, const Format& format);

// Tells on standard error, in one line, of a gaincell file without a seal: for readers that have
// found nothing wrong with it.
void warn_if_unsealed(const ReadNode& node);

}  // namespace gaincell::store
