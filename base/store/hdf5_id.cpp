#include "base/store/hdf5_id.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace gaincell::store {

void start_library() {
  static const bool started = [] {
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    return true;
  }();
  static_cast<void>(started);
}

std::string last_reason() {
  std::string reason;
  // Upward: the first error is the innermost one, which says what really happened.
  const auto visit = [](unsigned, const H5E_error2_t* error, void* data) -> herr_t {
    auto& text = *static_cast<std::string*>(data);
    if (text.empty() && error->desc != nullptr) text = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, &reason);
  H5Eclear2(H5E_DEFAULT);
  return reason;
}

void fail(const Where& where, const char* action) {
  std::string reason = last_reason();
  // HDF5 tells of a failed system call with its time, descriptor and addresses: only the system's
  // own words help a user.
  constexpr std::string_view kSystem = "error message = '";
  if (const std::size_t begin = reason.find(kSystem); begin != std::string::npos) {
    reason = reason.substr(begin + kSystem.size());
    reason = reason.substr(0, reason.find('\''));
    throw Error({.place = where.file,
                 .rule = fmt::format("cannot {} ({})", action, reason),
                 .remedy = "make space or choose another place, and run the same command again"});
  }
  throw Error({.place = where.file,
               .key = where.object,
               .rule = std::string("cannot ") + action +
                       (reason.empty() ? "" : " (HDF5: " + reason + ")")});
}

template <>
hid_t memory_type<double>() {
  return H5T_NATIVE_DOUBLE;
}
template <>
hid_t memory_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t memory_type<std::uint8_t>() {
  return H5T_NATIVE_UINT8;
}
template <>
hid_t memory_type<std::uint32_t>() {
  return H5T_NATIVE_UINT32;
}
template <>
hid_t memory_type<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
hid_t memory_type<std::uint64_t>() {
  return H5T_NATIVE_UINT64;
}
template <>
hid_t file_type<double>() {
  return H5T_IEEE_F64LE;
}
template <>
hid_t file_type<float>() {
  return H5T_IEEE_F32LE;
}
template <>
hid_t file_type<std::uint8_t>() {
  return H5T_STD_U8LE;
}
template <>
hid_t file_type<std::uint32_t>() {
  return H5T_STD_U32LE;
}
template <>
hid_t file_type<std::int64_t>() {
  return H5T_STD_I64LE;
}
template <>
hid_t file_type<std::uint64_t>() {
  return H5T_STD_U64LE;
}

Id string_type() {
  Id type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

}  // namespace gaincell::store
