#include "export/description.h"

#include "base/version.h"

namespace gaincell::exports {
namespace {

nlohmann::json origin_json(const Origin& origin, const char* kind) {
  return {{"made_by", std::string("gaincell ") + kVersion},
          {"source", {{"file", origin.file}, {"format", kind}, {"sha256", origin.sha256}}},
          {"units", "SI; temperatures in degC"}};
}

}  // namespace

nlohmann::json error_of(const lut::TableEntry& entry) {
  if (entry.accuracy.points == 0) return nullptr;
  return {{"holdout_points", entry.accuracy.points},
          {"max_abs", entry.accuracy.max_abs},
          {"rms_abs", entry.accuracy.rms_abs},
          {"max_percent", entry.accuracy.max_percent},
          {"rms_percent", entry.accuracy.rms_percent}};
}

nlohmann::json provenance_of(const lut::Provenance& provenance) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : provenance.attributes)
    std::visit([&out, &key = name](const auto& v) { out[key] = v; }, value);
  return out;
}

nlohmann::json description_of(const DeviceContent& content) {
  nlohmann::json out = origin_json(content.origin, "device");
  out["tables"] = nlohmann::json::object();
  out["constants"] = nlohmann::json::object();
  out["provenance"] = nlohmann::json::object();
  for (const lut::TableEntry& entry : content.device.tables()) {
    const lut::Table& table = entry.table;
    nlohmann::json& t = out["tables"][table.name()];
    t = {{"units", table.quantity().unit},
         {"long_name", table.quantity().long_name},
         {"bench", entry.bench},
         {"comment", entry.comment},
         {"axes", nlohmann::json::array()},
         {"error", error_of(entry)}};
    for (std::size_t a = 0; a < table.dimensions(); ++a)
      t["axes"].push_back({{"name", table.axis(a).name()},
                           {"units", table.axis(a).unit()},
                           {"long_name", table.axis(a).long_name()},
                           {"interpolation", lut::to_string(table.interpolation()[a])}});
  }
  for (const lut::Constant& constant : content.device.constants())
    out["constants"][constant.quantity.name] = {{"value", constant.value},
                                                {"units", constant.quantity.unit},
                                                {"long_name", constant.quantity.long_name},
                                                {"bench", constant.bench}};
  for (const lut::Provenance& provenance : content.device.provenance())
    out["provenance"][provenance.bench] = provenance_of(provenance);
  return out;
}

nlohmann::json description_of(const SamplesContent& content) {
  nlohmann::json out = origin_json(content.origin, "samples");
  out["program_version"] = content.samples.program_version;
  out["ngspice_version"] = content.samples.ngspice_version;
  out["benches"] = nlohmann::json::object();
  for (const lut::SampledBench& bench : content.samples.benches) {
    nlohmann::json& b = out["benches"][bench.name];
    b = {{"description", bench.description},
         {"points", bench.points()},
         {"failed", bench.failed()},
         {"quantities", nlohmann::json::object()}};
    const auto describe = [&b](const std::string& name, const lut::Quantity& quantity) {
      b["quantities"][name] = {{"units", quantity.unit}, {"long_name", quantity.long_name}};
    };
    for (const auto& [name, series] : bench.conditions) describe(name, series.quantity);
    for (const auto& [name, vector] : bench.vector_conditions) describe(name, vector.quantity);
    for (const auto& [name, series] : bench.measurements) describe(name, series.quantity);
  }
  return out;
}

}  // namespace gaincell::exports
