#include "base/store/decoder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5_hl.h>
#include <lzf.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <set>

#include "base/store/hdf5_id.h"
#include "base/store/records.h"
#include "base/store/text.h"

namespace gaincell::store {
namespace {

// What the library may take beside the values asked for.
constexpr std::uint64_t kOwnMemory = std::uint64_t{256} << 20;
constexpr double kOwnSeconds = 4;
constexpr double kBytesPerSecond = 20e6;            // of a slow disk, compressed
constexpr double kStructureBytesPerSecond = 500e3;  // objects, of which one takes about a kilobyte
constexpr std::uint64_t kMostObjects = 1'000'000;
constexpr std::size_t kDeepest = 100;
// deflate, the best of the filters, makes at most 1,032 bytes of one.
constexpr std::uint64_t kMostPerStoredByte = 1100;
constexpr H5Z_filter_t kLzf = 32000;

constexpr std::string_view kBareDimension = "This is a netCDF dimension but not a netCDF variable";

// Limits of this process, relative to what it has when it begins.
class Limits {
 public:
  Limits() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0;
    if (statm >> pages) start_bytes_ = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  void allow_values(std::uint64_t bytes) const {
    allow(bytes, static_cast<double>(bytes) / kBytesPerSecond);
  }
  // To walk through a whole file.
  void allow_structure(std::uint64_t file_bytes) const {
    allow(std::min<std::uint64_t>(file_bytes, kOwnMemory),
          static_cast<double>(file_bytes) / kStructureBytesPerSecond);
  }
  // No second file, nothing written, no dump of a crash.
  static void close_the_door() {
    for (const auto which : {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE}) set(which, 0);
  }

