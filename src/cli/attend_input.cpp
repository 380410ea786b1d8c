#include "cli/attend_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/store/reader.h"
#include "base/text.h"

namespace gaincell::cli {
namespace {

constexpr std::size_t kRoles = 4;
constexpr std::array<const char*, kRoles> kRoleNames{"batch", "head", "time", "dim"};
constexpr std::size_t kTime = 2, kDim = 3;
constexpr std::size_t kMostOfOne = 1'000'000;  // heads, or dimensions of one

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Which of batch, head, time and dim a dimension's name means.
std::optional<std::size_t> role_of(const std::string& name) {
  static const std::map<std::string, std::size_t> kNames{
      {"batch", 0},     {"batches", 0},  {"b", 0},          {"batch_size", 0}, {"sample", 0},
      {"samples", 0},   {"example", 0},  {"head", 1},       {"heads", 1},      {"h", 1},
      {"n_head", 1},    {"n_heads", 1},  {"num_heads", 1},  {"time", 2},       {"t", 2},
      {"token", 2},     {"tokens", 2},   {"seq", 2},        {"seq_len", 2},    {"position", 2},
      {"positions", 2}, {"key_time", 2}, {"query_time", 2}, {"dim", 3},        {"d", 3},
      {"dims", 3},      {"head_dim", 3}, {"d_head", 3},     {"d_k", 3},        {"d_v", 3},
      {"channel", 3},   {"channels", 3}, {"feature", 3},    {"features", 3}};
  const auto known = kNames.find(lower(name));
  return known == kNames.end() ? std::nullopt : std::optional(known->second);
}

// Everything that holds numbers, for the message that something is missing.
void list_datasets(const store::ReadGroup& group, std::vector<std::string>& found) {
  constexpr std::size_t kListed = 12;
  for (const std::string& name : group.dataset_names()) {
    if (found.size() > kListed) return;
    const store::ReadDataset dataset = group.dataset(name);
    if (!dataset.is_bare_dimension())
      found.push_back(found.size() == kListed
                          ? "..."
                          : dataset.path().substr(1) + " " + shape_text(dataset.shape()));
  }
  for (const std::string& name : group.group_names()) {
    if (found.size() > kListed || std::count(group.path().begin(), group.path().end(), '/') > 8)
      return;
    list_datasets(group.group(name), found);
  }
}

// One of q, k, v as the file has it.
struct Stored {
  store::ReadDataset dataset;
  bool reversed = false;  // MATLAB and Octave count dimensions the other way round
  const char* writer = "";
};

// Octave's -hdf5 format: a group with `type` and `value`.
std::optional<store::ReadDataset> octave_value(const store::ReadGroup& root,
                                               const std::string& name) {
  const auto groups = root.group_names();
  if (std::find(groups.begin(), groups.end(), name) == groups.end()) return std::nullopt;
  const store::ReadGroup group = root.group(name);
  if (!group.has("type") || !group.has("value")) return std::nullopt;
  const std::string type = group.dataset("type").read_scalar<std::string>();
  if (!type.ends_with("matrix") || type.find("complex") != std::string::npos ||
      type.find("bool") != std::string::npos)
    throw Error({.place = root.file(),
                 .key = name,
                 .value = type,
                 .rule = "must be a matrix of real numbers"});
  return group.dataset("value");
}

Stored find(const store::ReadGroup& root, const std::string& name) {
  if (const auto value = octave_value(root, name)) return {*value, true, "Octave"};
  if (!root.has(name)) {
    std::vector<std::string> found;
    list_datasets(root, found);
    throw Error(
        {.place = root.file(),
         .key = name,
         .rule = fmt::format("there is no dataset of this name at the top; found {}",
                             found.empty() ? "none" : fmt::format("{}", fmt::join(found, ", "))),
         .remedy = "write q, k and v under these names"});
  }
  const store::ReadDataset dataset = root.dataset(name);
  if (!dataset.has_attribute("MATLAB_class")) return {dataset, false, ""};
  const std::string type = dataset.text_attribute("MATLAB_class");
  static const std::set<std::string> kNumbers{"double", "single", "int8",   "uint8", "int16",
                                              "uint16", "int32",  "uint32", "int64", "uint64"};
  if (!kNumbers.contains(type))
    throw Error({.place = root.file(),
                 .key = name + "@MATLAB_class",
                 .value = type,
                 .rule = "must be a class of numbers"});
  return {dataset, true, "MATLAB"};
}

// Role of each dimension, in the file's order.
std::vector<std::size_t> roles_of(const Stored& stored, const std::string& name,
                                  const AttendInputOptions& options,
                                  std::vector<std::string>& notes) {
  const store::ReadDataset& dataset = stored.dataset;
  const std::vector<std::size_t> shape = dataset.shape();
  const auto refuse = [&](std::string rule) {
    throw Error(
        {.place = dataset.file(),
         .key = name,
         .value = shape_text(shape),
         .rule = std::move(rule),
         .remedy = fmt::format("say which is which, such as `--order {}`",
                               shape.size() == 3 ? "head,time,dim" : "batch,head,time,dim")});
  };
  if (shape.size() > kRoles || shape.size() < 2)
    throw Error({.place = dataset.file(),
                 .key = name,
                 .value = shape_text(shape),
                 .rule = "must have the four dimensions [batch, head, time, dim]",
                 .remedy = "reshape it; a batch or head of 1 may be left out"});
  // Names in the order in which whoever wrote the file counts.
  std::vector<std::string> names = options.order;
  if (names.empty()) {
    names = dataset.dimension_names();
    if (stored.reversed) std::reverse(names.begin(), names.end());
  } else if (names.size() != shape.size()) {
    throw Error(
        {.key = "--order",
         .value = fmt::format("{}", fmt::join(names, ",")),
         .rule = fmt::format("{} has {} dimensions, {}", name, shape.size(), shape_text(shape))});
  }
  std::vector<std::optional<std::size_t>> known;
  std::size_t named = 0;
  for (const std::string& one : names) {
    known.push_back(role_of(one));
    if (known.back()) ++named;
  }
  std::vector<std::size_t> by_place;  // where names do not say
  if (shape.size() == 4) by_place = {0, 1, kTime, kDim};
  if (shape.size() == 2) by_place = {kTime, kDim};
  std::vector<std::size_t> roles;
  if (named == names.size()) {
    for (const auto& role : known) roles.push_back(*role);
    const std::set<std::size_t> distinct(roles.begin(), roles.end());
    if (distinct.size() != roles.size() || !distinct.contains(kTime) || !distinct.contains(kDim))
      refuse(
          fmt::format("its dimensions are named {}: time and dim must be among them, and none "
                      "twice",
                      fmt::join(names, ", ")));
    if (roles != by_place)
      notes.push_back(fmt::format("{}: read as [{}], as {} its dimensions", name,
                                  fmt::join(names, ", "),
                                  options.order.empty() ? "the file names" : "--order gives"));
  } else {
    if (by_place.empty()) refuse("it is not said which dimensions these are");
    for (std::size_t d = 0; d < names.size(); ++d)
      if (known[d] && *known[d] != by_place[d])
        refuse(
            fmt::format("its dimensions are named {}, which is not the order [batch, head, time, "
                        "dim], and not all names are known",
                        fmt::join(names, ", ")));
    roles = by_place;
    if (shape.size() == 2) notes.push_back(name + ": read as [time, dim], one batch and one head");
    for (std::size_t d = 0; d < names.size(); ++d)
      if (!known[d] && !names[d].empty())
        notes.push_back(fmt::format("{}: its dimension named {} is taken as {}, by its place", name,
                                    names[d], kRoleNames[roles[d]]));
  }
  if (stored.reversed) {
    std::reverse(roles.begin(), roles.end());
    notes.push_back(fmt::format("{}: {} wrote it, so the file's dimensions {} are read in reverse",
                                name, stored.writer, shape_text(shape)));
  }
  return roles;
}

std::optional<double> number_of(const store::ReadDataset& dataset, const char* attribute) {
  if (!dataset.has_attribute(attribute)) return std::nullopt;
  return dataset.number_attribute(attribute);
}

// The numbers in the file's order, packed integers unpacked (netCDF conventions).
std::vector<float> read_numbers(const store::ReadDataset& dataset, const std::string& name,
                                std::vector<std::string>& notes) {
  if (dataset.has_attribute("_Unsigned"))
    throw Error({.place = dataset.file(),
                 .key = name + "@_Unsigned",
                 .rule = "integers that are meant otherwise than they are stored are not read",
                 .remedy = "write them with an unsigned type"});
  const auto scale = number_of(dataset, "scale_factor"), offset = number_of(dataset, "add_offset");
  std::vector<double> fills;
  for (const char* attribute : {"_FillValue", "missing_value"})
    if (const auto fill = number_of(dataset, attribute); fill && std::isfinite(*fill))
      fills.push_back(*fill);
  if (!scale && !offset && fills.empty()) return dataset.read<float>().values;
  const std::vector<double> stored = dataset.read<double>().values;
  std::vector<float> numbers(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const bool missing = std::find(fills.begin(), fills.end(), stored[i]) != fills.end();
    numbers[i] = missing ? std::nanf("")
                         : static_cast<float>(stored[i] * scale.value_or(1) + offset.value_or(0));
  }
  if (scale || offset)
    notes.push_back(fmt::format("{}: unpacked as {} x number + {}, as its attributes say", name,
                                scale.value_or(1), offset.value_or(0)));
  return numbers;
}

// `sizes` by role; what the file leaves out is 1.
std::array<std::size_t, kRoles> sizes_of(const std::vector<std::size_t>& shape,
                                         const std::vector<std::size_t>& roles) {
  std::array<std::size_t, kRoles> sizes{1, 1, 1, 1};
  for (std::size_t d = 0; d < shape.size(); ++d) sizes[roles[d]] = shape[d];
  return sizes;
}

void require_unit(const store::ReadGroup& root, const store::ReadDataset& dataset,
                  const std::string& name) {
  // With scalers of its own a number may count in anything.
  if (root.has("a_" + name) || !dataset.has_attribute("units")) return;
  const std::string unit = dataset.text_attribute("units");
  static const std::set<std::string> kPlain{"", "1", "none", "dimensionless"},
      kVolt{"V", "volt", "volts", "Volt"};
  if (kPlain.contains(unit) || (name != "q" && kVolt.contains(unit))) return;
  throw Error({.place = root.file(),
               .key = name + "@units",
               .value = unit,
               .rule = name == "q" ? "q is a share of the longest pulse, unit \"1\""
                                   : name + " is read in volt, unit \"V\"",
               .remedy = fmt::format("convert it, or give the scalers a_{0} and b_{0} that make "
                                     "volt or a share of it",
                                     name)});
}

struct Tensor {
  std::array<std::size_t, kRoles> sizes{};
  std::vector<float> values;  // [batch][time][head][dim]
};

Tensor read_tensor(const store::ReadGroup& root, const std::string& name,
                   const AttendInputOptions& options, std::vector<std::string>& notes) {
  const Stored stored = find(root, name);
  const store::ReadDataset& dataset = stored.dataset;
  const std::vector<std::size_t> shape = dataset.shape();
  if (dataset.kind() != store::Kind::kNumber)
    throw Error({.place = root.file(),
                 .key = name,
                 .rule = fmt::format("must hold numbers, but is {}", dataset.type())});
  const std::vector<std::size_t> roles = roles_of(stored, name, options, notes);
  require_unit(root, dataset, name);
  if (std::find(shape.begin(), shape.end(), 0u) != shape.end())
    throw Error({.place = root.file(),
                 .key = name,
                 .value = shape_text(shape),
                 .rule = "holds no numbers: each dimension must be 1 or more"});
  Tensor tensor;
  tensor.sizes = sizes_of(shape, roles);
  const auto [batches, heads, times, dims] = tensor.sizes;
  if (heads > kMostOfOne || dims > kMostOfOne)
    throw Error({.place = root.file(),
                 .key = name,
                 .value = shape_text(shape),
                 .rule = fmt::format("there are at most {} heads, and as many dimensions of one",
                                     kMostOfOne)});
  const std::vector<float> numbers = read_numbers(dataset, name, notes);
  // Step of each role through the file's order; what the file leaves out has extent 1.
  std::array<std::size_t, kRoles> step{0, 0, 0, 0};
  std::size_t count = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    step[roles[d]] = count;
    count *= shape[d];
  }
  tensor.values.resize(numbers.size());
  std::size_t to = 0;
  for (std::size_t b = 0; b < batches; ++b)
    for (std::size_t t = 0; t < times; ++t)
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t d = 0; d < dims; ++d) {
          const float x = numbers[b * step[0] + h * step[1] + t * step[kTime] + d * step[kDim]];
          if (!std::isfinite(x))
            throw Error(
                {.place = root.file(),
                 .key = fmt::format("{}[batch {}][head {}][token {}][dim {}]", name, b, h, t, d),
                 .value = fmt::format("{}", x),
                 .rule = "must be a finite number",
                 .remedy = "look at what made the file: NaN stands for a number that is missing"});
          tensor.values[to++] = x;
        }
  return tensor;
}

