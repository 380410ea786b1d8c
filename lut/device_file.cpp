#include "lut/device_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/store/writer.h"
#include "base/suggest.h"
#include "base/units.h"
#include "base/version.h"
#include "lut/quantity_of.h"

namespace gaincell::lut {
namespace {

// The numbers of Accuracy and Limit, as they are named in the file: one list for writer and reader.
struct AccuracyField {
  const char* name;
  double Accuracy::*accuracy;
  const char* limit_name;
  std::optional<double> Limit::*limit;
};
constexpr AccuracyField kAccuracyFields[] = {
    {"error_max_abs", &Accuracy::max_abs, "limit_max_abs", &Limit::max_abs},
    {"error_rms_abs", &Accuracy::rms_abs, "limit_rms_abs", &Limit::rms_abs},
    {"error_max_percent", &Accuracy::max_percent, "limit_max_percent", &Limit::max_percent},
    {"error_rms_percent", &Accuracy::rms_percent, "limit_rms_percent", &Limit::rms_percent},
};

void describe(store::Node node, const Quantity& quantity) {
  node.attribute("units", quantity.unit);
  if (!quantity.long_name.empty()) node.attribute("long_name", quantity.long_name);
}

// For other programs; ours derive these from the points.
void describe_working(store::Node& node, const TableEntry& entry) {
  const Accuracy working = working_accuracy(entry.table, entry.hold_out);
  if (working.points == 0) return;
  node.attribute("working_points", static_cast<std::int64_t>(working.points));
  node.attribute("working_error_max_abs", working.max_abs);
  node.attribute("working_error_rms_abs", working.rms_abs);
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Names of the dimensions of a table; an axis that is new to the file is written. One name can
// stand for one grid only, so a further grid takes its first table's name in front.
std::vector<std::string> write_axes(store::Group& root, const Table& table,
                                    std::map<std::string, Axis>& written) {
  std::vector<std::string> names;
  for (const Axis& axis : table.axes()) {
    const auto known = std::find_if(written.begin(), written.end(),
                                    [&axis](const auto& entry) { return entry.second == axis; });
    if (known != written.end()) {
      names.push_back(known->first);
      continue;
    }
    const std::string name =
        written.contains(axis.name()) ? table.name() + "_" + axis.name() : axis.name();
    store::Node node = root.axis(name, axis.nodes());
    describe(node, {name, axis.unit(), axis.long_name()});
    node.attribute("axis", axis.name());
    written.emplace(name, axis);
    names.push_back(name);
  }
  return names;
}

void write_table(store::Group& root, const TableEntry& entry,
                 std::map<std::string, Axis>& written) {
  const Table& table = entry.table;
  const std::vector<std::string> dimensions = write_axes(root, table, written);
  store::Node node = root.dataset(table.name(), dimensions, table.values());
  describe(node, table.quantity());
  std::string interpolation;
  for (const Interpolation rule : table.interpolation())
    interpolation += fmt::format("{}{}", interpolation.empty() ? "" : " ", to_string(rule));
  node.attribute("interpolation", interpolation);
  if (!entry.bench.empty()) node.attribute("bench", entry.bench);
  if (!entry.comment.empty()) node.attribute("comment", entry.comment);
  node.attribute("holdout_points", static_cast<std::int64_t>(entry.accuracy.points));
  for (const AccuracyField& field : kAccuracyFields) {
    if (entry.accuracy.points > 0) node.attribute(field.name, entry.accuracy.*field.accuracy);
    if (entry.limit.*field.limit) node.attribute(field.limit_name, *(entry.limit.*field.limit));
  }
  describe_working(node, entry);
}

void write_hold_out(store::Group& root, const TableEntry& entry) {
  if (entry.hold_out.measured.empty()) return;
  const Table& table = entry.table;
  store::Group group = root.group(std::string(store::device::kHoldout) + "/" + table.name());
  group.dimension("point", entry.hold_out.measured.size());
  for (std::size_t a = 0; a < table.dimensions(); ++a)
    describe(group.dataset(table.axis(a).name(), {"point"}, entry.hold_out.coordinates[a]),
             {"", table.axis(a).unit(), table.axis(a).long_name()});
  describe(group.dataset("measured", {"point"}, entry.hold_out.measured),
           {"", table.quantity().unit, "simulated, seen by no table"});
  describe(group.dataset("predicted", {"point"}, entry.hold_out.predicted),
           {"", table.quantity().unit, "from the table"});
  if (!entry.hold_out.working.empty())
    describe(group.dataset("working", {"point"}, entry.hold_out.working),
             {"", "1", "1 = in the working range"});
}

void require_whole(const HoldOut& hold_out, const std::string& place, const std::string& group) {
  const auto require = [&](const std::vector<double>& values, const std::string& name) {
    if (values.size() != hold_out.measured.size())
      throw Error({.place = place,
                   .key = "/" + group + "/" + name,
                   .value = fmt::format("{} values", values.size()),
                   .rule = fmt::format("there are {} measured", hold_out.measured.size())});
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]))
        throw Error({.place = place,
                     .key = fmt::format("/{}/{}[{}]", group, name, i),
                     .value = fmt::format("{}", values[i]),
                     .rule = "must be finite"});
  };
  require(hold_out.measured, "measured");
  require(hold_out.predicted, "predicted");
  if (!hold_out.working.empty()) require(hold_out.working, "working");
  for (const std::vector<double>& coordinates : hold_out.coordinates)
    require(coordinates, "coordinates");
}