 private:
  void allow(std::uint64_t bytes, double seconds) const {
    set(RLIMIT_AS, start_bytes_ + kOwnMemory + bytes);
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    set(RLIMIT_CPU, static_cast<std::uint64_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                        static_cast<std::uint64_t>(std::ceil(kOwnSeconds + seconds)));
  }
  static void set(__rlimit_resource which, std::uint64_t value) {
    rlimit limit{};
    getrlimit(which, &limit);
    limit.rlim_cur = std::min<rlim_t>(value, limit.rlim_max);
    setrlimit(which, &limit);
  }
  std::uint64_t start_bytes_ = std::uint64_t{4} << 30;
};

// h5py's own filter, which libhdf5 lacks: cd_values[2] is the size of a chunk.
std::size_t lzf_filter(unsigned flags, std::size_t count, const unsigned* values, std::size_t bytes,
                       std::size_t* capacity, void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0 || count < 3) return 0;
  const std::size_t size = values[2];
  void* out = std::malloc(std::max<std::size_t>(size, 1));
  if (out == nullptr) return 0;
  const unsigned made =
      lzf_decompress(*buffer, static_cast<unsigned>(bytes), out, static_cast<unsigned>(size));
  if (made == 0) {
    std::free(out);
    return 0;
  }
  std::free(*buffer);
  *buffer = out;
  *capacity = size;
  return made;
}

void register_lzf() {
  static const H5Z_class2_t kClass{H5Z_CLASS_T_VERS, kLzf,    0,         1, "lzf",
                                   nullptr,          nullptr, lzf_filter};
  H5Zregister(&kClass);
}

std::string filter_name(H5Z_filter_t id, const char* stored) {
  static const std::map<H5Z_filter_t, const char*> kKnown{
      {4, "szip"},    {305, "lzo"},          {307, "bzip2"},   {32001, "blosc"},
      {32004, "lz4"}, {32008, "bitshuffle"}, {32013, "zfp"},   {32015, "zstd"},
      {32017, "sz"},  {32024, "sz3"},        {32026, "blosc2"}};
  if (const auto known = kKnown.find(id); known != kKnown.end()) return known->second;
  return stored[0] != '\0' ? stored : fmt::format("number {}", id);
}

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(const char* action) {
  const std::string reason = last_reason();
  throw Failed(std::string("cannot ") + action + (reason.empty() ? "" : " (HDF5: " + reason + ")"));
}
void require(herr_t result, const char* action) {
  if (result < 0) fail(action);
}

Content content_of(const Id& type, const Id& space) {
  Content content;
  if (!type || !space) fail("read its type");
  content.size = H5Tget_size(type.get());
  switch (H5Tget_class(type.get())) {
    case H5T_INTEGER:
      content.kind = Kind::kNumber;
      content.integer = true;
      content.is_signed = H5Tget_sign(type.get()) != H5T_SGN_NONE;
      content.type = fmt::format("a{} {}-bit integer", content.is_signed ? "" : "n unsigned",
                                 8 * content.size);
      break;
    case H5T_FLOAT:
      content.kind = Kind::kNumber;
      content.type = "floating point";
      break;
    case H5T_STRING:
      content.kind = Kind::kText;
      content.type = "a text";
      break;
    case H5T_COMPOUND:
      content.type = "of a compound type (a record, or complex numbers)";
      break;
    case H5T_ENUM:
      content.type = "of an enumerated type (true and false, for instance)";
      break;
    case H5T_REFERENCE:
      content.type = "of references (a MATLAB cell, for instance)";
      break;
    case H5T_ARRAY:
      content.type = "of an array type";
      break;
    case H5T_VLEN:
      content.type = "of lists of unequal length";
      break;
    case H5T_OPAQUE:
      content.type = "of an opaque type";
      break;
    case H5T_BITFIELD:
      content.type = "of a bit field";
      break;
    default:
      content.type = "of another type";
  }
  const int dimensions = H5Sget_simple_extent_ndims(space.get());
  if (dimensions < 0) fail("read its extents");
  if (H5Sget_simple_extent_type(space.get()) == H5S_NULL) {
    content.shape = {0};
    return content;
  }
  std::vector<hsize_t> extents(static_cast<std::size_t>(dimensions));
  if (dimensions > 0) H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  content.shape.assign(extents.begin(), extents.end());
  // A product that overflows is a claim that no file holds.
  constexpr std::uint64_t kMost = std::uint64_t{1} << 48;
  std::uint64_t count = content.size;
  for (const std::uint64_t extent : content.shape) {
    if (extent != 0 && count > kMost / extent) {
      content.problem = "claims more numbers than any file holds: the file is damaged";
      break;
    }
    count *= extent;
  }
  return content;
}

using Read = std::function<herr_t(hid_t memory, void* data)>;

std::vector<std::string> read_texts(const Content& content, const Id& type, const Id& space,
                                    const Read& read) {
  const std::size_t count = content.count();
  std::vector<std::string> texts(count);
  if (count == 0) return texts;
  if (H5Tis_variable_str(type.get()) > 0) {
    Id memory = string_type();
    H5Tset_cset(memory.get(), H5Tget_cset(type.get()));
    std::vector<char*> pointers(count, nullptr);
    require(read(memory.get(), pointers.data()), "read the text");
    for (std::size_t i = 0; i < count; ++i)
      if (pointers[i] != nullptr) texts[i] = pointers[i];
    H5Dvlen_reclaim(memory.get(), space.get(), H5P_DEFAULT, pointers.data());
  } else {
    const std::size_t size = content.size;
    std::vector<char> bytes(count * size);
    require(read(type.get(), bytes.data()), "read the text");
    for (std::size_t i = 0; i < count; ++i) {
      texts[i].assign(bytes.data() + i * size, size);
      texts[i].resize(std::min(texts[i].find('\0'), size));
    }
  }
  return texts;
}

// netCDF-4's and HDF5's book-keeping, which is no user's attribute.
bool is_internal(const std::string& name) {
  static const std::set<std::string> kInternal{"CLASS",          "NAME",
                                               "DIMENSION_LIST", "REFERENCE_LIST",
                                               "_Netcdf4Dimid",  "_Netcdf4Coordinates",
                                               "_NCProperties",  "DIMENSION_LABELS"};
  return kInternal.contains(name);
}

// Why the values of a dataset cannot be had: they are elsewhere, were never written, need a filter
// that is not here, or are more than what is stored can hold. "" if they can.
std::string problem_of(const Id& dataset, const Content& content, std::uint64_t file_bytes) {
  const Id properties(H5Dget_create_plist(dataset.get()), H5Pclose);
  if (!properties) fail("read how it is stored");
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_VIRTUAL)
    return "is a virtual dataset, whose numbers are in other datasets; write them into this one";
  if (H5Pget_external_count(properties.get()) > 0)
    return "keeps its numbers in another file (external storage); write them into this one";
  for (int i = 0; i < std::max(0, H5Pget_nfilters(properties.get())); ++i) {
    std::array<char, 64> name{};
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(properties.get(), static_cast<unsigned>(i), &flags, &values, nullptr,
                       name.size() - 1, name.data(), &config);
    if (H5Zfilter_avail(filter) <= 0)
      return fmt::format(
          "is compressed with {}, which this program cannot undo; `h5repack -f GZIP=4 OLD NEW` "
          "makes a file that it reads",
          filter_name(filter, name.data()));
  }
  if (!content.problem.empty()) return content.problem;
  const std::uint64_t bytes = content.count() * content.size;
  if (bytes == 0 || layout == H5D_COMPACT) return "";
  const std::uint64_t stored = H5Dget_storage_size(dataset.get());
  if (stored == 0) return "was never written: it has extents and no numbers";
  const bool filtered = H5Pget_nfilters(properties.get()) > 0;
  const std::uint64_t most = filtered ? kMostPerStoredByte * stored : stored;
  if (bytes > most || stored > file_bytes)
    return fmt::format(
        "claims {} numbers, and the file holds {} bytes of them: not all were "
        "written, or it is damaged",
        content.count(), std::min(stored, file_bytes));
  if (layout != H5D_CHUNKED) return "";
  std::vector<hsize_t> chunk(content.shape.size());
  H5Pget_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
  std::uint64_t chunks = 1, chunk_bytes = content.size;
  for (std::size_t d = 0; d < chunk.size(); ++d) {
    if (chunk[d] == 0) return "has chunks without extent: the file is damaged";
    chunks *= (content.shape[d] + chunk[d] - 1) / chunk[d];
    chunk_bytes *= chunk[d];
  }
  hsize_t written = 0;
  const Id space(H5Dget_space(dataset.get()), H5Sclose);
  require(H5Dget_num_chunks(dataset.get(), space.get(), &written), "count its chunks");
  if (written < chunks)
    return fmt::format("is written in part: {} of its {} chunks are in the file", written, chunks);
  if (chunk_bytes > std::min(std::max(bytes, most), most_of_file(file_bytes)))
    return fmt::format("has chunks of {} bytes, more than a file of {} bytes may unpack to",
                       chunk_bytes, file_bytes);
  return "";
}

