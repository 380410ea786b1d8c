#include "store/reader.h"

#include <fmt/format.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "store/hdf5_id.h"

namespace gaincell::store {
namespace detail {

struct ReaderState {
  std::string name;
  Id file;
  Where at(const std::string& object) const { return {name, object}; }
};

}  // namespace detail

using detail::ReaderState;

namespace {

constexpr std::string_view kBareDimension = "This is a netCDF dimension but not a netCDF variable";

[[noreturn]] void refuse(const ReaderState& state, const std::string& object, std::string rule) {
  throw Error({.place = state.name, .key = object, .rule = std::move(rule)});
}

Kind kind_of(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_FLOAT:
      return Kind::kNumber;
    case H5T_STRING:
      return Kind::kText;
    default:
      return Kind::kOther;
  }
}

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNumber:
      return "a number";
    case Kind::kText:
      return "a text";
    default:
      return "of another type";
  }
}

// What reads alike from a dataset and from an attribute.
struct Source {
  const ReaderState& state;
  std::string name;
  Id type, space;
  std::function<herr_t(hid_t memory, void* data)> read;

  std::vector<std::size_t> shape() const {
    std::vector<hsize_t> extents(
        static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space.get()))));
    if (!extents.empty()) H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
    return {extents.begin(), extents.end()};
  }
  std::size_t count() const {
    return static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get()));
  }
};

