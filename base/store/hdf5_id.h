#pragma once
// Internal to this component: the one place that includes hdf5.h.

#include <hdf5.h>

#include <string>
#include <utility>

namespace gaincell::store {

// Owner of one HDF5 identifier. Move-only; closes once.
class Id {
 public:
  using Close = herr_t (*)(hid_t);
  Id() = default;
  Id(hid_t id, Close close) : id_(id), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, -1);
      close_ = other.close_;
    }
    return *this;
  }
  ~Id() { reset(); }
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  void reset() {
    if (id_ >= 0) close_(std::exchange(id_, -1));
  }
  hid_t release() { return std::exchange(id_, -1); }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

// Where an HDF5 call is made, for the message of its failure.
struct Where {
  const std::string& file;
  std::string object;  // path inside the file
};

// Call before any other HDF5 function: turns off the library's own printing, and its clean-up at
// exit, which after a full disk would try to write again.
void start_library();

// Throws gaincell::Error(file: object: "cannot <action>": HDF5's innermost reason) for a negative
// result.
void fail(const Where& where, const char* action);

inline void check(herr_t result, const Where& where, const char* action) {
  if (result < 0) fail(where, action);
}
inline Id check(hid_t id, Id::Close close, const Where& where, const char* action) {
  if (id < 0) fail(where, action);
  return Id(id, close);
}

// HDF5's innermost description of the last failure ("" if none); clears it.
std::string last_reason();

// Memory type of a C++ number, and the little-endian type it has in a file.
template <typename T>
hid_t memory_type();
template <typename T>
hid_t file_type();
template <>
hid_t memory_type<double>();
template <>
hid_t memory_type<float>();
template <>
hid_t memory_type<std::uint8_t>();
template <>
hid_t memory_type<std::uint32_t>();
template <>
hid_t memory_type<std::int64_t>();
template <>
hid_t memory_type<std::uint64_t>();
template <>
hid_t file_type<double>();
template <>
hid_t file_type<float>();
template <>
hid_t file_type<std::uint8_t>();
template <>
hid_t file_type<std::uint32_t>();
template <>
hid_t file_type<std::int64_t>();
template <>
hid_t file_type<std::uint64_t>();

// Variable-length UTF-8 string.
Id string_type();

}  // namespace gaincell::store