// Names under which an object can be opened again, by its index.
std::vector<std::string> paths_of(const FileRecord& record) {
  std::vector<std::string> paths(record.objects.size());
  paths[0] = "/";
  // A child stands behind its parent but for links back, whose paths are known by then.
  for (std::size_t i = 0; i < record.objects.size(); ++i)
    for (const auto& [name, child] : record.objects[i].children)
      if (paths[child].empty()) paths[child] = join_path(paths[i], name);
  return paths;
}

// Walks the file once; an object that has several names is recorded once.
class Walk {
 public:
  Walk(hid_t file, std::uint64_t file_bytes, FileRecord& record)
      : file_bytes_(file_bytes), record_(record) {
    const Id root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    if (!root) fail("open the root group");
    H5O_info_t info;
    require(H5Oget_info2(root.get(), &info, H5O_INFO_BASIC), "open the root group");
    known_.emplace(info.addr, 0);
    record_.objects.emplace_back().what = ObjectRecord::What::kGroup;
    fill_group(root.get(), 0, 0);
    name_scales();
  }

 private:
  struct Link {
    std::string name;
    H5L_type_t type;
  };
  struct ScaleOf {
    std::uint64_t object;
    unsigned dimension;
    haddr_t address;
  };

  static std::vector<Link> links(hid_t group) {
    std::vector<Link> found;
    const auto take = [](hid_t, const char* name, const H5L_info_t* info, void* data) -> herr_t {
      static_cast<std::vector<Link>*>(data)->push_back({name, info->type});
      return 0;
    };
    // Order of creation where the file keeps it, else by name.
    hsize_t from = 0;
    unsigned order = 0;
    const Id properties(H5Gget_create_plist(group), H5Pclose);
    if (properties) H5Pget_link_creation_order(properties.get(), &order);
    const bool tracked = (order & H5P_CRT_ORDER_TRACKED) != 0;
    require(H5Literate(group, tracked ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, H5_ITER_INC, &from,
                       take, &found),
            "list the group");
    return found;
  }

  std::uint64_t add(ObjectRecord object) {
    if (record_.objects.size() >= kMostObjects) throw Failed("has too many objects");
    record_.objects.push_back(std::move(object));
    return record_.objects.size() - 1;
  }
  std::uint64_t add_problem(std::string problem) {
    ObjectRecord object;
    object.problem = std::move(problem);
    return add(std::move(object));
  }

  void fill_group(hid_t group, std::uint64_t index, std::size_t depth) {
    record_.objects[index].attributes = attributes(group);
    for (const Link& link : links(group)) {
      const std::uint64_t child = child_of(group, link, depth);
      record_.objects[index].children.emplace_back(link.name, child);
    }
  }

