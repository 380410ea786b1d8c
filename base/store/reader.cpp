#include "base/store/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "base/files.h"
#include "base/store/decoder.h"
#include "base/store/foreign.h"
#include "base/store/records.h"
#include "base/store/seal.h"
#include "base/store/text.h"

namespace gaincell::store {
namespace {

// The reading process, and the socket to it.
class Decoder {
 public:
  Decoder(const std::string& path, std::uint64_t file_bytes) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) refuse_to_start(path);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) _exit(0);
      decode(ends[1], path, file_bytes);
    }
    const int reason = errno;
    ::close(ends[1]);
    socket_ = ends[0];
    errno = reason;
    if (pid_ < 0) {
      ::close(socket_);
      refuse_to_start(path);
    }
  }
  ~Decoder() {
    ::close(socket_);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      reap();
    }
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool send(const void* data, std::size_t size) const { return send_all(socket_, data, size); }
  bool receive(void* data, std::size_t size) const { return receive_all(socket_, data, size); }

  // Why it is gone.
  std::string obituary() {
    const int status = reap();
    if (WIFSIGNALED(status))
      return WTERMSIG(status) == SIGXCPU ? "runs on it without end" : "crashes on it";
    return "takes all memory for it";
  }

 private:
  [[noreturn]] static void refuse_to_start(const std::string& path) {
    throw Error(
        {.place = path,
         .rule = fmt::format("cannot be read: no process for it ({})", std::strerror(errno))});
  }
  int reap() {
    int status = 0;
    while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  int socket_ = -1;
};

}  // namespace

namespace detail {

struct ReaderState {
  std::string name;
  std::uint64_t bytes = 0;
  Seal seal = Seal::kNone;
  std::unique_ptr<Decoder> decoder;
  FileRecord record;
  std::uint64_t left = 0;  // what may still be made of the file
};

}  // namespace detail

using detail::ReaderState;

