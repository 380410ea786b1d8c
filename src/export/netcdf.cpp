#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/store/writer.h"
#include "base/version.h"
#include "export/formats.h"
#include "export/points.h"

namespace gaincell::exports {
namespace {

// What the netCDF user guide and CF ask of a file's head.
void write_head(store::Group& root, const Origin& origin, const char* kind,
                const std::vector<std::string>& lines) {
  root.attribute("Conventions", "CF-1.10")
      .attribute("title", fmt::format("{} of {}", kind, origin.file))
      .attribute("source", fmt::format("gaincell {}", kVersion))
      .attribute("source_file", origin.file)
      .attribute("source_sha256", origin.sha256)
      .attribute("comment", fmt::format("{}", fmt::join(lines, "\n")));
}

store::Node& described(store::Node& node, const lut::Quantity& quantity) {
  node.attribute("units", quantity.unit);
  if (!quantity.long_name.empty()) node.attribute("long_name", quantity.long_name);
  return node;
}

// One name can stand for one grid only.
std::vector<std::string> dimensions_of(store::Group& root, const lut::Table& table,
                                       std::map<std::string, lut::Axis>& written) {
  std::vector<std::string> names;
  for (const lut::Axis& axis : table.axes()) {
    const auto known = std::find_if(written.begin(), written.end(),
                                    [&axis](const auto& entry) { return entry.second == axis; });
    if (known != written.end()) {
      names.push_back(known->first);
      continue;
    }
    const std::string name =
        written.contains(axis.name()) ? table.name() + "_" + axis.name() : axis.name();
    store::Node node = root.axis(name, axis.nodes());
    described(node, {name, axis.unit(), axis.long_name()});
    written.emplace(name, axis);
    names.push_back(name);
  }
  return names;
}

void write_table(store::Group& root, const lut::TableEntry& entry,
                 std::map<std::string, lut::Axis>& written) {
  const lut::Table& table = entry.table;
  store::Node node =
      root.dataset(table.name(), dimensions_of(root, table, written), table.values());
  described(node, table.quantity());
  node.attribute("error", error_words(entry));
  if (entry.accuracy.points > 0)
    node.attribute("error_max", entry.accuracy.max_abs)
        .attribute("error_rms", entry.accuracy.rms_abs)
        .attribute("holdout_points", static_cast<std::int64_t>(entry.accuracy.points));
}

void write_bench(store::Group& root, const lut::SampledBench& bench) {
  store::Group group = root.group(bench.name);
  group.attribute("comment", bench.description);
  group.dimension("point", bench.points());
  const auto add = [&group](const std::string& name, const lut::Quantity& quantity,
                            const std::vector<double>& values) {
    store::Node node = group.dataset(name, {"point"}, values);
    described(node, quantity);
  };
  group.dataset("status", {"point"}, bench.status).attribute("long_name", "0 ran, 1 failed");
  group.dataset("holdout", {"point"}, bench.hold_out)
      .attribute("long_name", "0 in the tables, 1 kept from them, 2 and in the working range");
  if (!bench.draw.empty()) group.dataset("draw", {"point"}, bench.draw);
  if (!bench.aided.empty()) group.dataset("aided", {"point"}, bench.aided);
  for (const auto& [name, series] : bench.conditions) {
    if (series.words.empty()) {
      add(name, series.quantity, series.values);
    } else {
      group.dataset(name, {"point"}, words_of(series));
    }
  }
  for (const auto& [name, vector] : bench.vector_conditions) {
    group.dimension(name + "_element", vector.elements);
    store::Node node = group.dataset(name, {"point", name + "_element"}, vector.values);
    described(node, vector.quantity);
  }
  for (const auto& [name, series] : bench.measurements) add(name, series.quantity, series.values);
  std::vector<std::string> failure(bench.points());
  for (const auto& [point, reason] : bench.failures)
    if (point < failure.size()) failure[point] = reason;
  group.dataset("failure", {"point"}, failure).attribute("long_name", "why there is no result");
}

}  // namespace

void device_to_netcdf(const DeviceContent& content, const std::filesystem::path& out) {
  store::Writer writer(out);
  store::Group root = writer.root();
  write_head(root, content.origin, "device", header_lines(content));
  std::map<std::string, lut::Axis> written;
  for (const lut::TableEntry& entry : content.device.tables()) write_table(root, entry, written);
  for (const lut::Constant& constant : content.device.constants()) {
    store::Node node = root.scalar(constant.quantity.name, constant.value);
    described(node, constant.quantity);
  }
  writer.commit();
}

void samples_to_netcdf(const SamplesContent& content, const std::filesystem::path& out) {
  store::Writer writer(out);
  store::Group root = writer.root();
  write_head(root, content.origin, "samples", header_lines(content));
  for (const lut::SampledBench& bench : content.samples.benches) write_bench(root, bench);
  writer.commit();
}

}  // namespace gaincell::exports
