#include "mutate_hdf5.h"

#include <hdf5_hl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/store/hdf5_id.h"
#include "base/store/seal.h"
#include "mutate.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

using store::Id;

constexpr hsize_t kBombChunk = hsize_t{8} << 20;  // numbers of 8 bytes
constexpr rlim_t kMostBytes = 32u << 20;          // of a file
constexpr std::size_t kMostValues = 2'000'000;    // of a dataset that is really written

std::string& bomb() {
  static std::string packed;
  return packed;
}

struct Object {
  std::string path;
  H5O_type_t type;
};

std::vector<Object> objects_of(hid_t file) {
  std::vector<Object> found;
  const auto take = [](hid_t, const char* name, const H5O_info_t* info, void* data) -> herr_t {
    static_cast<std::vector<Object>*>(data)->push_back(
        {*name == '.' ? "/" : std::string("/").append(name), info->type});
    return 0;
  };
  H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, take, &found, H5O_INFO_BASIC);
  return found;
}

std::vector<std::string> attributes_of(hid_t object) {
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names);
  return names;
}

// A type with what one value of it may be.
struct Made {
  Id type;
  std::vector<char> value;  // of H5Tget_size bytes
};

Made plain(hid_t type) {
  Id copy(H5Tcopy(type), H5Tclose);
  const std::size_t size = H5Tget_size(copy.get());
  return {std::move(copy), std::vector<char>(size, 0)};
}

class Hdf5Mutator {
 public:
  Hdf5Mutator(const fs::path& file, Random& random)
      : random_(random),
        name_(file.filename().string()),
        file_(H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose) {}

  void run() {
    for (std::uint64_t k = 1 + random_.below(3); file_ && k > 0; --k) once();
  }

