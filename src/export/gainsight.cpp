// GainSight profiles how long data live in on-chip memories, and asks which memory holds them so
// long.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "export/formats.h"
#include "lut/retention.h"

namespace gaincell::exports {
namespace {

struct Kept {
  std::vector<double> age_s;  // by level
  double least_s = 0;
  bool known = true;  // that the least is an age of loss, not the table's end
};

Kept kept_of(const lut::Table& retention, double top_v, std::size_t levels, double lost_v) {
  Kept kept;
  kept.least_s = retention.axis(1).back();
  kept.known = false;
  for (std::size_t s = 0; s < levels; ++s) {
    const double v = top_v * static_cast<double>(s) / static_cast<double>(levels - 1);
    const std::optional<double> age = lut::age_of_loss_s(retention, v, lost_v);
    kept.age_s.push_back(age.value_or(INFINITY));
    if (!age) continue;
    kept.least_s = std::min(kept.least_s, *age);
    kept.known = true;
  }
  return kept;
}

// A mean over the levels of what a table says of each, or None where the device has no such table.
template <typename... Place>
std::string mean_over_levels(const DeviceContent& content, const std::string& table,
                             std::size_t levels, double per, Place... place) {
  const lut::TableEntry* entry = content.device.find_table(table);
  if (entry == nullptr) return "None";
  const double top_v = content.device.constant("v_dd");
  double sum = 0;
  for (std::size_t s = 0; s < levels; ++s)
    sum +=
        entry->table.at(top_v * static_cast<double>(s) / static_cast<double>(levels - 1), place...);
  return fmt::format("{:.9g}", sum / static_cast<double>(levels) / per);
}

std::string seconds(double value) {
  return std::isfinite(value) ? format_exact(value) : "float(\"inf\")";
}

}  // namespace

void device_to_gainsight(const DeviceContent& content, const std::filesystem::path& out) {
  require_tables(content, "gainsight", {"cell_retention"});
  const std::optional<double> lost_v = lut::half_a_level_v(content.device);
  if (!lost_v)
    throw Error({.place = content.origin.file,
                 .key = "kv_levels",
                 .rule = "is missing, or below 2: a retention time is when half a level is lost"});
  const auto levels = static_cast<std::size_t>(content.device.constant("kv_levels"));
  const double bits = std::log2(static_cast<double>(levels));
  const lut::Table& retention = content.device.table("cell_retention");
  const Kept kept = kept_of(retention, content.device.constant("v_dd"), levels, *lost_v);
  std::string by_level;
  for (std::size_t s = 0; s < levels; ++s)
    by_level += fmt::format("    {}: {},\n", s, seconds(kept.age_s[s]));
  const std::string name = std::filesystem::path(content.origin.file).stem().string();
  const std::string key = fmt::format("\"{}\"", identifier(name));
  const double read_s =
                   content.device.find_constant("t_max") ? content.device.constant("t_max") : 0,
               v_zero = content.device.constant("v_zero");
  std::vector<std::string> head = header_lines(content);
  head.insert(
      head.begin() + 1,
      {"retention and energy of this cell for GainSight, as Python dictionaries by memory; names "
       "say the units",
       "GainSight's own source (gainsight.stanford.edu) was not at hand: neither the dictionaries' "
       "names nor their keys are its own. Copy the values into its configuration",
       fmt::format("a retention time ends when the first of {} levels is {} away from what was "
                   "written: half a level{}",
                   levels, format_si(*lost_v, "V", 4),
                   kept.known ? ""
                              : "; none is within the table, whose end stands here: it is "
                                "at least that"),
       fmt::format("a cell keeps {:.3g} bits; energies are a bit's, of the cell alone, in the mean "
                   "over levels, a read of the longest pulse. Areas: none, a device has no layout",
                   bits)});
  write_file(out, as_comment(head, "# ") +
                      fmt::format("\nRETENTION_TIME_S = {{{}: {}}}\n", key, seconds(kept.least_s)) +
                      fmt::format("RETENTION_TIME_OF_LEVEL_S = {{{}: {{\n{}}}}}\n", key, by_level) +
                      fmt::format("READ_ENERGY_J_PER_BIT = {{{}: {}}}\n", key,
                                  mean_over_levels(content, "cell_read_energy", levels, bits,
                                                   read_s, v_zero)) +
                      fmt::format("WRITE_ENERGY_J_PER_BIT = {{{}: {}}}\n", key,
                                  mean_over_levels(content, "cell_write_energy", levels, bits)) +
                      fmt::format("STANDING_POWER_W_PER_BIT = {{{}: {}}}\n", key,
                                  mean_over_levels(content, "cell_standing_power", levels, bits)));
}

}  // namespace gaincell::exports
