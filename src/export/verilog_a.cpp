#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/units.h"
#include "export/folder.h"
#include "export/formats.h"
#include "export/macro_model.h"
#include "export/points.h"
#include "export/subcircuits.h"

namespace gaincell::exports {
namespace {

// A file for $table_model: comments, then a line a point, the first input slowest and rising.
std::string table_file(const DeviceContent& content, const lut::TableEntry& entry) {
  const lut::Table& table = entry.table;
  std::vector<std::string> head{fmt::format("{} [{}] over", table.name(), table.quantity().unit)};
  for (const lut::Axis& axis : table.axes())
    head.front() += fmt::format(" {} [{}]", axis.name(), axis.unit());
  head.push_back(fmt::format("made of {}, SHA-256 {}", content.origin.file, content.origin.sha256));
  head.push_back(error_words(entry));
  std::string text = as_comment(head, "# ");
  const std::vector<std::vector<double>> at = grid_points(table.axes());
  for (std::size_t i = 0; i < table.values().size(); ++i) {
    for (const std::vector<double>& axis : at) text += format_exact(axis[i]) + " ";
    text += format_exact(table.values()[i]) + "\n";
  }
  return text;
}

// Of $table_model: 1 straight or 3 cubic, clamped at both ends as ours are.
std::string control(const lut::Table& table) {
  std::string text;
  for (std::size_t a = 0; a < table.dimensions(); ++a)
    text += fmt::format("{}{}CC", a == 0 ? "" : ",",
                        table.interpolation()[a] == lut::Interpolation::kCubic ? 3 : 1);
  return text;
}

std::string look_up(const lut::Table& table, const std::string& inputs) {
  return fmt::format("$table_model({}, \"{}.tbl\", \"{}\")", inputs, table.name(), control(table));
}

std::string module_head(const Subcircuit& circuit, const std::string& internal) {
  const std::string ports = fmt::format("{}", fmt::join(circuit.ports, ", "));
  return fmt::format("module {}({});\n  inout {};\n  electrical {}{};\n", circuit.name, ports,
                     ports, ports, internal);
}

constexpr const char* kHigh = R"(
  // 0 to 1 between 0.3 and 0.7 of the supply
  analog function real high;
    input v, v_dd;
    real v, v_dd;
    high = min(max((v / v_dd - 0.3) / 0.4, 0.0), 1.0);
  endfunction
)";

std::string cell_module(const lut::DeviceFile& device, const Subcircuit& cell) {
  const lut::Table& current = device.table("cell_static_current");
  const ReadModel model = read_model(device);
  std::string text = module_head(cell, "");
  text += fmt::format(
      "  parameter real v_dd = {} from (0:inf);\n"
      "  parameter real c_store = {} from (0:inf);  // mean over the stored voltage\n"
      "  real on, write;\n  analog begin\n",
      format_exact(device.constant("v_dd")), format_exact(model.capacitance_f));
  text += "    on = min(max((V(en) - V(enb)) / (2.0 * v_dd) + 0.5, 0.0), 1.0);\n";
  text += fmt::format("    I(bl) <+ on * {};\n", look_up(current, "V(sn), V(bl)"));
  text += "    I(sn) <+ c_store * ddt(V(sn));\n";
  if (const lut::TableEntry* leakage = device.find_table("cell_leakage_current");
      leakage != nullptr && leakage->table.dimensions() == 1)
    text += fmt::format("    I(sn) <+ {};\n", look_up(leakage->table, "V(sn)"));
  const lut::TableEntry* written = device.find_table("cell_written_voltage");
  if (written != nullptr && cell.has("wbl") && cell.has("wwl")) {
    const char* inputs = written->table.dimensions() > 1 ? "V(wbl), 0.0" : "V(wbl)";
    text += "    // lands where the table of writes says, with 0.2 ns\n";
    text += "    write = min(max(V(wwl) / v_dd - 1.0, 0.0) / 0.8, 1.0);\n";
    text += fmt::format("    I(sn, wbl) <+ write * c_store / 0.2e-9 * (V(sn) - {});\n",
                        look_up(written->table, inputs));
  }
  return text + "  end\nendmodule\n\n";
}

std::string pulse_lines(const std::string& start, const std::string& out, const char* sign) {
  return fmt::format(
      "    // {0} begins with {1} and lasts as long as `hold` says, in units of t_max\n"
      "    I(ramp_{0}) <+ 1e-12 * ddt(V(ramp_{0})) - 1e-12 / t_max * high(V({1}), v_dd)\n"
      "      + 0.02 * (1.0 - high(V({1}), v_dd)) * V(ramp_{0});\n"
      "    left = {2}V(hold) + min(max({2}V(hold), 0.0), t_edge / t_max) / 2.0 - V(ramp_{0});\n"
      "    pulse_{0} = min(max(left * t_max / t_edge, 0.0), 1.0) * high(V({1}), v_dd)\n"
      "      * high(V(convert), v_dd);\n"
      "    I({0}) <+ (V({0}) - v_dd * pulse_{0}) / 200.0;\n",
      out, start, sign);
}

std::string converter_module(const lut::DeviceFile& device, const Subcircuit& circuit,
                             const std::string& name) {
  const ConverterModel model = converter_model(device, name);
  const bool is_signed = name == "signed";
  const std::string internal = is_signed ? ", hold, ramp_outp, ramp_outn" : ", hold, ramp_out";
  std::string text = module_head(circuit, internal);
  text += fmt::format(
      "  parameter real v_dd = {} from (0:inf);\n"
      "  parameter real t_max = {} from (0:inf);\n"
      "  parameter real t_edge = 20e-12 from (0:inf);\n"
      "  parameter real c_bitline = {} from (0:inf);  // with the idle cells\n"
      "  real charge, left, {};\n",
      format_exact(device.constant("v_dd")), format_exact(model.longest_s),
      format_exact(model.capacitance_f), is_signed ? "pulse_outp, pulse_outn" : "pulse_out");
  text += kHigh;
  text += "  analog begin\n    I(bl) <+ c_bitline * ddt(V(bl));\n";
  text += fmt::format(
      "    I(bl, vref) <+ c_bitline / 0.3e-9 * min(max(V(reset_hv) / v_dd - 0.5, "
      "0.0), 1.0)\n      * (V(bl) - V(vref) - {});\n",
      format_exact(model.offset_v));
  text += fmt::format("    charge = c_bitline * (V(vref) + {} - V(bl));\n",
                      format_exact(model.offset_v));
  text +=
      "    // follows the bitline until convert rises\n    I(hold) <+ 1e-12 * ddt(V(hold))\n"
      "      + 0.02 * (1.0 - high(V(convert), v_dd)) * (V(hold) - " +
      look_up(device.table(name + "_pulse_width"), "charge") + " / t_max);\n";
  if (is_signed) {
    text += pulse_lines("start_p", "outp", "") + pulse_lines("start_n", "outn", "-");
    if (circuit.has("sign"))
      text +=
          "    I(sign) <+ (V(sign) - v_dd * min(max(V(hold) * t_max / t_edge, 0.0), 1.0)) / "
          "200.0;\n";
    text += fmt::format("    I(bl) <+ -{} * (pulse_outp - pulse_outn);\n",
                        format_exact(model.refill_a));
  } else {
    text += pulse_lines("start", "out", "");
    if (circuit.has("out_b"))
      text += "    I(out_b) <+ (V(out_b) - v_dd * (1.0 - pulse_out)) / 200.0;\n";
    text += fmt::format("    I(bl) <+ -{} * pulse_out;\n", format_exact(model.refill_a));
  }
  return text + "  end\nendmodule\n\n";
}

}  // namespace

void device_to_verilog_a(const DeviceContent& content, const std::filesystem::path& out) {
  const lut::DeviceFile& device = content.device;
  require_tables(content, "verilog-a", {"cell_static_current"});
  const GainCellCircuits circuits = gain_cell_circuits(device);
  std::vector<std::string> head = header_lines(content);
  head.emplace_back("$table_model reads the .tbl files from the simulator's working folder");
  head.emplace_back(
      "its cubic rule is a spline, ours is not: between nodes they differ by parts of the error");
  std::string text = as_comment(head, "// ");
  text += "`include \"constants.vams\"\n`include \"disciplines.vams\"\n\n";
  text += cell_module(device, circuits.cell);
  if (circuits.relu) text += converter_module(device, *circuits.relu, "relu");
  if (circuits.signed_) text += converter_module(device, *circuits.signed_, "signed");
  std::map<std::string, std::string> files{{"gain_cell.va", text}};
  for (const lut::TableEntry& entry : device.tables())
    files[entry.table.name() + ".tbl"] = table_file(content, entry);
  write_folder(out, files);
}

}  // namespace gaincell::exports