std::size_t read_count(const store::ReadDataset& dataset, const std::string& name) {
  const double count = dataset.number_attribute(name, 0);
  if (!(count >= 0 && count <= 1e9 && count == std::floor(count)))
    throw Error({.place = dataset.file(),
                 .key = dataset.path() + "@" + name,
                 .value = fmt::format("{}", count),
                 .rule = "must be a count"});
  return static_cast<std::size_t>(count);
}

TableEntry read_table(const store::ReadGroup& root, const std::string& name) {
  const store::ReadDataset dataset = root.dataset(name);
  std::vector<Axis> axes;
  for (const std::string& path : dataset.dimension_paths()) {
    if (path.empty())
      throw Error(
          {.place = root.file(), .key = "/" + name, .rule = "has a dimension without a scale"});
    const store::ReadDataset scale = root.dataset(path.substr(1));
    axes.emplace_back(scale.text_attribute("axis", base_name(path)), scale.text_attribute("units"),
                      scale.read_vector<double>(), scale.text_attribute("long_name", ""));
  }
  std::vector<Interpolation> interpolation;
  const std::string words = dataset.text_attribute("interpolation") + " ";
  for (std::size_t begin = 0, end; (end = words.find(' ', begin)) != std::string::npos;
       begin = end + 1)
    interpolation.push_back(
        parse_interpolation(words.substr(begin, end - begin), root.file() + ": /" + name));

  TableEntry entry{Table(quantity_of(dataset, name), std::move(axes), dataset.read<double>().values,
                         std::move(interpolation)),
                   dataset.text_attribute("bench", ""), dataset.text_attribute("comment", "")};
  entry.accuracy.points = read_count(dataset, "holdout_points");
  for (const AccuracyField& field : kAccuracyFields) {
    entry.accuracy.*field.accuracy = dataset.number_attribute(field.name, 0);
    if (dataset.has_attribute(field.limit_name))
      entry.limit.*field.limit = dataset.number_attribute(field.limit_name);
  }

  const std::string holdout = std::string(store::device::kHoldout) + "/" + name;
  if (root.has(holdout)) {
    const store::ReadGroup group = root.group(holdout);
    for (const Axis& axis : entry.table.axes())
      entry.hold_out.coordinates.push_back(group.dataset(axis.name()).read_vector<double>());
    entry.hold_out.measured = group.dataset("measured").read_vector<double>();
    entry.hold_out.predicted = group.dataset("predicted").read_vector<double>();
    if (group.has("working"))
      entry.hold_out.working = group.dataset("working").read_vector<double>();
    require_whole(entry.hold_out, root.file(), holdout);
  }
  return entry;
}