 private:
  const std::string& any(const std::vector<std::string>& from) {
    return from[random_.below(from.size())];
  }
  std::optional<std::string> any_object(H5O_type_t type) {
    std::vector<std::string> paths;
    for (const Object& object : objects_of(file_.get()))
      if (object.type == type && object.path != "/") paths.push_back(object.path);
    if (paths.empty()) return std::nullopt;
    return any(paths);
  }
  std::string any_path() {
    const auto all = objects_of(file_.get());
    return all[random_.below(all.size())].path;
  }
  static std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }

  void once() {
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (const auto path = any_object(H5O_TYPE_DATASET)) write_values(*path);
        break;
      case 4:
      case 5:
      case 6:
      case 7:
        if (const auto path = any_object(H5O_TYPE_DATASET)) rebuild(*path);
        break;
      case 8:
      case 9:
      case 10:
      case 11:
        change_attribute(any_path());
        break;
      case 12:
      case 13:
      case 14:
        change_link();
        break;
      default:
        if (const auto path = any_object(H5O_TYPE_DATASET)) change_scale(*path);
    }
  }

  // ---- values -------------------------------------------------------------------------------

  void write_values(const std::string& path) {
    const Id dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
    std::optional<std::vector<double>> values = read(dataset);
    if (!values || values->empty()) return;
    switch (random_.below(7)) {
      case 0:
        for (double& x : *values) x *= 1e6;
        break;
      case 1:
        std::reverse(values->begin(), values->end());
        break;
      case 2:
        std::fill(values->begin(), values->end(), odd_number(random_));
        break;
      case 3:
        for (double& x : *values) x = -x;
        break;
      default:
        for (std::uint64_t k = 1 + random_.below(3); k > 0; --k)
          (*values)[random_.below(values->size())] = odd_number(random_);
    }
    H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values->data());
  }

  // Its values lie elsewhere: written through itself, the library never ends.
  static bool is_virtual(const Id& dataset) {
    const Id made_with(H5Dget_create_plist(dataset.get()), H5Pclose);
    return H5Pget_layout(made_with.get()) == H5D_VIRTUAL;
  }

  static std::optional<std::vector<double>> read(const Id& dataset) {
    if (is_virtual(dataset)) return std::nullopt;
    const Id type(H5Dget_type(dataset.get()), H5Tclose);
    const Id space(H5Dget_space(dataset.get()), H5Sclose);
    const H5T_class_t kind = H5Tget_class(type.get());
    const hssize_t count = H5Sget_simple_extent_npoints(space.get());
    if ((kind != H5T_FLOAT && kind != H5T_INTEGER) || count < 0 ||
        static_cast<std::size_t>(count) > kMostValues)
      return std::nullopt;
    std::vector<double> values(static_cast<std::size_t>(count));
    if (count > 0 &&
        H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
      return std::nullopt;
    return values;
  }

  // ---- types and shapes -----------------------------------------------------------------------

  Made any_type() {
    switch (random_.below(22)) {
      case 0:
        return plain(H5T_IEEE_F32LE);
      case 1:
        return plain(H5T_IEEE_F64BE);
      case 2:
        return plain(H5T_STD_I8LE);
      case 3:
        return plain(H5T_STD_I16BE);
      case 4:
        return plain(H5T_STD_I64LE);
      case 5:
        return plain(H5T_STD_U64LE);
      case 6:
        return plain(H5T_STD_U8LE);
      case 7:
        return plain(H5T_NATIVE_LDOUBLE);
      case 8: {  // half precision
        Id half(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
        H5Tset_fields(half.get(), 15, 10, 5, 0, 10);
        H5Tset_size(half.get(), 2);
        H5Tset_ebias(half.get(), 15);
        return {std::move(half), std::vector<char>(2, 0)};
      }
      case 9: {  // text without an end
        Id text(H5Tcopy(H5T_C_S1), H5Tclose);
        H5Tset_size(text.get(), 5);
        H5Tset_strpad(text.get(), random_.below(2) == 0 ? H5T_STR_NULLPAD : H5T_STR_SPACEPAD);
        return {std::move(text), {'a', '\xff', 'b', '\n', 'c'}};
      }
      case 10:
      case 11: {
        Id text(H5Tcopy(H5T_C_S1), H5Tclose);
        H5Tset_size(text.get(), H5T_VARIABLE);
        H5Tset_cset(text.get(), random_.below(2) == 0 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
        text_ = odd_text(random_);
        const char* pointer = random_.below(8) == 0 ? nullptr : text_.c_str();
        std::vector<char> value(sizeof pointer);
        std::memcpy(value.data(), &pointer, sizeof pointer);
        return {std::move(text), value};
      }
      case 12: {  // complex numbers, as h5py writes them
        Id pair(H5Tcreate(H5T_COMPOUND, 16), H5Tclose);
        H5Tinsert(pair.get(), "r", 0, H5T_NATIVE_DOUBLE);
        H5Tinsert(pair.get(), "i", 8, H5T_NATIVE_DOUBLE);
        return {std::move(pair), std::vector<char>(16, 0)};
      }
      case 13: {  // truth values, as h5py writes them
        Id truth(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
        std::int8_t no = 0, yes = 1;
        H5Tenum_insert(truth.get(), "FALSE", &no);
        H5Tenum_insert(truth.get(), "TRUE", &yes);
        return {std::move(truth), std::vector<char>(1, 0)};
      }
      case 14:
        return plain(H5T_STD_B8LE);
      case 15:
        return plain(H5T_STD_REF_OBJ);
      case 16:
        return plain(H5T_STD_REF_DSETREG);
      case 17: {
        const hsize_t three = 3;
        return {Id(H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &three), H5Tclose),
                std::vector<char>(24, 0)};
      }
      case 18: {
        lengths_ = {0.5, 0.25};
        const hvl_t value{lengths_.size(), lengths_.data()};
        std::vector<char> bytes(sizeof value);
        std::memcpy(bytes.data(), &value, sizeof value);
        return {Id(H5Tvlen_create(H5T_NATIVE_DOUBLE), H5Tclose), bytes};
      }
      case 19: {
        Id opaque(H5Tcreate(H5T_OPAQUE, 7), H5Tclose);
        H5Tset_tag(opaque.get(), "tag");
        return {std::move(opaque), std::vector<char>(7, 'x')};
      }
      case 20: {  // integers of which only some bits count
        Id bits(H5Tcopy(H5T_STD_I32LE), H5Tclose);
        H5Tset_precision(bits.get(), 11);
        H5Tset_offset(bits.get(), 3);
        return {std::move(bits), std::vector<char>(4, 0)};
      }
      default:
        return plain(H5T_IEEE_F64LE);
    }
  }

  std::vector<hsize_t> any_shape(std::vector<hsize_t> shape) {
    const auto at = [&] { return random_.below(std::max<std::size_t>(shape.size(), 1)); };
    if (shape.empty()) shape = {1};
    switch (random_.below(12)) {
      case 0:
        std::reverse(shape.begin(), shape.end());
        break;
      case 1:
        ++shape[at()];
        break;
      case 2:
        --shape[at()];
        break;
      case 3:
        shape.pop_back();
        break;
      case 4:
        shape.push_back(1 + random_.below(3));
        break;
      case 5:
        shape.insert(shape.begin(), 1);
        break;
      case 6:
        shape[at()] = 0;
        break;
      case 7:
        shape.assign(32, 1);
        break;
      default:
        break;
    }
    return shape;
  }

  // A size that nothing stands behind.
  hsize_t claim() {
    static constexpr std::array<hsize_t, 9> kClaims{
        100'000,          3'000'000,        50'000'000,       400'000'000,     2'000'000'000,
        hsize_t{1} << 33, hsize_t{1} << 40, hsize_t{1} << 60, hsize_t{1} << 61};
    return kClaims[random_.below(kClaims.size())];
  }

  // The same dataset with another type, shape or layout; its attributes stay.
  void rebuild(const std::string& path) {
    const Id old(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
    const Id space(H5Dget_space(old.get()), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space.get());
    std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(rank, 0)));
    H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr);
    Made made = random_.below(2) == 0 ? any_type() : Made{Id(H5Dget_type(old.get()), H5Tclose), {}};
    if (random_.below(2) == 0) shape = any_shape(shape);
    const bool claimed = random_.below(5) == 0;
    if (claimed) {
      if (shape.empty()) shape = {1};
      shape[random_.below(shape.size())] = claim();
    }
    Id new_space =
        random_.below(20) == 0 ? Id(H5Screate(H5S_NULL), H5Sclose)
        : shape.empty()
            ? Id(H5Screate(H5S_SCALAR), H5Sclose)
            : Id(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
    const Id layout = any_layout(path, shape, claimed, new_space);
    if (H5Ldelete(file_.get(), path.c_str(), H5P_DEFAULT) < 0) return;
    const Id dataset(H5Dcreate2(file_.get(), path.c_str(), made.type.get(), new_space.get(),
                                H5P_DEFAULT, layout.get(), H5P_DEFAULT),
                     H5Dclose);
    if (!dataset) return;
    if (bomb_) {
      write_bomb(dataset, shape);
    } else if (!claimed && random_.below(12) != 0) {
      fill(dataset, made, old);
    }
    copy_attributes(old, dataset);
  }

  Id any_layout(const std::string& path, const std::vector<hsize_t>& shape, bool claimed,
                const Id& space) {
    Id layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const hid_t id = layout.get();
    bomb_ = false;
    H5Pset_alloc_time(id, H5D_ALLOC_TIME_LATE);
    if (random_.below(4) == 0) {
      const double fill = odd_number(random_);
      H5Pset_fill_value(id, H5T_NATIVE_DOUBLE, &fill);
    }
    std::vector<hsize_t> chunk;
    for (const hsize_t extent : shape)
      chunk.push_back(std::min<hsize_t>(std::max<hsize_t>(extent, 1), 1 + random_.below(64)));
    const auto chunked = [&] {
      if (!chunk.empty()) H5Pset_chunk(id, static_cast<int>(chunk.size()), chunk.data());
    };
    switch (random_.below(claimed ? 6 : 14)) {
      case 0:
      case 1:
        chunked();
        break;
      case 2:
        chunked();
        H5Pset_shuffle(id);
        H5Pset_deflate(id, 1);
        break;
      case 3:
        if (!claimed || shape.size() != 1) {
          chunked();
          break;
        }
        H5Pset_chunk(id, 1, &kBombChunk);
        H5Pset_deflate(id, 1);
        bomb_ = true;
        break;
      case 4:
        H5Pset_external(id, any(external_).c_str(), static_cast<off_t>(random_.below(3)) * 8,
                        H5F_UNLIMITED);
        break;
      case 5:
        if (!shape.empty()) map_virtually(path, id, space);
        break;
      case 6:
        H5Pset_layout(id, H5D_COMPACT);
        break;
      case 7:
        chunked();
        H5Pset_fletcher32(id);
        break;
      case 8:
        chunked();
        H5Pset_scaleoffset(id, H5Z_SO_INT, 0);
        break;
      case 9:
        chunked();
        H5Pset_nbit(id);
        break;
      case 10:
        chunked();
        H5Pset_filter(id, 32000 + static_cast<int>(random_.below(30)), H5Z_FLAG_OPTIONAL, 0,
                      nullptr);
        break;
      default:
        break;
    }
    return layout;
  }

  void map_virtually(const std::string& path, hid_t layout, const Id& space) {
    const std::vector<std::string> files{".", name_, "nowhere.h5", "other.h5"};
    const std::vector<std::string> sources{path, any_path(), "/nothing"};
    H5Pset_layout(layout, H5D_VIRTUAL);
    H5Pset_virtual(layout, space.get(), any(files).c_str(), any(sources).c_str(), space.get());
  }

  void write_bomb(const Id& dataset, const std::vector<hsize_t>& shape) {
    for (hsize_t at = 0; at < std::min(shape[0], 40 * kBombChunk); at += kBombChunk)
      H5Dwrite_chunk(dataset.get(), H5P_DEFAULT, 0, &at, bomb().size(), bomb().data());
  }

  // The old numbers where the new type holds numbers, else one value throughout.
  void fill(const Id& dataset, const Made& made, const Id& old) {
    if (is_virtual(dataset)) return;
    const Id space(H5Dget_space(dataset.get()), H5Sclose);
    const hssize_t points = H5Sget_simple_extent_npoints(space.get());
    if (points <= 0 || static_cast<std::size_t>(points) > kMostValues) return;
    const auto count = static_cast<std::size_t>(points);
    if (auto numbers = read(old)) {
      numbers->resize(count, 0.25);
      if (H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                   numbers->data()) >= 0)
        return;
    }
    if (made.value.empty()) return;
    std::vector<char> bytes;
    for (std::size_t k = 0; k < count; ++k)
      bytes.insert(bytes.end(), made.value.begin(), made.value.end());
    H5Dwrite(dataset.get(), made.type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
  }

  void copy_attributes(const Id& from, const Id& to) {
    for (const std::string& name : attributes_of(from.get())) {
      note_list(name);  // its length is of the old shape
      const Id old(H5Aopen(from.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
      const Id type(H5Aget_type(old.get()), H5Tclose), space(H5Aget_space(old.get()), H5Sclose);
      const hssize_t count = H5Sget_simple_extent_npoints(space.get());
      if (count < 0) continue;
      std::vector<char> bytes(H5Tget_size(type.get()) * static_cast<std::size_t>(count) + 1);
      const Id made(
          H5Acreate2(to.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
          H5Aclose);
      if (H5Aread(old.get(), type.get(), bytes.data()) >= 0)
        H5Awrite(made.get(), type.get(), bytes.data());
      H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, bytes.data());
    }
  }

  // ---- attributes -----------------------------------------------------------------------------

  void change_attribute(const std::string& path) {
    const Id object(H5Oopen(file_.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
    std::vector<std::string> names = attributes_of(object.get());
    if (names.empty()) names.emplace_back("units");
    const std::string& name = any(names);
    note_list(name);
    switch (random_.below(9)) {
      case 0:
        H5Adelete(object.get(), name.c_str());
        break;
      case 1:
        H5Arename(object.get(), name.c_str(), link_name().c_str());
        break;
      case 2:
        for (int k = 0; k < 200; ++k)
          put_attribute(object, "many" + std::to_string(k), plain(H5T_NATIVE_DOUBLE), 1);
        break;
      case 3:
      case 4:
        put_text(object, name, odd_text(random_));
        break;
      case 5: {
        Made made = plain(H5T_NATIVE_DOUBLE);
        const double value = odd_number(random_);
        std::memcpy(made.value.data(), &value, sizeof value);
        put_attribute(object, name, made, 1);
        break;
      }
      case 6:
        put_attribute(object, name, plain(H5T_NATIVE_INT64), random_.below(2) * 5);
        break;
      default:
        put_attribute(object, name, any_type(), random_.below(3));
    }
  }

  // The library's high level trusts attributes of these names to have its own type and length.
  void note_list(const std::string& name) {
    if (name == "DIMENSION_LIST" || name == "REFERENCE_LIST") lists_are_whole_ = false;
  }

  void put_text(const Id& object, const std::string& name, const std::string& text) {
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    H5Tset_size(type.get(), std::max<std::size_t>(text.size(), 1));
    std::vector<char> value(text.begin(), text.end());
    value.resize(std::max<std::size_t>(text.size(), 1), 0);
    put_attribute(object, name, {std::move(type), value}, 1);
  }

  static void put_attribute(const Id& object, const std::string& name, const Made& made,
                            hsize_t count) {
    H5Adelete(object.get(), name.c_str());
    const Id space(count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr),
                   H5Sclose);
    const Id attribute(H5Acreate2(object.get(), name.c_str(), made.type.get(), space.get(),
                                  H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose);
    std::vector<char> bytes;
    for (hsize_t k = 0; k < count; ++k)
      bytes.insert(bytes.end(), made.value.begin(), made.value.end());
    if (attribute && count > 0 && !bytes.empty())
      H5Awrite(attribute.get(), made.type.get(), bytes.data());
  }

  // ---- links ----------------------------------------------------------------------------------

  std::string link_name() {
    std::string name = odd_text(random_).substr(0, 5000);
    name.resize(std::min(name.find('\0'), name.size()));
    std::replace(name.begin(), name.end(), '/', '_');
    return name.empty() || name == "." ? "x" : name;
  }

  void change_link() {
    const std::string path = any_path(), other = any_path();
    if (path == "/") return;
    const std::string beside = parent_of(path) + "/" + link_name();
    const hid_t file = file_.get();
    const auto drop = [&] { return H5Ldelete(file, path.c_str(), H5P_DEFAULT) >= 0; };
    switch (random_.below(11)) {
      case 0:
      case 1:
        drop();
        break;
      case 2:
        H5Lmove(file, path.c_str(), file, beside.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 3:  // also into itself
        H5Lcreate_hard(file, other.c_str(), file, (path + "/loop").c_str(), H5P_DEFAULT,
                       H5P_DEFAULT);
        H5Lcreate_hard(file, other.c_str(), file, beside.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 4:
        if (drop())
          H5Lcreate_hard(file, other.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 5:
        if (drop()) H5Lcreate_soft(other.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 6:
        if (drop()) H5Lcreate_soft(path.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 7:
        if (drop())
          H5Lcreate_external(any({"other.h5", "nowhere.h5", "/etc/passwd", name_}).c_str(),
                             other.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 8:
        if (drop())
          Id(H5Gcreate2(file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        break;
      case 9:
        if (drop()) {
          const Made made = any_type();
          H5Tcommit2(file, path.c_str(), made.type.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        }
        break;
      default: {
        const std::string away = parent_of(path) + "/away";
        H5Lmove(file, path.c_str(), file, away.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        H5Lmove(file, other.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        H5Lmove(file, away.c_str(), file, other.c_str(), H5P_DEFAULT, H5P_DEFAULT);
      }
    }
  }

  // ---- dimension scales -----------------------------------------------------------------------

  void change_scale(const std::string& path) {
    const Id dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
    const auto other = any_object(H5O_TYPE_DATASET);
    const Id scale(H5Dopen2(file_.get(), other->c_str(), H5P_DEFAULT), H5Dclose);
    const auto dimension = static_cast<unsigned>(random_.below(3));
    switch (random_.below(5)) {
      case 0:
        H5DSset_scale(dataset.get(), link_name().c_str());
        break;
      case 1:
        if (lists_are_whole_) H5DSattach_scale(dataset.get(), scale.get(), dimension);
        break;
      case 2:
        if (lists_are_whole_) H5DSdetach_scale(dataset.get(), scale.get(), dimension);
        break;
      case 3:
        note_list("DIMENSION_LIST");
        put_attribute(dataset, "DIMENSION_LIST", any_type(), random_.below(3));
        break;
      default:
        put_text(
            dataset, any({"CLASS", "NAME"}),
            any({"DIMENSION_SCALE", "This is a netCDF dimension but not a netCDF variable.", ""}));
    }
  }

  Random& random_;
  std::string name_;
  Id file_;
  bool bomb_ = false;
  bool lists_are_whole_ = true;  // of dimension scales
  std::string text_;             // behind a type's value
  std::vector<double> lengths_;  // likewise
  const std::vector<std::string> external_{"/etc/passwd", "nowhere.bin", name_, "/dev/zero"};
};

}  // namespace

void prepare_hdf5() {
  store::start_library();
  const std::string zeros(kBombChunk * sizeof(double), '\0');
  uLongf size = compressBound(zeros.size());
  bomb().resize(size);
  compress2(reinterpret_cast<Bytef*>(bomb().data()), &size,
            reinterpret_cast<const Bytef*>(zeros.data()), zeros.size(), 1);
  bomb().resize(size);
}

void remove_seal(const fs::path& file) {
  const Id open(H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
  H5Adelete(open.get(), store::kSealAttribute);
}

// In a process of its own: the library keeps what it could not write, and tells nobody else.
void mutate_hdf5(const fs::path& file, Random& random) {
  const pid_t maker = ::fork();
  if (maker == 0) {
    const rlimit size{kMostBytes, kMostBytes};
    ::setrlimit(RLIMIT_FSIZE, &size);
    ::signal(SIGXFSZ, SIG_IGN);
    Hdf5Mutator(file, random).run();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(maker, &status, 0);
}

}  // namespace gaincell::fuzz
