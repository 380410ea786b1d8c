#include <fmt/format.h>

#include <variant>

#include "base/si_prefix.h"
#include "page/sections.h"
#include "plot/device_charts.h"

namespace gaincell::page {
namespace {

std::string axes_words(const lut::Table& table) {
  std::string text;
  for (const lut::Axis& axis : table.axes())
    text += fmt::format("{}{}: {}, {} to {}", text.empty() ? "" : "; ", axis.name(), axis.size(),
                        told(axis.front(), axis.unit()), told(axis.back(), axis.unit()));
  return text;
}

std::string limit_words(const lut::Limit& limit, const std::string& unit) {
  std::string text;
  const auto add = [&text](const char* what, const std::string& value) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, value);
  };
  if (limit.max_abs) add("max", told(*limit.max_abs, unit));
  if (limit.rms_abs) add("rms", told(*limit.rms_abs, unit));
  if (limit.max_percent) add("max", fmt::format("{} %", *limit.max_percent));
  if (limit.rms_percent) add("rms", fmt::format("{} %", *limit.rms_percent));
  return text;
}

std::string tables_html(const lut::DeviceFile& device) {
  Table rows({"table", "from", "to", "hold-out points", "max error", "rms error", "max, % of range",
              "rms, % of range", "limit", "axes", "what"});
  for (const lut::TableEntry& entry : device.tables()) {
    const std::string& unit = entry.table.quantity().unit;
    const lut::Accuracy& a = entry.accuracy;
    std::vector<Cell> cells{code(entry.table.name()), number(entry.table.minimum(), unit),
                            number(entry.table.maximum(), unit),
                            number(static_cast<double>(a.points), "")};
    if (a.points > 0) {
      cells.push_back(number(a.max_abs, unit, 3));
      cells.push_back(number(a.rms_abs, unit, 3));
      cells.push_back(share_percent(a.max_percent));
      cells.push_back(share_percent(a.rms_percent));
    } else {
      cells.insert(cells.end(), 4, words("not known"));
    }
    cells.push_back(entry.limit.any() ? words(limit_words(entry.limit, unit)) : none());
    cells.push_back(words(axes_words(entry.table)));
    cells.push_back(words(entry.table.quantity().long_name +
                          (entry.comment.empty() ? "" : "; " + entry.comment)));
    rows.row(std::move(cells));
  }
  return rows.html();
}

std::string constants_html(const lut::DeviceFile& device) {
  Table rows({"constant", "value", "what", "bench"});
  for (const lut::Constant& constant : device.constants())
    rows.row({code(constant.quantity.name), number(constant.value, constant.quantity.unit),
              words(constant.quantity.long_name), code(constant.bench)});
  return rows.empty() ? "" : heading(3, "Constants") + rows.html();
}

std::string attribute_words(const lut::Provenance& provenance) {
  std::string text;
  for (const auto& [name, value] : provenance.attributes) {
    const bool is_number = std::holds_alternative<double>(value);
    const std::string shown =
        is_number ? fmt::format("{}", std::get<double>(value)) : std::get<std::string>(value);
    // Whole texts stay in the file, which has their hashes.
    if (shown.empty() || shown.size() > 100 || shown.find('\n') != std::string::npos) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shown);
  }
  return text;
}

std::string fixed_words(const lut::Provenance& provenance) {
  std::string text;
  for (const auto& [name, value] : provenance.fixed())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  return text;
}

std::string provenance_html(const lut::DeviceFile& device) {
  Table rows({"bench", "held at", "made of and by"});
  for (const lut::Provenance& one : device.provenance())
    rows.row({code(one.bench), words(fixed_words(one)), words(attribute_words(one))});
  return rows.empty() ? "" : heading(3, "Where it comes from") + rows.html();
}

}  // namespace

Section device_section(const lut::DeviceFile& device, const Source& source, const std::string& id) {
  std::string body =
      paragraph(fmt::format("{} tables. Errors are differences from simulations that the tables "
                            "have not seen; ranges are "
                            "a table's maximum minus its minimum. SHA-256 of the file: {}",
                            device.tables().size(), source.sha256));
  body += heading(3, "Tables and their errors") + tables_html(device);
  Gallery gallery(id);
  for (const std::string& name : plot::chart_names(device))
    gallery.add(plot::device_chart(device, name));
  body += heading(3, "Pictures") + gallery.html();
  body += constants_html(device) + provenance_html(device);
  return {.id = id, .title = "Device " + source.file, .body = std::move(body)};
}

}  // namespace gaincell::page