// What keys or values count from: the option, the dataset's attribute, or ground.
std::string counts_from(const store::ReadGroup& root, const std::string& name,
                        const std::string& option, const std::string& chosen) {
  std::string offset = "b_" + name;
  const store::ReadDataset dataset = find(root, name).dataset;
  const bool has_attribute = dataset.has_attribute("counts_from");
  std::string from = has_attribute ? dataset.text_attribute("counts_from") : "ground";
  if (!chosen.empty()) from = chosen;
  if (from != "ground" && from != "middle")
    throw Error({.place = chosen.empty() ? root.file() : "",
                 .key = chosen.empty() ? name + "@counts_from" : option,
                 .value = from,
                 .rule = "must be ground (0 V) or middle (the cells' zero)"});
  if (!root.has(offset)) return from;
  if (!chosen.empty() || has_attribute)
    throw Error({.place = root.file(),
                 .key = chosen.empty() ? name + "@counts_from" : option,
                 .value = from,
                 .rule = fmt::format("{} of the file says what {} counts from", offset, name),
                 .remedy = "give one of them"});
  return offset;
}

// One number a head; MATLAB and Octave know no vectors, so a matrix of one row or column counts.
std::vector<float> read_scaler(const store::ReadGroup& root, const std::string& name,
                               std::size_t heads) {
  const store::ReadDataset dataset = find(root, name).dataset;
  const std::vector<std::size_t> shape = dataset.shape();
  std::vector<float> values = dataset.read<float>().values;
  const auto longer = std::count_if(shape.begin(), shape.end(), [](auto n) { return n != 1; });
  if (values.size() != heads || longer > 1 || shape.empty())
    throw Error({.place = root.file(),
                 .key = name,
                 .value = fmt::format("{} numbers, {}", values.size(), shape_text(shape)),
                 .rule = fmt::format("one a head is needed: {}", heads)});
  for (std::size_t h = 0; h < values.size(); ++h)
    if (!std::isfinite(values[h]))
      throw Error({.place = root.file(),
                   .key = fmt::format("{}[head {}]", name, h),
                   .value = fmt::format("{}", values[h]),
                   .rule = "must be finite"});
  return values;
}

