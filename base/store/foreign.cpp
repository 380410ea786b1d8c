#include "base/store/foreign.h"

#include <unistd.h>

#include <array>
#include <string_view>

namespace gaincell::store {
namespace {

using namespace std::string_view_literals;

struct ForeignFormat {
  std::string_view begins;
  const char* what;
  const char* remedy;
};
constexpr const char* kByNumPy =
    "write its arrays with h5py: `h5py.File(\"x.h5\", \"w\")[\"q\"] = q`";
constexpr ForeignFormat kFormats[] = {
    {"CDF\x01"sv, "netCDF of the classic format", "`nccopy -k netCDF-4 OLD NEW` makes HDF5 of it"},
    {"CDF\x02"sv, "netCDF of the classic format", "`nccopy -k netCDF-4 OLD NEW` makes HDF5 of it"},
    {"CDF\x05"sv, "netCDF of the classic format", "`nccopy -k netCDF-4 OLD NEW` makes HDF5 of it"},
    {"MATLAB 5.0 MAT-file"sv, "a MAT-file before version 7.3",
     "save it from MATLAB with `save(..., '-v7.3')`"},
    {"Octave-1-"sv, "Octave's own format", "save it from Octave with `save -hdf5`"},
    {"# Created by Octave"sv, "Octave's text format", "save it from Octave with `save -hdf5`"},
    {"\x93NUMPY"sv, "an .npy file of NumPy", kByNumPy},
    {"PK\x03\x04"sv, "a zip archive (.npz of NumPy and .pt of PyTorch are such)", kByNumPy},
    {"\x80\x02"sv, "a pickle of Python", kByNumPy},
    {"\x80\x03"sv, "a pickle of Python", kByNumPy},
    {"\x80\x04"sv, "a pickle of Python", kByNumPy},
    {"\x80\x05"sv, "a pickle of Python", kByNumPy},
    {"PAR1"sv, "a Parquet file", kByNumPy},
    {"\x0e\x03\x13\x01"sv, "an HDF4 file", "`h4toh5 OLD NEW` makes HDF5 of it"},
    {"\x1f\x8b"sv, "compressed as a whole (gzip)", "unpack it with `gunzip`"},
    {"\x28\xb5\x2f\xfd"sv, "compressed as a whole (zstd)", "unpack it with `unzstd`"},
    {"\xfd\x37zXZ"sv, "compressed as a whole (xz)", "unpack it with `unxz`"},
    {"version https://git-lfs"sv, "a pointer of Git LFS", "`git lfs pull` fetches the file itself"},
    {"<!DOCTYPE"sv, "a web page", "download the file itself"},
    {"<html"sv, "a web page", "download the file itself"},
};

}  // namespace

std::pair<std::string, std::string> foreign_format(int fd) {
  std::array<char, 64> head{};
  const ssize_t size = ::pread(fd, head.data(), head.size(), 0);
  if (size <= 0) return {};
  const std::string_view begin(head.data(), static_cast<std::size_t>(size));
  for (const ForeignFormat& format : kFormats)
    if (begin.starts_with(format.begins)) return {format.what, format.remedy};
  if (begin.size() > 9 && begin.substr(8).starts_with("{\""))
    return {"a safetensors file", kByNumPy};
  return {};
}

}  // namespace gaincell::store
