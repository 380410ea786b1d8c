#include "characterize/results/datasheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/si_prefix.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/units.h"

namespace gaincell::characterize {
namespace {

namespace names = store::samples;

std::optional<double> limit_of(const store::ReadDataset& dataset, const char* name) {
  if (!dataset.has_attribute(name)) return std::nullopt;
  return dataset.number_attribute(name);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

// A number for people, or the word whose number it is.
std::string text_of(double value, const std::vector<std::string>& words, const std::string& unit,
                    int digits) {
  const bool word = value >= 0 && value < static_cast<double>(words.size());
  return word ? words[static_cast<std::size_t>(value)] : told(value, unit, digits);
}

// How many draws there are of each point.
std::size_t draws_of(const store::ReadGroup& bench, std::size_t points) {
  if (!bench.has(names::kDraw)) return 1;
  const auto draw = bench.dataset(names::kDraw).read_vector<double>();
  const double last = draw.empty() ? 0 : *std::max_element(draw.begin(), draw.end());
  if (!(last >= 0 && last <= static_cast<double>(points)))
    throw Error({.place = bench.file(),
                 .key = bench.path() + "/" + names::kDraw,
                 .value = format_exact(last),
                 .rule = fmt::format("the bench has {} points", points)});
  return static_cast<std::size_t>(last) + 1;
}

// What points are called, from what the file holds.
class PointNames {
 public:
  PointNames(const store::ReadGroup& bench, std::size_t draws) {
    const store::ReadGroup conditions = bench.group(names::kConditions);
    const store::ReadGroup axes = bench.group(names::kAxes);
    std::istringstream order(axes.has_attribute(names::kOrder) ? axes.text_attribute(names::kOrder)
                                                               : "");
    for (std::string name; order >> name;) {
      if (conditions.has(name)) add(conditions.dataset(name), name);
    }
    // Those of rows, too, have other values at other points.
    for (const std::string& name : conditions.dataset_names()) {
      const store::ReadDataset dataset = conditions.dataset(name);
      if (axes.has(name) || dataset.is_dimension() || dataset.shape().size() != 1) continue;
      const auto values = dataset.read_vector<double>();
      if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end())
        add(dataset, name);
    }
    if (draws > 1) draws_ = bench.dataset(names::kDraw).read_vector<double>();
  }

  // With `draw` false, the name of all its draws together.
  std::string of(std::size_t point, bool draw = true) const {
    std::string text;
    const auto add = [&text](const std::string& name, const std::string& value) {
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
    };
    for (const Column& column : columns_) {
      if (point >= column.values.size()) continue;
      // Without a blank, as `--at` takes it.
      std::string value = text_of(column.values[point], column.words, column.unit, 7);
      std::erase(value, ' ');
      add(column.name, value);
    }
    if (draw && point < draws_.size()) add(names::kDraw, format_exact(draws_[point]));
    return text;
  }
  std::string full(std::size_t point) const {
    const std::string text = of(point);
    return fmt::format("point {}{}", point, text.empty() ? "" : fmt::format(" ({})", text));
  }

 private:
  struct Column {
    std::string name;
    std::vector<double> values;
    std::vector<std::string> words;
    std::string unit;
  };
  void add(const store::ReadDataset& dataset, const std::string& name) {
    Column column{name, dataset.read_vector<double>(), {}, dataset.text_attribute("units", "")};
    if (dataset.has_attribute(names::kWords)) column.words = dataset.texts_attribute(names::kWords);
    columns_.push_back(std::move(column));
  }
  std::vector<Column> columns_;
  std::vector<double> draws_;
};

// Mean and standard deviation (n - 1) of each stretch of `draws` points; the widest one.
void spread(const std::vector<double>& values, std::size_t draws, const PointNames& names,
            DatasheetRow& row) {
  for (std::size_t begin = 0; begin + draws <= values.size(); begin += draws) {
    double count = 0;
    double mean = 0;
    double squares = 0;
    for (std::size_t k = begin; k < begin + draws; ++k) {
      if (!std::isfinite(values[k])) continue;
      // Welford's recurrence.
      count += 1;
      const double step = values[k] - mean;
      mean += step / count;
      squares += step * (values[k] - mean);
    }
    if (count < 2) continue;
    const double sigma = std::sqrt(squares / (count - 1));
    if (row.sigma && *row.sigma >= sigma) continue;
    row.mean = mean;
    row.sigma = sigma;
    row.sigma_at = names.of(begin, false);
  }
}

DatasheetRow read_row(const store::ReadGroup& measurements, const std::string& name,
                      const std::vector<std::uint8_t>& holdout, std::size_t draws,
                      const PointNames& names) {
  const store::ReadDataset dataset = measurements.dataset(name);
  DatasheetRow row;
  row.name = name;
  row.unit = dataset.text_attribute("units");
  row.description = dataset.text_attribute("long_name", name);
  row.spec = {limit_of(dataset, names::kSpecMinimum), limit_of(dataset, names::kSpecTypical),
              limit_of(dataset, names::kSpecMaximum), limit_of(dataset, names::kSpecSigma)};
  row.specified = row.spec.minimum || row.spec.maximum || row.spec.sigma;
  const auto all = dataset.read_vector<double>();
  if (all.size() != holdout.size())
    throw Error({.place = measurements.file(),
                 .key = dataset.path(),
                 .value = fmt::format("{} numbers", all.size()),
                 .rule = fmt::format("the bench has {} points", holdout.size())});
  std::vector<double> points;
  std::vector<double> measured;
  std::size_t least = 0;
  std::size_t greatest = 0;
  for (std::size_t p = 0; p < all.size(); ++p) {
    if (holdout[p] != 0) continue;
    points.push_back(all[p]);
    if (!std::isfinite(all[p])) {
      if (row.failed_at.empty()) row.failed_at = names.full(p);
      continue;
    }
    if (measured.empty() || all[p] < row.minimum) {
      row.minimum = all[p];
      least = p;
    }
    if (measured.empty() || all[p] > row.maximum) {
      row.maximum = all[p];
      greatest = p;
    }
    measured.push_back(all[p]);
  }
  row.points = measured.size();
  row.failed = points.size() - measured.size();
  if (draws > 1) spread(points, draws, names, row);
  if (measured.empty()) return row;
  row.minimum_at = names.full(least);
  row.maximum_at = names.full(greatest);
  row.median = median(std::move(measured));
  return row;
}

DatasheetCondition read_condition(const store::ReadGroup& bench, const std::string& name) {
  const store::ReadDataset dataset = bench.group(names::kConditions).dataset(name);
  DatasheetCondition condition{
      name, dataset.text_attribute("units", ""), dataset.text_attribute("long_name", ""), "", {},
      {}};
  if (condition.description == name) condition.description.clear();
  std::vector<std::string> words;
  if (dataset.has_attribute(names::kWords)) words = dataset.texts_attribute(names::kWords);
  if (dataset.shape().size() > 1) {
    condition.values = fmt::format("{} drawn", dataset.shape()[1]);
    return condition;
  }
  std::vector<double> values;
  if (bench.group(names::kAxes).has(name)) {
    values = bench.group(names::kAxes).dataset(name).read_vector<double>();
  } else {
    const auto all = dataset.read_vector<double>();
    const std::set<double> different(all.begin(), all.end());  // of rows there are several
    values.assign(different.begin(), different.end());
  }
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(text_of(value, words, condition.unit, 4));
  condition.numbers = values;
  condition.words = words;
  constexpr std::size_t kAll = 8;
  condition.values = texts.size() <= kAll ? fmt::format("{}", fmt::join(texts, ", "))
                                          : fmt::format("{} ... {} ({} values)", texts.front(),
                                                        texts.back(), texts.size());
  return condition;
}

}  // namespace

std::vector<std::string> DatasheetRow::misses() const {
  std::vector<std::string> all;
  if (!specified) return all;
  if (failed > 0)
    all.push_back(fmt::format("{} point{} without a number, {}{}", failed, failed > 1 ? "s" : "",
                              failed > 1 ? "first " : "", failed_at));
  if (points == 0) return all;
  const auto miss = [&](const char* what, double value, char relation, double limit,
                        const std::string& where) {
    all.push_back(fmt::format("{} {} {} {}{}{}", what, told(value, unit, 6), relation,
                              told(limit, unit, 6), where.empty() ? "" : ", ", where));
  };
  if (spec.minimum && minimum < *spec.minimum)
    miss("minimum", minimum, '<', *spec.minimum, minimum_at);
  if (spec.maximum && maximum > *spec.maximum)
    miss("maximum", maximum, '>', *spec.maximum, maximum_at);
  if (spec.sigma && sigma && *sigma > *spec.sigma)
    miss("sigma", *sigma, '>', *spec.sigma, sigma_at);
  return all;
}

std::string DatasheetRow::limit() const {
  std::vector<std::string> parts;
  if (spec.minimum) parts.push_back(">= " + told(*spec.minimum, unit));
  if (spec.typical) parts.push_back("typ " + told(*spec.typical, unit));
  if (spec.maximum) parts.push_back("<= " + told(*spec.maximum, unit));
  if (spec.sigma) parts.push_back("sigma <= " + told(*spec.sigma, unit));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string DatasheetRow::status() const {
  if (!specified) return "";
  return misses().empty() ? "pass" : "fail";
}

std::vector<std::string> Datasheet::misses() const {
  std::vector<std::string> all;
  for (const BenchDatasheet& bench : benches) {
    for (const DatasheetRow& row : bench.rows) {
      for (const std::string& miss : row.misses())
        all.push_back(fmt::format("{}.{}: {}", bench.name, row.name, miss));
    }
  }
  return all;
}

Datasheet read_datasheet(const std::filesystem::path& samples) {
  const store::Reader reader(samples);
  const store::ReadGroup root = reader.root();
  store::require_format(root, store::kSamplesFormat);
  store::warn_if_unsealed(root);
  Datasheet sheet;
  sheet.ngspice_version = root.text_attribute(store::kNgspiceVersion);
  const store::ReadGroup benches = root.group(names::kBenches);
  for (const std::string& name : benches.group_names()) {
    const store::ReadGroup group = benches.group(name);
    BenchDatasheet bench{name, group.text_attribute(names::kDescription), 1, {}, {}};
    const auto holdout = group.dataset(names::kHoldout).read_vector<std::uint8_t>();
    bench.draws = draws_of(group, holdout.size());
    for (const std::string& condition : group.group(names::kConditions).dataset_names()) {
      if (!group.group(names::kConditions).dataset(condition).is_dimension())
        bench.conditions.push_back(read_condition(group, condition));
    }
    const PointNames names(group, bench.draws);
    for (const std::string& measurement : group.group(names::kMeasurements).dataset_names())
      bench.rows.push_back(
          read_row(group.group(names::kMeasurements), measurement, holdout, bench.draws, names));
    sheet.benches.push_back(std::move(bench));
  }
  return sheet;
}

}  // namespace gaincell::characterize