// Sizes beyond which a number is no measurement, whatever was measured.
double most_of(const std::string& unit) {
  static const std::map<std::string, double> kMost{{"V", 1e6},  {"A", 1e6}, {"C", 1e3}, {"J", 1e9},
                                                   {"s", 1e12}, {"W", 1e9}, {"F", 1e6}};
  const auto known = kMost.find(unit);
  return known == kMost.end() ? 1e30 : known->second;
}

bool agree(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

// Throws Error unless the stated errors come out of the hold-out points.
void require_reproduced(const TableEntry& entry, const std::string& place) {
  const auto refuse = [&](const std::string& key, std::string value, std::string rule) {
    throw Error({.place = place,
                 .key = key,
                 .value = std::move(value),
                 .rule = std::move(rule),
                 .remedy = "compile the device anew; if the file was changed on purpose, `gaincell "
                           "seal` derives the errors anew and says so in it"});
  };
  const Table& table = entry.table;
  const HoldOut& hold_out = entry.hold_out;
  if (hold_out.measured.size() != entry.accuracy.points)
    refuse(table.name() + "@holdout_points", std::to_string(entry.accuracy.points),
           fmt::format("the file has {} hold-out points of it", hold_out.measured.size()));
  if (hold_out.measured.empty()) return;
  const std::vector<double> predicted = predict(table, hold_out);
  const Accuracy found = accuracy_of(table, hold_out, predicted);
  // Rounding of another compiler or processor.
  const double rounding =
      1e-9 * std::max({std::abs(table.minimum()), std::abs(table.maximum()), table.full_scale()});
  for (const AccuracyField& field : kAccuracyFields) {
    const double stated = entry.accuracy.*field.accuracy, is = found.*field.accuracy;
    const bool percent = std::string_view(field.name).ends_with("percent");
    const double scale = percent ? 1e-7 : rounding;
    if (!agree(stated, is, 1e-6 * std::abs(is) + scale)) {
      const auto shown = [&](double error) {
        return percent ? fmt::format("{:.3g} % of full scale", error)
                       : format_si(error, table.quantity().unit, 3);
      };
      refuse(table.name() + "@" + field.name, shown(stated),
             "the table no longer agrees with its own hold-out points: its error at them is " +
                 shown(is));
    }
  }
  for (std::size_t i = 0; i < predicted.size(); ++i)
    if (!agree(hold_out.predicted[i], predicted[i], rounding))
      refuse(fmt::format("/holdout/{}/predicted[{}]", table.name(), i),
             format_si(hold_out.predicted[i], table.quantity().unit),
             "the table says " + format_si(predicted[i], table.quantity().unit) + " there");
}

template <typename Entries, typename Name>
auto find_by(const Entries& entries, const std::string& wanted, Name name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& e) { return name(e) == wanted; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

std::vector<double> predict(const Table& table, const HoldOut& hold_out) {
  std::vector<double> predicted, x(table.dimensions());
  predicted.reserve(hold_out.measured.size());
  for (std::size_t i = 0; i < hold_out.measured.size(); ++i) {
    for (std::size_t a = 0; a < x.size(); ++a) x[a] = hold_out.coordinates[a][i];
    predicted.push_back(table.at(x));
  }
  return predicted;
}

Accuracy working_accuracy(const Table& table, const HoldOut& hold_out) {
  HoldOut inside;
  for (std::size_t i = 0; i < hold_out.working.size(); ++i) {
    if (hold_out.working[i] == 0) continue;
    inside.measured.push_back(hold_out.measured[i]);
    inside.predicted.push_back(hold_out.predicted[i]);
  }
  return accuracy_of(table, inside, inside.predicted);
}

std::string Provenance::text(const std::string& name) const {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return {};
  const auto* text = std::get_if<std::string>(&found->second);
  return text != nullptr ? *text : std::string();
}

std::vector<std::string> Provenance::texts(const std::string& name) const {
  const std::string all = text(name);
  if (!attributes.contains(name)) return {};
  const std::string lengths = text(name + kLengths);
  std::vector<std::string> texts;
  if (lengths.empty()) return {all};
  std::size_t at = 0;
  for (const char* next = lengths.c_str(); *next != 0;) {
    char* end = nullptr;
    const std::size_t length = std::strtoull(next, &end, 10);
    if (end == next || length > all.size() || at > all.size() - length)
      throw Error({.place = "/provenance/" + bench,
                   .key = name + kLengths,
                   .value = lengths,
                   .rule = fmt::format("does not belong to `{}`", name)});
    texts.push_back(all.substr(at, length));
    at += length + 1;
    next = end;
  }
  return texts;
}

std::map<std::string, std::string> Provenance::fixed() const {
  std::map<std::string, std::string> fixed;
  const std::string all = text(kFixed);
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string line = all.substr(at, end - at);
    const std::size_t blank = std::min(line.find(' '), line.size());
    fixed.emplace(line.substr(0, blank), line.substr(std::min(blank + 1, line.size())));
    at = end + 1;
  }
  return fixed;
}

Accuracy accuracy_of(const Table& table, const HoldOut& hold_out,
                     const std::vector<double>& predicted) {
  const std::size_t n = hold_out.measured.size();
  Accuracy accuracy{.points = n};
  if (n == 0) return accuracy;
  double square = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double error = std::abs(predicted[i] - hold_out.measured[i]);
    square += error * error;
    accuracy.max_abs = std::max(accuracy.max_abs, error);
  }
  const double percent = table.full_scale() > 0 ? 100 / table.full_scale() : 0;
  accuracy.rms_abs = std::sqrt(square / static_cast<double>(n));
  accuracy.max_percent = accuracy.max_abs * percent;
  accuracy.rms_percent = accuracy.rms_abs * percent;
  return accuracy;
}

