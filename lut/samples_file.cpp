#include "lut/samples_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/suggest.h"
#include "lut/quantity_of.h"

namespace gaincell::lut {
namespace {

namespace names = store::samples;

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

[[noreturn]] void refuse(const store::ReadNode& node, std::string value, std::string rule) {
  throw Error({.place = node.file(),
               .key = node.path(),
               .value = std::move(value),
               .rule = std::move(rule)});
}

std::vector<Axis> read_axes(const store::ReadGroup& bench) {
  std::vector<Axis> axes;
  if (!bench.has(names::kAxes)) return axes;
  const store::ReadGroup group = bench.group(names::kAxes);
  for (const std::string& name : words(group.text_attribute(names::kOrder))) {
    const store::ReadDataset dataset = group.dataset(name);
    std::vector<double> nodes = dataset.read_vector<double>();
    // A list of conditions may be in any order; an axis rises.
    std::sort(nodes.begin(), nodes.end());
    if (nodes.size() > 1)
      axes.emplace_back(name, dataset.text_attribute("units"), std::move(nodes),
                        dataset.text_attribute("long_name", ""));
  }
  return axes;
}

std::map<std::string, Series> read_series(const store::ReadGroup& bench,
                                          const std::string& group_name, std::size_t points) {
  std::map<std::string, Series> result;
  const store::ReadGroup group = bench.group(group_name);
  for (const std::string& name : group.dataset_names()) {
    const store::ReadDataset dataset = group.dataset(name);
    if (dataset.is_dimension() || dataset.kind() != store::Kind::kNumber) continue;
    const std::vector<std::size_t> shape = dataset.shape();
    if (shape.size() != 1) continue;  // a vector condition: no coordinate of a table
    if (shape[0] != points)
      refuse(dataset, fmt::format("{} values", shape[0]),
             fmt::format("the bench has {} points", points));
    // A measurement without a number is NaN; a condition always has one.
    Series series{quantity_of(dataset, name), dataset.read_vector<double>()};
    if (dataset.has_attribute(names::kWords)) series.words = dataset.texts_attribute(names::kWords);
    if (dataset.has_attribute(names::kSpecMinimum))
      series.spec_minimum = dataset.number_attribute(names::kSpecMinimum);
    if (dataset.has_attribute(names::kSpecMaximum))
      series.spec_maximum = dataset.number_attribute(names::kSpecMaximum);
    for (std::size_t i = 0; i < points; ++i)
      if (group_name == names::kConditions && !std::isfinite(series.values[i]))
        refuse(dataset, fmt::format("[{}] = {}", i, series.values[i]), "must be finite");
    result.emplace(name, std::move(series));
  }
  return result;
}

std::map<std::string, VectorSeries> read_vectors(const store::ReadGroup& bench,
                                                 std::size_t points) {
  std::map<std::string, VectorSeries> result;
  const store::ReadGroup group = bench.group(names::kConditions);
  for (const std::string& name : group.dataset_names()) {
    const store::ReadDataset dataset = group.dataset(name);
    if (dataset.is_dimension() || dataset.kind() != store::Kind::kNumber) continue;
    const std::vector<std::size_t> shape = dataset.shape();
    if (shape.size() != 2) continue;
    if (shape[0] != points)
      refuse(dataset, fmt::format("{} rows", shape[0]),
             fmt::format("the bench has {} points", points));
    result.emplace(
        name, VectorSeries{quantity_of(dataset, name), shape[1], dataset.read<double>().values});
  }
  return result;
}

std::optional<double> limit_of(const store::ReadGroup& request, const std::string& name) {
  if (!request.has_attribute(name)) return std::nullopt;
  const double limit = request.number_attribute(name);
  if (!(limit >= 0 && std::isfinite(limit)))
    refuse(request, fmt::format("{} {}", name, limit), "must be 0 or more");
  return limit;
}

// Marks of the points, 0 to `most`.
std::vector<std::uint8_t> read_marks(const store::ReadGroup& bench, const std::string& name,
                                     int most) {
  const store::ReadDataset dataset = bench.dataset(name);
  std::vector<std::uint8_t> marks = dataset.read_vector<std::uint8_t>();
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (marks[i] > most)
      refuse(dataset, fmt::format("[{}] = {}", i, marks[i]),
             fmt::format("must be from 0 to {}", most));
  return marks;
}

TableOrder read_request(const store::ReadGroup& group, const std::string& name,
                        const SampledBench& bench) {
  TableOrder request;
  request.of = group.text_attribute(names::kOf);
  request.over = words(group.text_attribute(names::kOver));
  request.quantity = {name, "", group.text_attribute("long_name", "")};
  const auto require = [&](const std::string& wanted, const std::vector<std::string>& known,
                           const char* rule) {
    if (std::find(known.begin(), known.end(), wanted) == known.end())
      throw Error({.place = group.file(),
                   .key = group.path(),
                   .value = wanted,
                   .rule = rule,
                   .remedy = suggest_remedy(wanted, known)});
  };
  std::vector<std::string> measurements, axes;
  for (const auto& entry : bench.measurements) measurements.push_back(entry.first);
  for (const Axis& axis : bench.axes) axes.push_back(axis.name());
  require(request.of, measurements, "no such measurement");
  for (const std::string& axis : request.over) require(axis, axes, "no such swept condition");
  request.quantity.unit = bench.measurements.at(request.of).quantity.unit;

  std::vector<std::string> rules = words(group.text_attribute(names::kInterpolation, "cubic"));
  if (rules.size() == 1) rules.resize(request.over.size(), rules.front());
  if (rules.size() != request.over.size())
    refuse(group, fmt::format("{} interpolations", rules.size()),
           fmt::format("the table has {} axes", request.over.size()));
  for (const std::string& rule : rules)
    request.interpolation.push_back(parse_interpolation(rule, group.file() + ": " + group.path()));

  request.limit = {.max_abs = limit_of(group, "limit_max"),
                   .rms_abs = limit_of(group, "limit_rms"),
                   .max_percent = limit_of(group, "limit_max_percent"),
                   .rms_percent = limit_of(group, "limit_rms_percent")};
  return request;
}

// What was fixed, a line each: "corner slow", "v_dd 0.81 V".
std::string read_fixed(const store::ReadGroup& bench, const SampledBench& read) {
  const store::ReadGroup group = bench.group(names::kConditions);
  std::vector<std::string> lines;
  for (const auto& [name, series] : read.conditions) {
    const auto& values = series.values;
    if (values.empty() || std::any_of(values.begin(), values.end(),
                                      [&](double value) { return value != values.front(); }))
      continue;
    const store::ReadDataset dataset = group.dataset(name);
    if (dataset.has_attribute(names::kWords)) {
      const std::vector<std::string> known = dataset.texts_attribute(names::kWords);
      const auto word = static_cast<std::size_t>(values.front());
      if (values.front() >= 0 && word < known.size())
        lines.push_back(fmt::format("{} {}", name, known[word]));
    } else {
      lines.push_back(fmt::format("{} {} {}", name, values.front(), series.quantity.unit));
    }
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

// Texts of several lines can't be told apart once they are joined: their lengths say where each
// ends.
std::string lengths_of(const std::vector<std::string>& texts) {
  std::string lengths;
  for (const std::string& text : texts)
    lengths += fmt::format("{}{}", lengths.empty() ? "" : " ", text.size());
  return lengths;
}

SampledBench read_bench(const store::ReadGroup& group, const std::string& name,
                        const SamplesFile& file) {
  SampledBench bench;
  bench.name = name;
  bench.description = group.text_attribute(names::kDescription, "");
  bench.axes = read_axes(group);
  bench.status = read_marks(group, names::kStatus, 1);
  bench.hold_out = read_marks(group, names::kHoldout, 2);
  if (bench.hold_out.size() != bench.points())
    refuse(group, fmt::format("{} values", bench.hold_out.size()),
           fmt::format("the bench has {} points", bench.points()));
  if (group.has(names::kDraw))
    bench.draw = group.dataset(names::kDraw).read_vector<std::uint32_t>();
  if (group.has(names::kAided)) bench.aided = read_marks(group, names::kAided, 1);
  if ((!bench.draw.empty() && bench.draw.size() != bench.points()) ||
      (!bench.aided.empty() && bench.aided.size() != bench.points()))
    refuse(group, fmt::format("{} draws, {} aided", bench.draw.size(), bench.aided.size()),
           fmt::format("the bench has {} points", bench.points()));
  bench.conditions = read_series(group, names::kConditions, bench.points());
  bench.vector_conditions = read_vectors(group, bench.points());
  bench.measurements = read_series(group, names::kMeasurements, bench.points());
  for (const Axis& axis : bench.axes)
    if (!bench.conditions.contains(axis.name()))
      refuse(group, axis.name(), "is an axis without its values under conditions");
  if (group.has(fmt::format("{}/{}", names::kFailures, names::kPoint))) {
    const store::ReadGroup failures = group.group(names::kFailures);
    const auto points = failures.dataset(names::kPoint).read_vector<std::uint64_t>();
    const auto reasons = failures.dataset(names::kReason).read_vector<std::string>();
    for (std::size_t i = 0; i < std::min(points.size(), reasons.size()); ++i)
      bench.failures.emplace(static_cast<std::size_t>(points[i]), reasons[i]);
  }
  if (group.has(names::kTables)) {
    const store::ReadGroup tables = group.group(names::kTables);
    for (const std::string& table : tables.group_names())
      bench.tables.push_back(read_request(tables.group(table), table, bench));
  }
  if (group.has(names::kSpreads)) {
    const store::ReadGroup spreads = group.group(names::kSpreads);
    for (const std::string& spread : spreads.group_names()) {
      const store::ReadGroup one = spreads.group(spread);
      bench.spreads.push_back({spread, one.text_attribute(names::kOf),
                               one.text_attribute("long_name", ""),
                               one.number_attribute(names::kRelative) != 0,
                               one.number_attribute(names::kDeviation, 0) != 0});
      if (!bench.measurements.contains(bench.spreads.back().of))
        refuse(one, bench.spreads.back().of, "no such measurement");
    }
  }
  if (group.has(names::kConstants)) {
    const store::ReadGroup constants = group.group(names::kConstants);
    for (const std::string& constant : constants.dataset_names()) {
      const store::ReadDataset dataset = constants.dataset(constant);
      bench.constants.push_back(
          {quantity_of(dataset, constant), dataset.read_scalar<double>(), name});
    }
  }
  bench.provenance.bench = name;
  for (const std::string& attribute : group.attribute_names()) {
    if (group.attribute_kind(attribute) == store::Kind::kText) {
      // A list of names, such as model_files, is kept as one text.
      const std::vector<std::string> texts = group.texts_attribute(attribute);
      bench.provenance.attributes.emplace(attribute, fmt::format("{}", fmt::join(texts, "\n")));
      if (texts.size() > 1 && (attribute == names::kNetlistText || attribute == names::kInputText))
        bench.provenance.attributes.emplace(attribute + kLengths, lengths_of(texts));
    } else {
      bench.provenance.attributes.emplace(attribute, group.number_attribute(attribute));
    }
  }
  if (std::string fixed = read_fixed(group, bench); !fixed.empty())
    bench.provenance.attributes.emplace(kFixed, std::move(fixed));
  if (group.origin() != store::Origin::kSealed)
    bench.provenance.attributes.emplace(
        "samples", group.origin() == store::Origin::kChanged
                       ? "changed by another program after gaincell had written them"
                       : "without a checksum: of an earlier gaincell or another program");
  bench.provenance.attributes.emplace("ngspice_version", file.ngspice_version);
  bench.provenance.attributes.emplace("characterized_by", "gaincell " + file.program_version);
  return bench;
}

// Tables state errors that were measured on the very numbers of the file, and would not show it.
void require_sealed(const store::ReadGroup& root) {
  if (root.origin() == store::Origin::kSealed) return;
  throw Error(
      {.place = root.file(),
       .rule = root.origin() == store::Origin::kChanged
                   ? "was changed by another program since gaincell wrote it"
                   : "has no checksum: nothing says that its numbers are those of the simulations",
       .remedy = "characterize again; or compile it all the same with --unsealed, which the device "
                 "then says of itself"});
}

}  // namespace

std::size_t SampledBench::failed() const {
  return static_cast<std::size_t>(
      std::count_if(status.begin(), status.end(), [](std::uint8_t s) { return s != 0; }));
}

SamplesFile SamplesFile::read(const std::filesystem::path& path, Unsealed unsealed) {
  const store::ReadGroup root = store::Reader(path).root();
  store::require_format(root, store::kSamplesFormat);
  if (unsealed == Unsealed::kRefuse) require_sealed(root);
  SamplesFile file;
  file.place = path.string();
  file.program_version = root.text_attribute(store::kProgramVersion, "");
  file.ngspice_version = root.text_attribute(store::kNgspiceVersion, "");
  const store::ReadGroup benches = root.group(names::kBenches);
  for (const std::string& name : benches.group_names())
    file.benches.push_back(read_bench(benches.group(name), name, file));
  store::warn_if_unsealed(root);
  return file;
}

}  // namespace gaincell::lut
