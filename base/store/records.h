#pragma once
// Internal to this component: what the reading process (decoder.h) tells of a file, and how it
// stands in the bytes between it and the program.

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/store/reader.h"

namespace gaincell::store {

// Type and extents of a dataset or an attribute.
struct Content {
  Kind kind = Kind::kOther;
  std::string type;  // for messages: "a compound type"
  bool integer = false;
  bool is_signed = true;
  std::uint64_t size = 0;  // bytes of one element in the file
  std::vector<std::uint64_t> shape;
  std::string problem;  // why its values cannot be had; "" if they can

  std::uint64_t count() const {
    std::uint64_t n = 1;
    for (const std::uint64_t extent : shape) n *= extent;
    return n;
  }
};

struct AttributeRecord {
  Content content;
  std::vector<double> numbers;
  std::vector<std::string> texts;
};

struct ObjectRecord {
  enum class What : std::uint8_t { kGroup, kDataset, kOther };
  What what = What::kOther;
  std::string problem;  // why it cannot be opened: a link to nowhere or into another file
  std::map<std::string, AttributeRecord> attributes;
  // Of a group, in the order of creation where the file knows it: name and index of the object.
  std::vector<std::pair<std::string, std::uint64_t>> children;
  // Of a dataset.
  Content content;
  std::vector<std::string> scales;  // path of each dimension's scale, "" where there is none
  std::vector<std::string> labels;  // HDF5's own names of the dimensions, likewise
  bool is_scale = false, is_bare = false;
};

// The file as a whole. objects[0] is the root group.
struct FileRecord {
  std::string failure;    // HDF5's reason where it cannot be opened; the rest is then empty
  std::uint64_t end = 0;  // where HDF5 says that the file ends
  std::vector<ObjectRecord> objects;
};

enum class NumberType : std::uint64_t { kDouble, kFloat, kUint8, kUint32, kInt64, kUint64, kText };

struct Request {
  std::uint64_t object = 0;
  NumberType type = NumberType::kDouble;
};
// An answer's head; `bytes` follow: values, packed texts, or a message where not ok.
struct Answer {
  std::uint64_t ok = 0, bytes = 0;
};

// Writes and reads plain bytes of one machine: both ends are the same program.
class Packer {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void operator()(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(std::uint64_t{text.size()});
    bytes_ += text;
  }
  template <typename T>
  void operator()(const std::vector<T>& values) {
    (*this)(std::uint64_t{values.size()});
    for (const T& value : values) (*this)(value);
  }
  template <typename A, typename B>
  void operator()(const std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }
  template <typename A, typename B>
  void operator()(const std::map<A, B>& map) {
    (*this)(std::uint64_t{map.size()});
    for (const auto& entry : map) (*this)(entry);
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const T& record) { visit(*this, record); }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Throws std::length_error where the bytes end too early: a damaged file may have made the reading
// process write anything.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void operator()(T& value) { std::memcpy(&value, take(sizeof value), sizeof value); }
  void operator()(bool& value) { value = *take(1) != 0; }
  void operator()(std::string& text) {
    const std::uint64_t size = length(1);
    text.assign(take(size), size);
  }
  template <typename T>
  void operator()(std::vector<T>& values) {
    values.clear();
    for (std::uint64_t left = length(1); left > 0; --left) (*this)(values.emplace_back());
  }
  template <typename A, typename B>
  void operator()(std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }
  template <typename A, typename B>
  void operator()(std::map<A, B>& map) {
    map.clear();
    for (std::uint64_t left = length(1); left > 0; --left) {
      std::pair<A, B> entry;
      (*this)(entry);
      map.insert(std::move(entry));
    }
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(T& record) { visit(*this, record); }

 private:
  const char* take(std::uint64_t size) {
    if (size > bytes_.size()) throw std::length_error("too few bytes");
    const char* at = bytes_.data();
    bytes_.remove_prefix(size);
    return at;
  }
  std::uint64_t length(std::uint64_t least) {
    std::uint64_t size = 0;
    (*this)(size);
    if (size > bytes_.size() / least) throw std::length_error("too few bytes");
    return size;
  }

  std::string_view bytes_;
};

template <typename Archive, typename T>
requires std::is_same_v<std::remove_const_t<T>, Content>
void visit(Archive& a, T& c) {
  a(c.kind), a(c.type), a(c.integer), a(c.is_signed), a(c.size), a(c.shape), a(c.problem);
}
template <typename Archive, typename T>
requires std::is_same_v<std::remove_const_t<T>, AttributeRecord>
void visit(Archive& a, T& r) { a(r.content), a(r.numbers), a(r.texts); }
template <typename Archive, typename T>
requires std::is_same_v<std::remove_const_t<T>, ObjectRecord>
void visit(Archive& a, T& r) {
  a(r.what), a(r.problem), a(r.attributes), a(r.children), a(r.content), a(r.scales), a(r.labels),
      a(r.is_scale), a(r.is_bare);
}
template <typename Archive, typename T>
requires std::is_same_v<std::remove_const_t<T>, FileRecord>
void visit(Archive& a, T& r) { a(r.failure), a(r.end), a(r.objects); }

}  // namespace gaincell::store