DeviceFile DeviceFile::read(const std::filesystem::path& path) {
  const store::ReadGroup root = store::Reader(path).root();
  DeviceFile device = read_as_stated(root);
  for (const TableEntry& entry : device.tables_) require_reproduced(entry, device.place_);
  store::warn_if_unsealed(root);
  return device;
}

DeviceFile DeviceFile::read_edited(const std::filesystem::path& path,
                                   std::vector<std::string>& notes) {
  DeviceFile device = read_as_stated(store::Reader(path).root());
  for (TableEntry& entry : device.tables_) {
    const std::vector<double> predicted = predict(entry.table, entry.hold_out);
    const Accuracy found = accuracy_of(entry.table, entry.hold_out, predicted);
    std::string note;
    try {
      require_reproduced(entry, device.place_);
    } catch (const Error&) {
      note = found.points > 0
                 ? fmt::format("{}: largest error {:.3g} % of full scale, stated were {:.3g} %",
                               entry.table.name(), found.max_percent, entry.accuracy.max_percent)
                 : fmt::format("{}: no hold-out points, so its error is not known",
                               entry.table.name());
    }
    entry.hold_out.predicted = predicted;
    entry.accuracy = found;
    for (const AccuracyField& field : kAccuracyFields) {
      std::optional<double>& limit = entry.limit.*field.limit;
      if (!limit || (found.points > 0 && found.*field.accuracy <= *limit)) continue;
      note +=
          fmt::format("{}{} = {:.6g} does not hold and is taken out",
                      note.empty() ? entry.table.name() + ": " : "; ", field.limit_name, *limit);
      limit.reset();
    }
    if (!note.empty()) notes.push_back(note);
  }
  return device;
}

DeviceFile DeviceFile::read_as_stated(const store::ReadGroup& root) {
  store::require_format(root, store::kDeviceFormat);
  DeviceFile device;
  device.place_ = root.file();
  for (const std::string& name : root.dataset_names()) {
    const store::ReadDataset dataset = root.dataset(name);
    if (dataset.is_dimension()) continue;
    if (dataset.shape().empty()) {
      device.add(Constant{quantity_of(dataset, name), dataset.read_scalar<double>(),
                          dataset.text_attribute("bench", "")});
    } else {
      try {
        device.add(read_table(root, name));
      } catch (const Error& error) {
        if (error.complaint().place.starts_with(root.file())) throw;
        throw Error({.place = root.file(), .rule = error.what()});  // a Table or Axis knows no file
      }
    }
  }
  if (root.has(store::device::kProvenance)) {
    const store::ReadGroup all = root.group(store::device::kProvenance);
    for (const std::string& bench : all.group_names()) {
      const store::ReadGroup group = all.group(bench);
      Provenance provenance{bench, {}};
      for (const std::string& name : group.attribute_names()) {
        if (group.attribute_kind(name) == store::Kind::kText) {
          provenance.attributes.emplace(name, group.text_attribute(name));
        } else {
          provenance.attributes.emplace(name, group.number_attribute(name));
        }
      }
      device.add(std::move(provenance));
    }
  }
  return device;
}

