#include "export/points.h"

#include <fmt/format.h>

namespace gaincell::exports {

std::vector<std::vector<double>> grid_points(std::span<const lut::Axis> axes) {
  std::vector<std::vector<double>> result(axes.size());
  std::size_t nodes = 1;
  for (const lut::Axis& axis : axes) nodes *= axis.size();
  std::size_t inner = nodes;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    inner /= axes[a].size();
    result[a].reserve(nodes);
    for (std::size_t i = 0; i < nodes; ++i)
      result[a].push_back(axes[a].nodes()[i / inner % axes[a].size()]);
  }
  return result;
}

std::vector<std::string> words_of(const lut::Series& series) {
  std::vector<std::string> words;
  words.reserve(series.values.size());
  for (const double value : series.values) {
    const auto number = static_cast<std::size_t>(value);
    words.push_back(value >= 0 && number < series.words.size() ? series.words[number]
                                                               : fmt::format("{}", value));
  }
  return words;
}

std::vector<double> element_of(const lut::VectorSeries& vector, std::size_t element) {
  std::vector<double> values;
  for (std::size_t i = element; i < vector.values.size(); i += vector.elements)
    values.push_back(vector.values[i]);
  return values;
}

}  // namespace gaincell::exports