  std::uint64_t child_of(hid_t group, const Link& link, std::size_t depth) {
    if (link.type != H5L_TYPE_HARD && link.type != H5L_TYPE_SOFT)
      return add_problem("is a link into another file; copy what it names into this one");
    H5O_info_t info;
    if (H5Oget_info_by_name2(group, link.name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) {
      last_reason();
      return add_problem(link.type == H5L_TYPE_SOFT ? "is a link to nothing"
                                                    : "cannot be opened: the file is damaged");
    }
    if (const auto known = known_.find(info.addr); known != known_.end()) return known->second;
    if (depth >= kDeepest) return add_problem("lies too deep in groups");
    const std::uint64_t index = add({});
    known_.emplace(info.addr, index);
    const Id object(H5Oopen(group, link.name.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object) {
      record_.objects[index].problem = "cannot be opened: " + last_reason();
      return index;
    }
    if (info.type == H5O_TYPE_GROUP) {
      record_.objects[index].what = ObjectRecord::What::kGroup;
      fill_group(object.get(), index, depth + 1);
    } else if (info.type == H5O_TYPE_DATASET) {
      record_.objects[index].what = ObjectRecord::What::kDataset;
      record_.objects[index].attributes = attributes(object.get());
      fill_dataset(object, index);
    }
    return index;
  }

  void fill_dataset(const Id& dataset, std::uint64_t index) {
    ObjectRecord& record = record_.objects[index];
    record.content = content_of(Id(H5Dget_type(dataset.get()), H5Tclose),
                                Id(H5Dget_space(dataset.get()), H5Sclose));
    record.content.problem = problem_of(dataset, record.content, file_bytes_);
    const std::size_t dimensions = record.content.shape.size();
    record.scales.resize(dimensions);
    record.labels.resize(dimensions);
    if (H5DSis_scale(dataset.get()) > 0) {
      record.is_scale = true;
      std::array<char, 256> name{};
      record.is_bare = H5DSget_scale_name(dataset.get(), name.data(), name.size()) > 0 &&
                       std::string_view(name.data()).starts_with(kBareDimension);
      std::array<char, 1024> path{};
      // A dimension's own dataset names itself.
      if (dimensions == 1 && H5Iget_name(dataset.get(), path.data(), path.size()) > 0)
        record.scales[0] = path.data();
      return;
    }
    // By address: asked for the name of what a reference leads to, the library searches the file.
    const auto take = [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
      H5O_info_t info;
      if (H5Oget_info2(scale, &info, H5O_INFO_BASIC) >= 0) *static_cast<haddr_t*>(data) = info.addr;
      return 1;
    };
    for (unsigned d = 0; d < dimensions; ++d) {
      std::array<char, 256> label{};
      if (H5DSget_label(dataset.get(), d, label.data(), label.size()) > 0)
        record.labels[d] = label.data();
      if (H5DSget_num_scales(dataset.get(), d) < 1) continue;
      int first = 0;
      haddr_t scale = HADDR_UNDEF;
      require(H5DSiterate_scales(dataset.get(), d, &first, take, &scale), "find its dimensions");
      if (scale != HADDR_UNDEF) scales_.push_back({index, d, scale});
    }
    last_reason();
  }

  // Once all objects have their names.
  void name_scales() {
    const std::vector<std::string> paths = paths_of(record_);
    for (const ScaleOf& one : scales_)
      if (const auto known = known_.find(one.address); known != known_.end())
        record_.objects[one.object].scales[one.dimension] = paths[known->second];
  }

  std::map<std::string, AttributeRecord> attributes(hid_t object) const {
    std::vector<std::string> names;
    const auto take = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
      static_cast<std::vector<std::string>*>(data)->emplace_back(name);
      return 0;
    };
    require(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names),
            "list the attributes");
    std::map<std::string, AttributeRecord> result;
    for (const std::string& name : names)
      if (!is_internal(name)) result.emplace(name, attribute(object, name));
    return result;
  }

  AttributeRecord attribute(hid_t object, const std::string& name) const {
    AttributeRecord record;
    const Id attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute) fail("open an attribute");
    const Id type(H5Aget_type(attribute.get()), H5Tclose);
    const Id space(H5Aget_space(attribute.get()), H5Sclose);
    record.content = content_of(type, space);
    Content& content = record.content;
    // Attributes stand in the file as they are.
    if (content.problem.empty() && content.count() * content.size > file_bytes_)
      content.problem = "claims more than the file holds: the file is damaged";
    if (!content.problem.empty() || content.count() == 0) return record;
    const Read read = [id = attribute.get()](hid_t memory, void* data) {
      return H5Aread(id, memory, data);
    };
    try {
      if (content.kind == Kind::kText) {
        record.texts = read_texts(content, type, space, read);
      } else if (content.kind == Kind::kNumber) {
        record.numbers.resize(content.count());
        require(read(H5T_NATIVE_DOUBLE, record.numbers.data()), "read the values");
      }
    } catch (const Failed& failed) {
      content.problem = failed.what();
    }
    return record;
  }

  std::uint64_t file_bytes_;
  FileRecord& record_;
  std::map<haddr_t, std::uint64_t> known_;  // by address in the file
  std::vector<ScaleOf> scales_;
};