void DeviceFile::write(const std::filesystem::path& path) const {
  store::Writer writer(path);
  store::Group root = writer.root();
  store::write_format(root, store::kDeviceFormat);
  root.attribute(store::kProgramVersion, kVersion)
      .attribute("comment", "netCDF-4 layout, SI units; see FORMAT.md of gaincell's lut component");
  std::map<std::string, Axis> axes;
  for (const TableEntry& entry : tables_) write_table(root, entry, axes);
  for (const Constant& constant : constants_) {
    store::Node node = root.scalar(constant.quantity.name, constant.value);
    describe(node, constant.quantity);
    if (!constant.bench.empty()) node.attribute("bench", constant.bench);
  }
  for (const TableEntry& entry : tables_) write_hold_out(root, entry);
  for (const Provenance& provenance : provenance_) {
    store::Group group =
        root.group(std::string(store::device::kProvenance) + "/" + provenance.bench);
    for (const auto& [name, value] : provenance.attributes)
      std::visit([&group, &key = name](const auto& v) { group.attribute(key, v); }, value);
  }
  writer.commit();
}

void DeviceFile::require_sense(const Quantity& quantity, std::span<const double> values) const {
  const double most = most_of(quantity.unit);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(std::abs(values[i]) <= most))
      throw Error(
          {.place = place_,
           .key = values.size() == 1 ? quantity.name : fmt::format("{}[{}]", quantity.name, i),
           .value = fmt::format("{} {}", values[i], quantity.unit),
           .rule = fmt::format("no such quantity is beyond {:g}: the number is damaged or "
                               "in another unit",
                               most)});
}

void DeviceFile::add(TableEntry entry) {
  require_sense(entry.table.quantity(), entry.table.values());
  for (const Axis& axis : entry.table.axes())
    require_sense({entry.table.name() + "." + axis.name(), axis.unit()}, axis.nodes());
  const std::string& name = entry.table.name();
  if (find_table(name) != nullptr || find_constant(name) != nullptr)
    throw Error({.place = place_, .key = name, .rule = "the device has this name twice"});
  tables_.push_back(std::move(entry));
}

void DeviceFile::add(Constant constant) {
  require_sense(constant.quantity, std::span(&constant.value, 1));
  const std::string& name = constant.quantity.name;
  if (find_table(name) != nullptr || find_constant(name) != nullptr)
    throw Error({.place = place_, .key = name, .rule = "the device has this name twice"});
  constants_.push_back(std::move(constant));
}

const TableEntry* DeviceFile::find_table(const std::string& name) const {
  return find_by(tables_, name,
                 [](const TableEntry& e) -> const std::string& { return e.table.name(); });
}

const Constant* DeviceFile::find_constant(const std::string& name) const {
  return find_by(constants_, name,
                 [](const Constant& c) -> const std::string& { return c.quantity.name; });
}

const Table& DeviceFile::table(const std::string& name) const {
  if (const TableEntry* entry = find_table(name)) return entry->table;
  std::vector<std::string> names;
  for (const TableEntry& entry : tables_) names.push_back(entry.table.name());
  throw Error({.place = place_,
               .key = name,
               .rule = "no such table",
               .remedy = suggest_remedy(name, names)});
}

double DeviceFile::constant(const std::string& name) const {
  if (const Constant* constant = find_constant(name)) return constant->value;
  std::vector<std::string> names;
  for (const Constant& constant : constants_) names.push_back(constant.quantity.name);
  throw Error({.place = place_,
               .key = name,
               .rule = "no such constant",
               .remedy = suggest_remedy(name, names)});
}

}  // namespace gaincell::lut
