#include "base/json.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/version.h"
#include "export/description.h"
#include "export/formats.h"
#include "export/points.h"

namespace gaincell::exports {
namespace {

using nlohmann::json;

// Row-major values as lists in lists.
json nested(std::span<const double> values, std::span<const lut::Axis> axes) {
  json list = json::array();
  if (axes.size() <= 1) {
    for (const double value : values) list.push_back(number_or_null(value));
    return list;
  }
  const std::size_t part = values.size() / axes.front().size();
  for (std::size_t i = 0; i < axes.front().size(); ++i)
    list.push_back(nested(values.subspan(i * part, part), axes.subspan(1)));
  return list;
}

json numbers(std::span<const double> values) { return nested(values, {}); }

json series_json(const lut::Series& series) {
  json out{{"units", series.quantity.unit}, {"long_name", series.quantity.long_name}};
  if (series.words.empty()) {
    out["values"] = numbers(series.values);
  } else {
    out["values"] = words_of(series);
  }
  return out;
}

json bench_json(const lut::SampledBench& bench) {
  json out{{"description", bench.description},
           {"status", bench.status},
           {"holdout", bench.hold_out},
           {"conditions", json::object()},
           {"measurements", json::object()},
           {"failures", json::array()},
           {"provenance", provenance_of(bench.provenance)}};
  if (!bench.draw.empty()) out["draw"] = bench.draw;
  if (!bench.aided.empty()) out["aided"] = bench.aided;
  for (const auto& [name, series] : bench.conditions) out["conditions"][name] = series_json(series);
  for (const auto& [name, vector] : bench.vector_conditions) {
    json rows = json::array();
    for (std::size_t i = 0; i < vector.values.size(); i += vector.elements)
      rows.push_back(numbers(std::span(vector.values).subspan(i, vector.elements)));
    out["conditions"][name] = {{"units", vector.quantity.unit},
                               {"long_name", vector.quantity.long_name},
                               {"values", std::move(rows)}};
  }
  for (const auto& [name, series] : bench.measurements)
    out["measurements"][name] = series_json(series);
  for (const auto& [point, reason] : bench.failures)
    out["failures"].push_back({{"point", point}, {"reason", reason}});
  return out;
}

}  // namespace

void device_to_json(const DeviceContent& content, const std::filesystem::path& out) {
  json all = description_of(content);
  for (const lut::TableEntry& entry : content.device.tables()) {
    json& table = all["tables"][entry.table.name()];
    table["values"] = nested(entry.table.values(), entry.table.axes());
    for (std::size_t a = 0; a < entry.table.dimensions(); ++a)
      table["axes"][a]["values"] = numbers(entry.table.axis(a).nodes());
    if (entry.hold_out.measured.empty()) continue;
    json& hold_out = table["holdout"];
    for (std::size_t a = 0; a < entry.table.dimensions(); ++a)
      hold_out["at"][entry.table.axis(a).name()] = numbers(entry.hold_out.coordinates[a]);
    hold_out["measured"] = numbers(entry.hold_out.measured);
    hold_out["predicted"] = numbers(entry.hold_out.predicted);
  }
  write_file(out, json_text(all, 1) + "\n");
}

void samples_to_json(const SamplesContent& content, const std::filesystem::path& out) {
  json all = description_of(content);
  for (const lut::SampledBench& bench : content.samples.benches)
    all["benches"][bench.name] = bench_json(bench);
  write_file(out, json_text(all, 1) + "\n");
}

}  // namespace gaincell::exports