Source source_of(const ReaderState& state, const std::string& path, const Id& dataset) {
  return {state, path, Id(H5Dget_type(dataset.get()), H5Tclose),
          Id(H5Dget_space(dataset.get()), H5Sclose),
          [id = dataset.get()](hid_t memory, void* data) {
            return H5Dread(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
          }};
}

std::vector<std::string> read_texts(const Source& source) {
  if (kind_of(source.type.get()) != Kind::kText)
    refuse(source.state, source.name,
           fmt::format("must be a text, but is {}", kind_name(kind_of(source.type.get()))));
  const std::size_t count = source.count();
  std::vector<std::string> texts(count);
  if (count == 0) return texts;
  const Where where = source.state.at(source.name);
  if (H5Tis_variable_str(source.type.get()) > 0) {
    Id memory = string_type();
    H5Tset_cset(memory.get(), H5Tget_cset(source.type.get()));
    std::vector<char*> pointers(count, nullptr);
    check(source.read(memory.get(), pointers.data()), where, "read the text");
    for (std::size_t i = 0; i < count; ++i)
      if (pointers[i] != nullptr) texts[i] = pointers[i];
    H5Dvlen_reclaim(memory.get(), source.space.get(), H5P_DEFAULT, pointers.data());
  } else {
    const std::size_t size = H5Tget_size(source.type.get());
    std::vector<char> bytes(count * size);
    check(source.read(source.type.get(), bytes.data()), where, "read the text");
    for (std::size_t i = 0; i < count; ++i) {
      texts[i].assign(bytes.data() + i * size, size);
      texts[i].resize(std::min(texts[i].find('\0'), size));
    }
  }
  return texts;
}

template <typename T>
std::vector<T> read_numbers(const Source& source) {
  const H5T_class_t found = H5Tget_class(source.type.get());
  const bool fits = found == H5T_INTEGER || (found == H5T_FLOAT && std::is_floating_point_v<T>);
  if (!fits)
    refuse(source.state, source.name,
           fmt::format(
               "must be {}, but is {}", std::is_floating_point_v<T> ? "a number" : "an integer",
               found == H5T_FLOAT ? "floating point" : kind_name(kind_of(source.type.get()))));
  if (std::is_integral_v<T> && H5Tget_size(source.type.get()) > sizeof(T))
    refuse(source.state, source.name,
           fmt::format("has integers of {} bytes where at most {} are read",
                       H5Tget_size(source.type.get()), sizeof(T)));
  std::vector<T> values(source.count());
  if (!values.empty())
    check(source.read(memory_type<T>(), values.data()), source.state.at(source.name),
          "read the values");
  return values;
}

template <typename T>
std::vector<T> read_all(const Source& source) {
  if constexpr (std::is_same_v<T, std::string>) {
    return read_texts(source);
  } else {
    return read_numbers<T>(source);
  }
}

// netCDF-4's and HDF5's book-keeping, which is no user's attribute.
bool is_internal(const std::string& name) {
  static const std::set<std::string> kInternal{"CLASS",          "NAME",
                                               "DIMENSION_LIST", "REFERENCE_LIST",
                                               "_Netcdf4Dimid",  "_Netcdf4Coordinates",
                                               "_NCProperties",  "DIMENSION_LABELS"};
  return kInternal.contains(name);
}

Id open_object(const ReaderState& state, const std::string& path) {
  return check(H5Oopen(state.file.get(), path.c_str(), H5P_DEFAULT), H5Oclose, state.at(path),
               "open the object");
}

Id open_dataset(const ReaderState& state, const std::string& path) {
  return check(H5Dopen2(state.file.get(), path.c_str(), H5P_DEFAULT), H5Dclose, state.at(path),
               "open the dataset");
}

template <typename Use>
auto with_attribute(const ReaderState& state, const std::string& path, const std::string& name,
                    Use use) {
  const Id object = open_object(state, path);
  const std::string full = path + "@" + name;
  if (H5Aexists(object.get(), name.c_str()) <= 0) refuse(state, full, "the attribute is missing");
  const Id attribute = check(H5Aopen(object.get(), name.c_str(), H5P_DEFAULT), H5Aclose,
                             state.at(full), "open the attribute");
  const Source source{
      state, full, Id(H5Aget_type(attribute.get()), H5Tclose),
      Id(H5Aget_space(attribute.get()), H5Sclose),
      [id = attribute.get()](hid_t memory, void* data) { return H5Aread(id, memory, data); }};
  return use(source);
}

template <typename T>
T only(const ReaderState& state, const std::string& object, std::vector<T> values) {
  if (values.size() != 1)
    refuse(state, object, fmt::format("must be a single value, but has {}", values.size()));
  return std::move(values.front());
}

std::vector<std::string> link_names(const ReaderState& state, const std::string& path,
                                    H5O_type_t wanted) {
  const Id group = check(H5Gopen2(state.file.get(), path.c_str(), H5P_DEFAULT), H5Gclose,
                         state.at(path), "open the group");
  struct Visit {
    H5O_type_t wanted;
    std::vector<std::string> names;
  } visit{wanted, {}};
  const auto take = [](hid_t parent, const char* name, const H5L_info_t*, void* data) -> herr_t {
    auto& out = *static_cast<Visit*>(data);
    H5O_info_t info;
    if (H5Oget_info_by_name2(parent, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 &&
        info.type == out.wanted)
      out.names.emplace_back(name);
    return 0;
  };
  // Order of creation where the file keeps it, else by name.
  hsize_t from = 0;
  if (H5Literate(group.get(), H5_INDEX_CRT_ORDER, H5_ITER_INC, &from, take, &visit) < 0) {
    last_reason();
    from = 0;
    visit.names.clear();
    check(H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, &from, take, &visit), state.at(path),
          "list the group");
  }
  return visit.names;
}

bool object_is(const ReaderState& state, const std::string& path, H5O_type_t type) {
  H5O_info_t info;
  const bool found =
      H5Oget_info_by_name2(state.file.get(), path.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0;
  H5Eclear2(H5E_DEFAULT);
  return found && info.type == type;
}

// H5Lexists needs every part of the path but the last to exist.
bool exists(const ReaderState& state, const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (part != "/" && H5Lexists(state.file.get(), part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (slash == std::string::npos) return true;
  }
}

}  // namespace

const std::string& ReadNode::file() const { return state_->name; }

std::vector<std::string> ReadNode::attribute_names() const {
  const Id object = open_object(*state_, path_);
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
    if (!is_internal(name)) static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  check(H5Aiterate2(object.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names),
        state_->at(path_), "list the attributes");
  return names;
}

bool ReadNode::has_attribute(const std::string& name) const {
  return H5Aexists(open_object(*state_, path_).get(), name.c_str()) > 0;
}

Kind ReadNode::attribute_kind(const std::string& name) const {
  return with_attribute(*state_, path_, name,
                        [](const Source& s) { return kind_of(s.type.get()); });
}

std::string ReadNode::text_attribute(const std::string& name) const {
  return only(*state_, path_ + "@" + name, texts_attribute(name));
}

double ReadNode::number_attribute(const std::string& name) const {
  return only(*state_, path_ + "@" + name, numbers_attribute(name));
}

std::vector<std::string> ReadNode::texts_attribute(const std::string& name) const {
  return with_attribute(*state_, path_, name, read_texts);
}

std::vector<double> ReadNode::numbers_attribute(const std::string& name) const {
  return with_attribute(*state_, path_, name, read_numbers<double>);
}

std::string ReadNode::text_attribute(const std::string& name, const std::string& otherwise) const {
  return has_attribute(name) ? text_attribute(name) : otherwise;
}

double ReadNode::number_attribute(const std::string& name, double otherwise) const {
  return has_attribute(name) ? number_attribute(name) : otherwise;
}

Kind ReadDataset::kind() const {
  const Id dataset = open_dataset(*state_, path_);
  return kind_of(Id(H5Dget_type(dataset.get()), H5Tclose).get());
}

std::vector<std::size_t> ReadDataset::shape() const {
  const Id dataset = open_dataset(*state_, path_);
  return source_of(*state_, path_, dataset).shape();
}

std::vector<std::string> ReadDataset::dimension_paths() const {
  const Id dataset = open_dataset(*state_, path_);
  std::vector<std::string> paths(source_of(*state_, path_, dataset).shape().size());
  // A dimension's own dataset names itself.
  if (H5DSis_scale(dataset.get()) > 0) {
    if (paths.size() == 1) paths[0] = path_;
    return paths;
  }
  const auto take = [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
    std::array<char, 1024> name{};
    if (H5Iget_name(scale, name.data(), name.size()) > 0)
      *static_cast<std::string*>(data) = name.data();
    return 1;
  };
  for (unsigned d = 0; d < paths.size(); ++d) {
    if (H5DSget_num_scales(dataset.get(), d) < 1) continue;
    int first = 0;
    check(H5DSiterate_scales(dataset.get(), d, &first, take, &paths[d]), state_->at(path_),
          "find its dimensions");
  }
  return paths;
}

bool ReadDataset::is_dimension() const {
  return H5DSis_scale(open_dataset(*state_, path_).get()) > 0;
}

bool ReadDataset::is_bare_dimension() const {
  const Id dataset = open_dataset(*state_, path_);
  if (H5DSis_scale(dataset.get()) <= 0) return false;
  std::array<char, 256> name{};
  return H5DSget_scale_name(dataset.get(), name.data(), name.size()) > 0 &&
         std::string_view(name.data()).starts_with(kBareDimension);
}

template <typename T>
Array<T> ReadDataset::read() const {
  const Id dataset = open_dataset(*state_, path_);
  const Source source = source_of(*state_, path_, dataset);
  return {source.shape(), read_all<T>(source)};
}

template <typename T>
std::vector<T> ReadDataset::read_vector() const {
  Array<T> array = read<T>();
  if (array.shape.size() != 1)
    refuse(*state_, path_, fmt::format("must have one dimension, but has {}", array.shape.size()));
  return std::move(array.values);
}

template <typename T>
T ReadDataset::read_scalar() const {
  return only(*state_, path_, read<T>().values);
}

#define GAINCELL_INSTANTIATE(T)                                \
  template Array<T> ReadDataset::read<T>() const;              \
  template std::vector<T> ReadDataset::read_vector<T>() const; \
  template T ReadDataset::read_scalar<T>() const;
GAINCELL_INSTANTIATE(double)
GAINCELL_INSTANTIATE(float)
GAINCELL_INSTANTIATE(std::uint8_t)
GAINCELL_INSTANTIATE(std::uint32_t)
GAINCELL_INSTANTIATE(std::int64_t)
GAINCELL_INSTANTIATE(std::uint64_t)
GAINCELL_INSTANTIATE(std::string)
#undef GAINCELL_INSTANTIATE

bool ReadGroup::has(const std::string& name) const {
  return exists(*state_, join_path(path_, name));
}

std::vector<std::string> ReadGroup::group_names() const {
  return link_names(*state_, path_, H5O_TYPE_GROUP);
}

std::vector<std::string> ReadGroup::dataset_names() const {
  return link_names(*state_, path_, H5O_TYPE_DATASET);
}

ReadGroup ReadGroup::group(const std::string& name) const {
  const std::string path = join_path(path_, name);
  if (!exists(*state_, path)) refuse(*state_, path, "the group is missing");
  if (!object_is(*state_, path, H5O_TYPE_GROUP)) refuse(*state_, path, "must be a group");
  return ReadGroup(state_, path);
}

ReadDataset ReadGroup::dataset(const std::string& name) const {
  const std::string path = join_path(path_, name);
  if (!exists(*state_, path)) refuse(*state_, path, "the dataset is missing");
  if (!object_is(*state_, path, H5O_TYPE_DATASET)) refuse(*state_, path, "must be a dataset");
  return ReadDataset(state_, path);
}

Reader::Reader(const std::filesystem::path& path) {
  start_library();
  state_ = std::make_shared<ReaderState>();
  state_->name = path.string();
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) refuse(*state_, "", "no such file");
  if (!std::filesystem::is_regular_file(status)) refuse(*state_, "", "is not a file");
  if (std::filesystem::file_size(path, code) == 0) refuse(*state_, "", "is empty");

  state_->file = Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (state_->file) {
    note_input(path);
    return;
  }
  const std::string reason = last_reason();
  if (reason.find("truncated") != std::string::npos)
    throw Error({.place = state_->name,
                 .value = fmt::format("{} bytes", std::filesystem::file_size(path, code)),
                 .rule = "the file is truncated",
                 .remedy = "copy it again, or make it anew"});
  if (reason.find("signature") != std::string::npos || H5Fis_hdf5(path.c_str()) <= 0)
    refuse(*state_, "", "is not an HDF5 file");
  throw Error(
      {.place = state_->name, .rule = fmt::format("cannot open the file (HDF5: {})", reason)});
}

ReadGroup Reader::root() const { return ReadGroup(state_, "/"); }

void require_format(const ReadGroup& root, const std::string& format, std::int64_t version,
                    const std::string& maker) {
  if (!root.has_attribute("gaincell_format"))
    throw Error({.place = root.file(),
                 .rule = fmt::format("is HDF5, but not a gaincell {} file", format),
                 .remedy = fmt::format("`{}` writes one", maker)});
  const std::string found = root.text_attribute("gaincell_format");
  if (found != format)
    throw Error({.place = root.file(),
                 .key = "gaincell_format",
                 .value = found,
                 .rule = fmt::format("must be \"{}\" here", format),
                 .remedy = fmt::format("`{}` writes such a file", maker)});
  const double found_version = root.number_attribute("format_version");
  if (found_version != static_cast<double>(version))
    throw Error({.place = root.file(),
                 .key = "format_version",
                 .value = fmt::format("{}", found_version),
                 .rule = fmt::format("this program reads version {}", version),
                 .remedy = fmt::format(
                     "write the file anew with `{}` of this version{}", maker,
                     root.has_attribute("program_version")
                         ? ", or read it with gaincell " + root.text_attribute("program_version")
                         : "")});
}

}  // namespace gaincell::store
