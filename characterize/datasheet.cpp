#include "characterize/datasheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/units.h"
#include "store/reader.h"

namespace gaincell::characterize {
namespace {

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

// Mean and standard deviation (n - 1) of each stretch of `draws` points; the widest one.
void spread(const std::vector<double>& values, std::size_t draws, DatasheetRow& row) {
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
  }
}

DatasheetRow read_row(const store::ReadGroup& measurements, const std::string& name,
                      const std::vector<std::uint8_t>& holdout, std::size_t draws) {
  const store::ReadDataset dataset = measurements.dataset(name);
  DatasheetRow row;
  row.name = name;
  row.unit = dataset.text_attribute("units");
  row.description = dataset.text_attribute("long_name");
  row.spec = {limit_of(dataset, "spec_minimum"), limit_of(dataset, "spec_typical"),
              limit_of(dataset, "spec_maximum"), limit_of(dataset, "spec_sigma")};
  row.specified = row.spec.minimum || row.spec.maximum || row.spec.sigma;
  const auto all = dataset.read_vector<double>();
  std::vector<double> points;
  std::vector<double> measured;
  for (std::size_t p = 0; p < all.size(); ++p) {
    if (holdout[p] != 0) continue;
    points.push_back(all[p]);
    if (std::isfinite(all[p])) measured.push_back(all[p]);
  }
  row.points = measured.size();
  row.failed = points.size() - measured.size();
  if (draws > 1) spread(points, draws, row);
  if (measured.empty()) return row;
  const auto [least, greatest] = std::minmax_element(measured.begin(), measured.end());
  row.minimum = *least;
  row.maximum = *greatest;
  row.median = median(measured);
  return row;
}

DatasheetCondition read_condition(const store::ReadGroup& bench, const std::string& name) {
  const store::ReadDataset dataset = bench.group("conditions").dataset(name);
  DatasheetCondition condition{name, dataset.text_attribute("units", ""),
                               dataset.text_attribute("long_name", ""), ""};
  if (condition.description == name) condition.description.clear();
  std::vector<std::string> words;
  if (dataset.has_attribute("words")) words = dataset.texts_attribute("words");
  if (dataset.shape().size() > 1) {
    condition.values = fmt::format("{} drawn", dataset.shape()[1]);
    return condition;
  }
  std::vector<double> values;
  if (bench.group("axes").has(name)) {
    values = bench.group("axes").dataset(name).read_vector<double>();
  } else {
    const auto all = dataset.read_vector<double>();
    const std::set<double> different(all.begin(), all.end());  // of rows there are several
    values.assign(different.begin(), different.end());
  }
  std::vector<std::string> texts;
  for (const double value : values)
    texts.push_back(words.empty() ? format_exact(value) : words[static_cast<std::size_t>(value)]);
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
  if (failed > 0) all.push_back(fmt::format("{} points without a number", failed));
  if (points == 0) return all;
  const auto miss = [&](const char* what, double value, char relation, double limit) {
    all.push_back(fmt::format("{} {} {} {} {}", what, format_exact(value), relation,
                              format_exact(limit), unit));
  };
  if (spec.minimum && minimum < *spec.minimum) miss("minimum", minimum, '<', *spec.minimum);
  if (spec.maximum && maximum > *spec.maximum) miss("maximum", maximum, '>', *spec.maximum);
  if (spec.sigma && sigma && *sigma > *spec.sigma) miss("sigma", *sigma, '>', *spec.sigma);
  return all;
}

std::string DatasheetRow::limit() const {
  std::vector<std::string> parts;
  if (spec.minimum) parts.push_back(">= " + format_exact(*spec.minimum));
  if (spec.typical) parts.push_back("typ " + format_exact(*spec.typical));
  if (spec.maximum) parts.push_back("<= " + format_exact(*spec.maximum));
  if (spec.sigma) parts.push_back("sigma <= " + format_exact(*spec.sigma));
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
  store::require_format(root, "samples", 1, "gaincell characterize");
  Datasheet sheet;
  sheet.ngspice_version = root.text_attribute("ngspice_version");
  const store::ReadGroup benches = root.group("benches");
  for (const std::string& name : benches.group_names()) {
    const store::ReadGroup group = benches.group(name);
    BenchDatasheet bench{name, group.text_attribute("description"), 1, {}, {}};
    if (group.has("draw")) {
      const auto draw = group.dataset("draw").read_vector<double>();
      bench.draws = static_cast<std::size_t>(*std::max_element(draw.begin(), draw.end())) + 1;
    }
    const auto holdout = group.dataset("holdout").read_vector<std::uint8_t>();
    for (const std::string& condition : group.group("conditions").dataset_names()) {
      if (!group.group("conditions").dataset(condition).is_dimension())
        bench.conditions.push_back(read_condition(group, condition));
    }
    for (const std::string& measurement : group.group("measurements").dataset_names())
      bench.rows.push_back(
          read_row(group.group("measurements"), measurement, holdout, bench.draws));
    sheet.benches.push_back(std::move(bench));
  }
  return sheet;
}

}  // namespace gaincell::characterize