namespace {

[[noreturn]] void refuse(const ReaderState& state, const std::string& object, std::string rule) {
  throw Error({.place = state.name, .key = object, .rule = std::move(rule)});
}

[[noreturn]] void refuse_damaged(ReaderState& state) {
  throw Error(
      {.place = state.name,
       .rule = fmt::format("the file is damaged: the HDF5 library {}", state.decoder->obituary()),
       .remedy = "copy it again, or make it anew"});
}

// The object of this path, or nullptr.
const ObjectRecord* find(const ReaderState& state, const std::string& path) {
  const ObjectRecord* object = &state.record.objects.front();
  for (std::size_t begin = 1; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name(path.data() + begin, end - begin);
    const auto child = std::find_if(object->children.begin(), object->children.end(),
                                    [name](const auto& entry) { return entry.first == name; });
    if (child == object->children.end()) return nullptr;
    object = &state.record.objects[child->second];
    begin = end + 1;
  }
  return object;
}

const ObjectRecord& at(const ReaderState& state, const std::string& path) {
  const ObjectRecord* object = find(state, path);
  if (object == nullptr) refuse(state, path, "is missing");
  return *object;
}

const AttributeRecord& attribute_of(const ReaderState& state, const std::string& path,
                                    const std::string& name) {
  const auto& attributes = at(state, path).attributes;
  const auto found = attributes.find(name);
  if (found == attributes.end()) refuse(state, path + "@" + name, "the attribute is missing");
  return found->second;
}

void require_text(const ReaderState& state, const std::string& object, const Content& content) {
  if (!content.problem.empty()) refuse(state, object, content.problem);
  if (content.kind != Kind::kText)
    refuse(state, object,
           fmt::format("must be a text, but is {}",
                       content.kind == Kind::kNumber ? "a number" : content.type));
}

template <typename T>
void require_number(const ReaderState& state, const std::string& object, const Content& content) {
  constexpr bool kWantsInteger = std::is_integral_v<T>;
  if (content.kind != Kind::kNumber || (kWantsInteger && !content.integer))
    refuse(state, object,
           fmt::format("must be {}, but is {}", kWantsInteger ? "an integer" : "a number",
                       content.type));
  if (kWantsInteger && content.size > sizeof(T))
    refuse(
        state, object,
        fmt::format("has integers of {} bytes where at most {} are read", content.size, sizeof(T)));
  if (!content.problem.empty()) refuse(state, object, content.problem);
}

template <typename T>
T only(const ReaderState& state, const std::string& object, std::vector<T> values) {
  if (values.size() != 1)
    refuse(state, object, fmt::format("must be a single value, but has {}", values.size()));
  return std::move(values.front());
}

std::vector<std::size_t> sizes(const std::vector<std::uint64_t>& shape) {
  return {shape.begin(), shape.end()};
}

void take_from_budget(ReaderState& state, const std::string& path, std::uint64_t bytes) {
  if (bytes > state.left)
    refuse(state, path,
           fmt::format("unpacks to more than a file of {} bytes may ({} MiB): it is damaged, or "
                       "compressed beyond what this program reads",
                       state.bytes, most_of_file(state.bytes) >> 20));
  state.left -= bytes;
}

// Asks for an object's values; `take` receives as many bytes as it is told.
template <typename Take>
void request(ReaderState& state, const std::string& path, NumberType type, Take take) {
  const auto index = static_cast<std::uint64_t>(&at(state, path) - state.record.objects.data());
  const Request wanted{index, type};
  Answer head;
  if (!state.decoder->send(&wanted, sizeof wanted) || !state.decoder->receive(&head, sizeof head))
    refuse_damaged(state);
  if (head.bytes > most_of_file(state.bytes)) refuse_damaged(state);
  if (head.ok == 0) {
    std::string message(head.bytes, '\0');
    if (!state.decoder->receive(message.data(), message.size())) refuse_damaged(state);
    refuse(state, path, clean_text(message));
  }
  if (!take(head.bytes)) refuse_damaged(state);
}

std::vector<std::string> read_texts(ReaderState& state, const std::string& path) {
  const Content& content = at(state, path).content;
  require_text(state, path, content);
  take_from_budget(state, path, content.count() * sizeof(std::string));
  std::vector<std::string> texts;
  request(state, path, NumberType::kText, [&](std::uint64_t bytes) {
    take_from_budget(state, path, bytes);
    std::string packed(bytes, '\0');
    if (!state.decoder->receive(packed.data(), packed.size())) return false;
    try {
      Unpacker unpack(packed);
      unpack(texts);
    } catch (const std::length_error&) {
      return false;
    }
    return texts.size() == content.count();
  });
  for (std::string& text : texts) text = clean_text(text);
  return texts;
}

template <typename T>
constexpr NumberType number_type() {
  if constexpr (std::is_same_v<T, double>) return NumberType::kDouble;
  if constexpr (std::is_same_v<T, float>) return NumberType::kFloat;
  if constexpr (std::is_same_v<T, std::uint8_t>) return NumberType::kUint8;
  if constexpr (std::is_same_v<T, std::uint32_t>) return NumberType::kUint32;
  if constexpr (std::is_same_v<T, std::int64_t>) return NumberType::kInt64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return NumberType::kUint64;
}

template <typename T>
std::vector<T> read_values(ReaderState& state, const std::string& path) {
  if constexpr (std::is_same_v<T, std::string>) {
    return read_texts(state, path);
  } else {
    const Content& content = at(state, path).content;
    require_number<T>(state, path, content);
    const std::uint64_t count = content.count();
    if (count == 0) return {};
    take_from_budget(state, path, count * sizeof(T));
    std::vector<T> values(count);
    request(state, path, number_type<T>(), [&](std::uint64_t bytes) {
      return bytes == count * sizeof(T) && state.decoder->receive(values.data(), bytes);
    });
    return values;
  }
}

std::vector<std::string> names_of(const ReaderState& state, const std::string& path,
                                  ObjectRecord::What what) {
  std::vector<std::string> names;
  for (const auto& [name, index] : at(state, path).children)
    if (state.record.objects[index].what == what) names.push_back(name);
  return names;
}

// The record with every name and text fit for messages and JSON.
void clean(FileRecord& record) {
  for (ObjectRecord& object : record.objects) {
    std::map<std::string, AttributeRecord> attributes;
    for (auto& [name, attribute] : object.attributes) {
      for (std::string& text : attribute.texts) text = clean_text(text);
      attributes.emplace(clean_text(name), std::move(attribute));
    }
    object.attributes = std::move(attributes);
    for (auto& child : object.children) child.first = clean_name(child.first);
    for (std::string& scale : object.scales) scale = clean_name(scale);
    for (std::string& label : object.labels) label = clean_name(label);
  }
}

// Every index and count that the rest relies on.
bool is_sound(const FileRecord& record) {
  const std::size_t objects = record.objects.size();
  if (record.failure.empty() &&
      (objects == 0 || record.objects.front().what != ObjectRecord::What::kGroup))
    return false;
  return std::all_of(record.objects.begin(), record.objects.end(), [&](const ObjectRecord& o) {
    const std::size_t dimensions = o.content.shape.size();
    return std::all_of(o.children.begin(), o.children.end(),
                       [&](const auto& child) { return child.second < objects; }) &&
           (o.what != ObjectRecord::What::kDataset ||
            (o.scales.size() == dimensions && o.labels.size() == dimensions));
  });
}

FileRecord receive_record(ReaderState& state) {
  std::uint64_t size = 0;
  if (!state.decoder->receive(&size, sizeof size) || size > most_of_file(state.bytes))
    refuse_damaged(state);
  std::string packed(size, '\0');
  if (!state.decoder->receive(packed.data(), packed.size())) refuse_damaged(state);
  FileRecord record;
  try {
    Unpacker unpack(packed);
    unpack(record);
  } catch (const std::length_error&) {
    refuse_damaged(state);
  }
  if (!is_sound(record)) refuse_damaged(state);
  clean(record);
  return record;
}

[[noreturn]] void refuse_unopened(const ReaderState& state, int fd) {
  const std::string& reason = state.record.failure;
  if (reason.find("truncated") != std::string::npos)
    throw Error({.place = state.name,
                 .value = fmt::format("{} bytes", state.bytes),
                 .rule = "the file is truncated",
                 .remedy = "copy it again, or make it anew"});
  if (const auto [what, remedy] = foreign_format(fd); !what.empty())
    throw Error(
        {.place = state.name, .rule = "is not an HDF5 file, but " + what, .remedy = remedy});
  if (reason.find("signature") != std::string::npos) refuse(state, "", "is not an HDF5 file");
  throw Error(
      {.place = state.name,
       .rule = fmt::format("cannot be read as HDF5: it is damaged ({})", clean_text(reason)),
       .remedy = "copy it again, or make it anew"});
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

const std::string& ReadNode::file() const { return state_->name; }

std::vector<std::string> ReadNode::attribute_names() const {
  std::vector<std::string> names;
  for (const auto& entry : at(*state_, path_).attributes) names.push_back(entry.first);
  return names;
}

bool ReadNode::has_attribute(const std::string& name) const {
  return at(*state_, path_).attributes.contains(name);
}

Kind ReadNode::attribute_kind(const std::string& name) const {
  return attribute_of(*state_, path_, name).content.kind;
}

std::string ReadNode::text_attribute(const std::string& name) const {
  return only(*state_, path_ + "@" + name, texts_attribute(name));
}

double ReadNode::number_attribute(const std::string& name) const {
  return only(*state_, path_ + "@" + name, numbers_attribute(name));
}

std::vector<std::string> ReadNode::texts_attribute(const std::string& name) const {
  const AttributeRecord& attribute = attribute_of(*state_, path_, name);
  require_text(*state_, path_ + "@" + name, attribute.content);
  return attribute.texts;
}

std::vector<double> ReadNode::numbers_attribute(const std::string& name) const {
  const AttributeRecord& attribute = attribute_of(*state_, path_, name);
  require_number<double>(*state_, path_ + "@" + name, attribute.content);
  return attribute.numbers;
}

std::string ReadNode::text_attribute(const std::string& name, const std::string& otherwise) const {
  return has_attribute(name) ? text_attribute(name) : otherwise;
}

double ReadNode::number_attribute(const std::string& name, double otherwise) const {
  return has_attribute(name) ? number_attribute(name) : otherwise;
}

Kind ReadDataset::kind() const { return at(*state_, path_).content.kind; }

std::string ReadDataset::type() const { return at(*state_, path_).content.type; }

bool ReadDataset::holds_integers() const { return at(*state_, path_).content.integer; }

std::vector<std::size_t> ReadDataset::shape() const {
  return sizes(at(*state_, path_).content.shape);
}

std::vector<std::string> ReadDataset::dimension_paths() const { return at(*state_, path_).scales; }

std::vector<std::string> ReadDataset::dimension_names() const {
  const ObjectRecord& object = at(*state_, path_);
  std::vector<std::string> names;
  for (std::size_t d = 0; d < object.scales.size(); ++d)
    names.push_back(object.labels[d].empty()
                        ? object.scales[d].substr(object.scales[d].rfind('/') + 1)
                        : object.labels[d]);
  return names;
}

bool ReadDataset::is_dimension() const { return at(*state_, path_).is_scale; }

bool ReadDataset::is_bare_dimension() const { return at(*state_, path_).is_bare; }

template <typename T>
Array<T> ReadDataset::read() const {
  return {shape(), read_values<T>(*state_, path_)};
}

template <typename T>
std::vector<T> ReadDataset::read_vector() const {
  const std::size_t dimensions = shape().size();
  if (dimensions != 1)
    refuse(*state_, path_, fmt::format("must have one dimension, but has {}", dimensions));
  return read_values<T>(*state_, path_);
}

template <typename T>
T ReadDataset::read_scalar() const {
  const std::uint64_t count = at(*state_, path_).content.count();
  if (count != 1) refuse(*state_, path_, fmt::format("must be a single value, but has {}", count));
  return only(*state_, path_, read_values<T>(*state_, path_));
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
  return find(*state_, join_path(path_, name)) != nullptr;
}

std::vector<std::string> ReadGroup::group_names() const {
  return names_of(*state_, path_, ObjectRecord::What::kGroup);
}

std::vector<std::string> ReadGroup::dataset_names() const {
  return names_of(*state_, path_, ObjectRecord::What::kDataset);
}

ReadGroup ReadGroup::group(const std::string& name) const {
  const std::string path = join_path(path_, name);
  const ObjectRecord* object = find(*state_, path);
  if (object == nullptr) refuse(*state_, path, "the group is missing");
  if (!object->problem.empty()) refuse(*state_, path, object->problem);
  if (object->what != ObjectRecord::What::kGroup) refuse(*state_, path, "must be a group");
  return ReadGroup(state_, path);
}

ReadDataset ReadGroup::dataset(const std::string& name) const {
  const std::string path = join_path(path_, name);
  const ObjectRecord* object = find(*state_, path);
  if (object == nullptr) refuse(*state_, path, "the dataset is missing");
  if (!object->problem.empty()) refuse(*state_, path, object->problem);
  if (object->what != ObjectRecord::What::kDataset) refuse(*state_, path, "must be a dataset");
  return ReadDataset(state_, path);
}

Reader::Reader(const std::filesystem::path& path) {
  state_ = std::make_shared<ReaderState>();
  state_->name = path.empty() ? "a file without a name" : path.string();
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) refuse(*state_, "", "no such file");
  if (!std::filesystem::is_regular_file(status)) refuse(*state_, "", "is not a file");
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat facts {};
  if (file.fd < 0 || ::fstat(file.fd, &facts) != 0)
    throw Error({.place = state_->name,
                 .rule = fmt::format("cannot be read ({})", std::strerror(errno)),
                 .remedy = "check the path and its permissions"});
  state_->bytes = static_cast<std::uint64_t>(facts.st_size);
  if (state_->bytes == 0) refuse(*state_, "", "is empty");
  state_->left = most_of_file(state_->bytes);
  state_->seal = check_seal(file.fd, path);
  const auto refuse_bytes = [this] {
    throw Error({.place = state_->name,
                 .rule = "its bytes are not those that gaincell wrote: the file was damaged",
                 .remedy = "copy it again, or make it anew"});
  };
  if (state_->seal == Seal::kBroken) refuse_bytes();
  state_->decoder = std::make_unique<Decoder>(path.string(), state_->bytes);
  state_->record = receive_record(*state_);
  if (!state_->record.failure.empty()) refuse_unopened(*state_, file.fd);
  // A program that changes the file through HDF5 cuts the seal off; what else lies behind the end
  // is a seal that was damaged.
  if (state_->seal == Seal::kNone && root().has_attribute(kSealAttribute) &&
      state_->record.end < state_->bytes)
    refuse_bytes();
  note_input(path);
}

ReadGroup Reader::root() const { return ReadGroup(state_, "/"); }

Origin ReadNode::origin() const {
  if (state_->seal == Seal::kIntact) return Origin::kSealed;
  return ReadGroup(state_, "/").has_attribute(kSealAttribute) ? Origin::kChanged
                                                              : Origin::kUnsealed;
}

void require_format(const ReadGroup& root, const Format& format) {
  if (!root.has_attribute(kFormatName))
    throw Error({.place = root.file(),
                 .rule = fmt::format("is HDF5, but not a gaincell {} file", format.name),
                 .remedy = fmt::format("`{}` writes one", format.maker)});
  const std::string found = root.text_attribute(kFormatName);
  if (found != format.name)
    throw Error({.place = root.file(),
                 .key = kFormatName,
                 .value = found,
                 .rule = fmt::format("must be \"{}\" here", format.name),
                 .remedy = fmt::format("`{}` writes such a file", format.maker)});
  const double found_version = root.number_attribute(kFormatVersion);
  if (found_version != static_cast<double>(format.version))
    throw Error({.place = root.file(),
                 .key = kFormatVersion,
                 .value = fmt::format("{}", found_version),
                 .rule = fmt::format("this program reads version {}", format.version),
                 .remedy = fmt::format(
                     "write the file anew with `{}` of this version{}", format.maker,
                     root.has_attribute(kProgramVersion)
                         ? ", or read it with gaincell " + root.text_attribute(kProgramVersion)
                         : "")});
}

void warn_if_unsealed(const ReadNode& node) {
  const char* what =
      node.origin() == Origin::kChanged
          ? "was changed by another program since gaincell wrote it; its numbers are "
            "taken as they stand"
          : "has no checksum (it is of an earlier gaincell, or of another program); "
            "damage to it may go unseen";
  if (node.origin() != Origin::kSealed) fmt::print(stderr, "gaincell: {}: {}\n", node.file(), what);
}

}  // namespace gaincell::store