// a_q, b_q .. of the file. Without them q is a share of the longest pulse, and keys and values are
// voltages.
void read_scalers(const store::ReadGroup& root, AttendInput& in, double v_zero) {
  attention::Scalers& s = in.scalers;
  s = attention::Scalers::identity(static_cast<int>(in.sizes.head));
  const auto from = [v_zero](const std::string& where) {
    return where == "middle" ? static_cast<float>(v_zero) : 0.0f;
  };
  std::fill(s.b_k.begin(), s.b_k.end(), from(in.keys_from));
  std::fill(s.b_v.begin(), s.b_v.end(), from(in.values_from));
  const std::pair<const char*, std::vector<float>*> named[] = {
      {"a_q", &s.a_q}, {"b_q", &s.b_q}, {"a_k", &s.a_k}, {"b_k", &s.b_k},
      {"a_v", &s.a_v}, {"b_v", &s.b_v}, {"a_o", &s.a_o}, {"b_o", &s.b_o}};
  for (const auto& [name, values] : named)
    if (root.has(name)) *values = read_scaler(root, name, in.sizes.head);
}

// Negative numbers that count from ground are told of, and change nothing.
void note_negative(const std::string& name, const std::string& from, const std::string& option,
                   const std::vector<float>& numbers, std::vector<std::string>& notes) {
  if (from != "ground") return;
  const auto negative =
      std::count_if(numbers.begin(), numbers.end(), [](float x) { return x < 0; });
  if (negative > 0)
    notes.push_back(fmt::format(
        "{}: {} of {} numbers are negative, and it counts from ground, below which no cell goes; "
        "`{} middle` counts from the cells' zero",
        name, negative, numbers.size(), option));
}

}  // namespace

