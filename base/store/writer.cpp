#include "base/store/writer.h"

#include <fmt/format.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/store/hdf5_id.h"
#include "base/store/seal.h"
#include "base/store/text.h"

namespace gaincell::store {
namespace detail {

struct WriterState {
  explicit WriterState(const std::filesystem::path& target_path)
      : target(target_path.string()), pending(target_path) {}

  std::string target;
  PendingFile pending;  // before `file`: closed first, then removed
  Id file;
  std::map<std::string, hsize_t> scales;  // length of every dimension by its path

  Where at(const std::string& object) const { return {target, object}; }
};

}  // namespace detail

using detail::WriterState;

namespace {

constexpr unsigned kCreationOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
// netCDF-4's mark of a dimension that has no variable; readers know it by these words.
constexpr const char* kBareDimensionText =
    "This is a netCDF dimension but not a netCDF variable. {:10d}";

void require_room(const WriterState& state, hid_t file, const std::string& path) {
  if (H5Lexists(file, path.c_str(), H5P_DEFAULT) > 0)
    throw Error({.place = state.target, .key = path, .rule = "is written twice"});
}

Id group_properties() {
  Id properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  H5Pset_link_creation_order(properties.get(), kCreationOrder);
  H5Pset_attr_creation_order(properties.get(), kCreationOrder);
  return properties;
}

Id dataset_properties(std::span<const hsize_t> shape, Storage storage) {
  Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  H5Pset_attr_creation_order(properties.get(), kCreationOrder);
  const bool empty = std::find(shape.begin(), shape.end(), 0u) != shape.end();
  if (storage == Storage::kCompressed && !shape.empty() && !empty) {
    // Chunks of at most 1 MiB of doubles, halved from the first dimension on.
    std::vector<hsize_t> chunk(shape.begin(), shape.end());
    const auto count = [&chunk] {
      return std::accumulate(chunk.begin(), chunk.end(), hsize_t{1}, std::multiplies<>());
    };
    for (std::size_t d = 0; count() > (1u << 17);) {
      if (chunk[d] == 1) {
        ++d;
      } else {
        chunk[d] = (chunk[d] + 1) / 2;
      }
    }
    H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(properties.get());
    H5Pset_deflate(properties.get(), 6);
  }
  return properties;
}

Id space_of(std::span<const hsize_t> shape) {
  return Id(shape.empty() ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
            H5Sclose);
}

Id create_dataset(WriterState& state, const std::string& path, hid_t type,
                  std::span<const hsize_t> shape, Storage storage) {
  require_room(state, state.file.get(), path);
  const Id space = space_of(shape);
  const Id properties = dataset_properties(shape, storage);
  return check(H5Dcreate2(state.file.get(), path.c_str(), type, space.get(), H5P_DEFAULT,
                          properties.get(), H5P_DEFAULT),
               H5Dclose, state.at(path), "create the dataset");
}

void make_scale(WriterState& state, hid_t dataset, const std::string& path, const std::string& name,
                hsize_t length) {
  check(H5DSset_scale(dataset, name.c_str()), state.at(path), "make it a dimension");
  // Readers of netCDF-4 order the dimensions by this number.
  const auto number = static_cast<int>(state.scales.size());
  const Id space(H5Screate(H5S_SCALAR), H5Sclose);
  const Id attribute = check(
      H5Acreate2(dataset, "_Netcdf4Dimid", H5T_STD_I32LE, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose, state.at(path), "number the dimension");
  check(H5Awrite(attribute.get(), H5T_NATIVE_INT, &number), state.at(path), "number the dimension");
  state.scales[path] = length;
}

// The nearest dimension of this name in the group or above it.
std::string find_scale(const WriterState& state, std::string group, const std::string& name) {
  for (;;) {
    std::string path = join_path(group, name);
    if (state.scales.contains(path)) return path;
    if (group == "/") return "";
    group.resize(std::max<std::size_t>(group.rfind('/'), 1));
  }
}

// Texts as the array of pointers that HDF5 takes.
std::vector<const char*> pointers(std::span<const std::string> texts) {
  std::vector<const char*> result;
  result.reserve(texts.size());
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

void write_attribute(WriterState& state, const std::string& path, const std::string& name,
                     hid_t type_in_file, hid_t type_in_memory, std::span<const hsize_t> shape,
                     const void* data) {
  const Where where = state.at(path + "@" + name);
  const Id object = check(H5Oopen(state.file.get(), path.c_str(), H5P_DEFAULT), H5Oclose, where,
                          "open the object of the attribute");
  const Id space = space_of(shape);
  const Id attribute = check(
      H5Acreate2(object.get(), name.c_str(), type_in_file, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose, where, "create the attribute");
  check(H5Awrite(attribute.get(), type_in_memory, data), where, "write the attribute");
}

}  // namespace

Node& Node::attribute(const std::string& name, std::string_view text) {
  const std::string copy(text);
  const char* pointer = copy.c_str();
  const Id type = string_type();
  write_attribute(*state_, path_, name, type.get(), type.get(), {}, &pointer);
  return *this;
}

Node& Node::attribute(const std::string& name, double value) {
  write_attribute(*state_, path_, name, file_type<double>(), memory_type<double>(), {}, &value);
  return *this;
}

Node& Node::attribute(const std::string& name, std::int64_t value) {
  write_attribute(*state_, path_, name, file_type<std::int64_t>(), memory_type<std::int64_t>(), {},
                  &value);
  return *this;
}

Node& Node::attribute(const std::string& name, std::uint64_t value) {
  write_attribute(*state_, path_, name, file_type<std::uint64_t>(), memory_type<std::uint64_t>(),
                  {}, &value);
  return *this;
}

Node& Node::attribute(const std::string& name, std::span<const std::string> texts) {
  const Id type = string_type();
  const hsize_t shape[] = {texts.size()};
  write_attribute(*state_, path_, name, type.get(), type.get(), shape, pointers(texts).data());
  return *this;
}

Node& Node::attribute(const std::string& name, std::span<const double> values) {
  const hsize_t shape[] = {values.size()};
  write_attribute(*state_, path_, name, file_type<double>(), memory_type<double>(), shape,
                  values.data());
  return *this;
}

Group Group::group(const std::string& name) {
  std::string path = path_;
  const Id properties = group_properties();
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    path = join_path(path, name.substr(begin, end - begin));
    if (H5Lexists(state_->file.get(), path.c_str(), H5P_DEFAULT) <= 0)
      check(
          H5Gcreate2(state_->file.get(), path.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
          H5Gclose, state_->at(path), "create the group");
    begin = end + 1;
  }
  return Group(state_, path);
}

Node Group::axis(const std::string& name, std::span<const double> coordinates) {
  const std::string path = join_path(path_, name);
  const hsize_t shape[] = {coordinates.size()};
  const Id dataset = create_dataset(*state_, path, file_type<double>(), shape, Storage::kPlain);
  check(H5Dwrite(dataset.get(), memory_type<double>(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 coordinates.data()),
        state_->at(path), "write the axis");
  make_scale(*state_, dataset.get(), path, name, shape[0]);
  return Node(state_, path);
}

Node Group::dimension(const std::string& name, std::size_t length) {
  const std::string path = join_path(path_, name);
  const hsize_t shape[] = {length};
  // Never written, so it takes no room in the file.
  const Id dataset = create_dataset(*state_, path, H5T_IEEE_F32BE, shape, Storage::kPlain);
  make_scale(*state_, dataset.get(), path, fmt::format(fmt::runtime(kBareDimensionText), length),
             length);
  return Node(state_, path);
}

template <typename T>
Node Group::dataset(const std::string& name, const std::vector<std::string>& dimensions,
                    std::span<const T> values, Storage storage) {
  const std::string path = join_path(path_, name);
  std::vector<std::string> scales;
  std::vector<hsize_t> shape;
  hsize_t count = 1;
  for (const std::string& dimension : dimensions) {
    scales.push_back(find_scale(*state_, path_, dimension));
    if (scales.back().empty())
      throw Error(
          {.place = state_->target, .key = path, .value = dimension, .rule = "no such dimension"});
    shape.push_back(state_->scales.at(scales.back()));
    count *= shape.back();
  }
  if (count != values.size())
    throw Error({.place = state_->target,
                 .key = path,
                 .value = fmt::format("{} values", values.size()),
                 .rule = fmt::format("its dimensions make {}", count)});

  const Where where = state_->at(path);
  Id dataset;
  if constexpr (std::is_same_v<T, std::string>) {
    const Id type = string_type();
    dataset = create_dataset(*state_, path, type.get(), shape, Storage::kPlain);
    if (count > 0)
      check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     pointers(values).data()),
            where, "write the dataset");
  } else {
    dataset = create_dataset(*state_, path, file_type<T>(), shape, storage);
    if (count > 0)
      check(H5Dwrite(dataset.get(), memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
            where, "write the dataset");
  }
  for (std::size_t d = 0; d < scales.size(); ++d) {
    const Id scale = check(H5Dopen2(state_->file.get(), scales[d].c_str(), H5P_DEFAULT), H5Dclose,
                           where, "open its dimension");
    check(H5DSattach_scale(dataset.get(), scale.get(), static_cast<unsigned>(d)), where,
          "attach its dimension");
  }
  return Node(state_, path);
}

template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const double>, Storage);
template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const float>, Storage);
template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const std::uint8_t>, Storage);
template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const std::uint32_t>, Storage);
template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const std::int64_t>, Storage);
template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const std::uint64_t>, Storage);
template Node Group::dataset(const std::string&, const std::vector<std::string>&,
                             std::span<const std::string>, Storage);

Writer::Writer(const std::filesystem::path& target) {
  start_library();
  state_ = std::make_unique<WriterState>(target);
  Id properties(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  H5Pset_link_creation_order(properties.get(), kCreationOrder);
  H5Pset_attr_creation_order(properties.get(), kCreationOrder);
  state_->file =
      check(H5Fcreate(state_->pending.path().c_str(), H5F_ACC_TRUNC, properties.get(), H5P_DEFAULT),
            H5Fclose, state_->at(""), "create the file");
}

Writer::~Writer() = default;
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;

Group Writer::root() { return Group(state_.get(), "/"); }

void Writer::commit() {
  root().attribute(kSealAttribute,
                   "the file's last bytes are the SHA-256 of all before them; see FORMAT.md");
  check(H5Fflush(state_->file.get(), H5F_SCOPE_GLOBAL), state_->at(""), "write the file");
  check(H5Fclose(state_->file.release()), state_->at(""), "close the file");
  append_seal(state_->pending.path(), state_->target);
  state_->pending.commit();
  state_.reset();
}

void write_format(Group& root, const Format& format) {
  root.attribute(kFormatName, format.name).attribute(kFormatVersion, format.version);
}

}  // namespace gaincell::store