struct Numbers {
  hid_t memory = -1;
  std::size_t size = 0;
};

Numbers numbers_of(NumberType type) {
  switch (type) {
    case NumberType::kDouble:
      return {memory_type<double>(), sizeof(double)};
    case NumberType::kFloat:
      return {memory_type<float>(), sizeof(float)};
    case NumberType::kUint8:
      return {memory_type<std::uint8_t>(), sizeof(std::uint8_t)};
    case NumberType::kUint32:
      return {memory_type<std::uint32_t>(), sizeof(std::uint32_t)};
    case NumberType::kInt64:
      return {memory_type<std::int64_t>(), sizeof(std::int64_t)};
    default:
      return {memory_type<std::uint64_t>(), sizeof(std::uint64_t)};
  }
}

bool answer(int socket, bool ok, const void* data, std::size_t size) {
  const Answer head{ok, size};
  return send_all(socket, &head, sizeof head) && send_all(socket, data, size);
}

bool answer_with_values(int socket, hid_t file, const std::string& path, const Content& content,
                        NumberType wanted) {
  const Id dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) fail("open the dataset");
  const Read read = [id = dataset.get()](hid_t memory, void* data) {
    return H5Dread(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  };
  if (wanted == NumberType::kText) {
    Packer packer;
    packer(read_texts(content, Id(H5Dget_type(dataset.get()), H5Tclose),
                      Id(H5Dget_space(dataset.get()), H5Sclose), read));
    return answer(socket, true, packer.bytes().data(), packer.bytes().size());
  }
  const Numbers numbers = numbers_of(wanted);
  std::vector<char> values(content.count() * numbers.size);
  if (!values.empty()) require(read(numbers.memory, values.data()), "read the values");
  return answer(socket, true, values.data(), values.size());
}

void send_record(int socket, const FileRecord& record) {
  Packer packer;
  packer(record);
  const std::uint64_t size = packer.bytes().size();
  if (!send_all(socket, &size, sizeof size) || !send_all(socket, packer.bytes().data(), size))
    _exit(0);
}

void serve(int socket, const std::string& path, std::uint64_t file_bytes) {
  const Limits limits;
  limits.allow_structure(file_bytes);
  start_library();
  H5PLset_loading_state(0);  // no foreign code by a variable of the environment
  register_lzf();
  FileRecord record;
  const Id file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  Limits::close_the_door();
  if (!file) {
    record.failure = last_reason();
    if (record.failure.empty()) record.failure = "no reason given";
    send_record(socket, record);
    return;
  }
  haddr_t end = 0;
  if (H5Fget_eoa(file.get(), &end) >= 0) record.end = end;
  try {
    const Walk walk(file.get(), file_bytes, record);
  } catch (const Failed& failed) {
    record = {};
    record.failure = failed.what();
  }
  send_record(socket, record);
  if (!record.failure.empty()) return;
  const std::vector<std::string> paths = paths_of(record);
  for (Request request; receive_all(socket, &request, sizeof request);) {
    const Content& content = record.objects[request.object].content;
    // A chunk and what undoes its filters stand beside the values.
    limits.allow_values(4 * content.count() * std::max<std::uint64_t>(content.size, 8));
    std::string message;
    try {
      if (!answer_with_values(socket, file.get(), paths[request.object], content, request.type))
        return;
      continue;
    } catch (const Failed& failed) {
      message = failed.what();
    } catch (const std::bad_alloc&) {
      message = "needs more memory than there is";
    }
    if (!answer(socket, false, message.data(), message.size())) return;
  }
}

}  // namespace

bool send_all(int socket, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(socket, at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int socket, void* data, std::size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = ::recv(socket, at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

void decode(int socket, const std::string& path, std::uint64_t file_bytes) {
  for (const int signal : {SIGXCPU, SIGXFSZ, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM})
    ::signal(signal, SIG_DFL);
  if (socket <= STDERR_FILENO) socket = ::fcntl(socket, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  // What the library prints about a damaged file helps no one.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (null >= 0) ::dup2(null, standard);
  try {
    serve(socket, path, file_bytes);
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

}  // namespace gaincell::store