AttendInput read_attend_input(const AttendInputOptions& options, double v_zero) {
  for (const std::string& name : options.order)
    if (std::find(kRoleNames.begin(), kRoleNames.end(), name) == kRoleNames.end())
      throw Error({.key = "--order", .value = name, .rule = "there are batch, head, time and dim"});
  const store::ReadGroup root = store::Reader(options.file).root();
  AttendInput in;
  Tensor q = read_tensor(root, "q", options, in.notes);
  in.sizes = {q.sizes[0], q.sizes[1], q.sizes[kTime], q.sizes[kDim]};
  in.q = std::move(q.values);
  for (const auto& [name, to] : {std::pair{"k", &in.k}, {"v", &in.v}}) {
    Tensor x = read_tensor(root, name, options, in.notes);
    if (x.sizes != q.sizes)
      throw Error(
          {.place = options.file,
           .key = name,
           .value = fmt::format("[{}]", fmt::join(x.sizes, ", ")),
           .rule = fmt::format("must have the shape of q, [{}], as [batch, head, time, dim]",
                               fmt::join(q.sizes, ", "))});
    *to = std::move(x.values);
  }
  in.keys_from = counts_from(root, "k", "--keys-from", options.keys_from);
  in.values_from = counts_from(root, "v", "--values-from", options.values_from);
  read_scalers(root, in, v_zero);
  note_negative("k", in.keys_from, "--keys-from", in.k, in.notes);
  note_negative("v", in.values_from, "--values-from", in.v, in.notes);
  return in;
}

}  // namespace gaincell::cli
