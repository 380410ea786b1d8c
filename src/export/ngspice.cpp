#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "export/formats.h"
#include "export/macro_model.h"
#include "export/subcircuits.h"

namespace gaincell::exports {
namespace {

constexpr double kEdgeS = 20e-12;  // of output pulses, as read_charge has them

std::string number(double value) { return fmt::format("{:.9g}", value); }

// ngspice's pwl() goes on straight beyond its ends; a table holds its end's value.
std::string pwl_of(const std::string& x, std::span<const double> nodes,
                   std::span<const double> values) {
  const double beyond = 1e3 * std::max({1e-12, std::abs(nodes.front()), std::abs(nodes.back())});
  std::string text = fmt::format("pwl({}", x);
  const auto add = [&](double at, double value) {
    text += fmt::format(", {},{}", number(at), number(value));
  };
  add(nodes.front() - beyond, values.front());
  for (std::size_t i = 0; i < nodes.size(); ++i) add(nodes[i], values[i]);
  add(nodes.back() + beyond, values.back());
  return text + ")";
}

std::string pwl_of(const std::string& x, const Curve& curve) {
  return pwl_of(x, curve.nodes, curve.values);
}

// 0 below `low`, 1 above `high`.
std::string step_of(const std::string& x, double low, double high) {
  return pwl_of(x, std::vector<double>{low, high}, std::vector<double>{0, 1});
}

// A net is high: from 0.3 to 0.7 of the supply.
std::string is_high(const std::string& net, double v_dd) {
  return step_of("v(" + net + ")", 0.3 * v_dd, 0.7 * v_dd);
}

std::string wrapped(const std::string& line) {
  constexpr std::size_t kLongest = 110;
  std::string text, rest = line;
  while (rest.size() > kLongest) {
    const std::size_t blank = rest.rfind(' ', kLongest);
    if (blank == std::string::npos || blank == 0) break;
    text += rest.substr(0, blank) + "\n+ ";
    rest.erase(0, blank + 1);
  }
  return text + rest + "\n";
}

class Deck {
 public:
  void comment(const std::string& text) { text_ += "* " + text + "\n"; }
  void line(const std::string& text) { text_ += wrapped(text); }
  void begin(const Subcircuit& circuit) {
    line(fmt::format(".subckt {} {}", circuit.name, fmt::join(circuit.ports, " ")));
  }
  // Ports that a macro model does not look at must not float.
  void end(const Subcircuit& circuit, const std::vector<std::string>& used) {
    for (const std::string& port : circuit.ports)
      if (std::find(used.begin(), used.end(), port) == used.end())
        line(fmt::format("rport_{} {} 0 1g", port, port));
    text_ += ".ends\n\n";
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// ---- the cell

void write_cell(Deck& deck, const DeviceContent& content, const Subcircuit& cell) {
  const lut::DeviceFile& device = content.device;
  const double v_dd = device.constant("v_dd");
  const ReadModel read = read_model(device);
  deck.comment(
      fmt::format("read current from {}: within {:.2g} % of full scale of it (rms {:.2g} "
                  "%) over its whole range",
                  read.source, read.max_percent, read.rms_percent));
  deck.begin(cell);
  std::vector<std::string> used{"bl", "en", "enb", "sn"};
  deck.line(fmt::format("cstore sn 0 {}", number(read.capacitance_f)));
  if (!read.leakage.nodes.empty()) deck.line("bleak sn 0 i = " + pwl_of("v(sn)", read.leakage));
  if (!read.written.nodes.empty() && cell.has("wbl") && cell.has("wwl")) {
    // Lands where cell_written_voltage says, pedestal and all, a fifth of a nanosecond after
    // another.
    constexpr double kWriteTau = 0.2e-9;
    deck.line(fmt::format("bwrite sn wbl i = {} * {} * (v(sn) - {})",
                          number(read.capacitance_f / kWriteTau),
                          step_of("v(wwl)", v_dd, 1.8 * v_dd), pwl_of("v(wbl)", read.written)));
    used.insert(used.end(), {"wbl", "wwl"});
  }
  std::string current;
  for (const ReadModel::Term& term : read.terms)
    current += fmt::format("{}{} * {}", current.empty() ? "" : " + ",
                           pwl_of("v(sn)", term.of_stored), pwl_of("v(bl)", term.of_bitline));
  // A net of its own: the simulator takes derivatives of the sum once, and not again by the switch.
  deck.line("bcurrent current 0 v = " + current);
  deck.line(fmt::format("bread bl 0 i = {} * v(current)", step_of("v(en)-v(enb)", -v_dd, v_dd)));
  deck.end(cell, used);
}

// ---- converters

void write_bitline(Deck& deck, const ConverterModel& model, double v_dd) {
  constexpr double kResetTau = 0.3e-9;
  deck.line(fmt::format("cint bl 0 {}", number(model.capacitance_f)));
  deck.line(fmt::format("breset bl vref i = {} * {} * (v(bl) - v(vref) - {})",
                        number(model.capacitance_f / kResetTau),
                        step_of("v(reset_hv)", 0.5 * v_dd, 1.5 * v_dd), number(model.offset_v)));
}

// `hold` follows the pulse that the bitline's charge asks for, in units of the longest one, until
// `convert` rises.
void write_hold(Deck& deck, const ConverterModel& model, double v_dd) {
  constexpr double kHoldF = 1e-12, kHoldTau = 50e-12;
  deck.line(fmt::format("chold hold 0 {}", number(kHoldF)));
  deck.line(fmt::format("bhold 0 hold i = {} * (1 - {}) * ({} - v(hold))",
                        number(kHoldF / kHoldTau), is_high("convert", v_dd),
                        pwl_of(fmt::format("{}*(v(vref) + {} - v(bl))", number(model.capacitance_f),
                                           number(model.offset_v)),
                               model.pulse)));
}

// A pulse from `start` on, for as long as `hold` (or its negative) says.
void write_pulse(Deck& deck, const ConverterModel& model, double v_dd, const std::string& start,
                 const std::string& out, const std::string& hold) {
  constexpr double kRampF = 1e-12, kRampTau = 50e-12;
  const double edge = kEdgeS / model.longest_s;
  const std::string on = is_high(start, v_dd), ramp = "ramp_" + out, ideal = out + "_ideal";
  deck.line(fmt::format("c{} {} 0 {}", ramp, ramp, number(kRampF)));
  deck.line(fmt::format("b{} 0 {} i = {} * {} - {} * (1 - {}) * v({})", ramp, ramp,
                        number(kRampF / model.longest_s), on, number(kRampF / kRampTau), on, ramp));
  // Half an edge more, so that the pulse has its width at half height; no more than the pulse is
  // long.
  const std::string left = fmt::format(
      "{} + {} - v({})", hold,
      pwl_of(hold, std::vector<double>{0, edge}, std::vector<double>{0, edge / 2}), ramp);
  deck.line(fmt::format("b{} {} 0 v = {} * {} * {} * {}", out, ideal, number(v_dd),
                        step_of(left, 0, edge), on, is_high("convert", v_dd)));
  deck.line(fmt::format("r{} {} {} 200", out, ideal, out));
  // Ten picoseconds: by what charges it the simulator finds the edge, and does not step over it.
  deck.line(fmt::format("c{} {} 0 50f", out, out));
}

void write_relu(Deck& deck, const DeviceContent& content, const Subcircuit& converter) {
  const double v_dd = content.device.constant("v_dd");
  const ConverterModel model = converter_model(content.device, "relu");
  deck.comment(fmt::format("pulse from relu_pulse_width: {}",
                           error_words(*content.device.find_table("relu_pulse_width"))));
  deck.begin(converter);
  write_bitline(deck, model, v_dd);
  write_hold(deck, model, v_dd);
  write_pulse(deck, model, v_dd, "start", "out", "v(hold)");
  std::vector<std::string> used{"bl", "vref", "reset_hv", "convert", "start", "out"};
  if (converter.has("out_b")) {
    deck.line(fmt::format("bout_b out_b_ideal 0 v = {} - v(out_ideal)", number(v_dd)));
    deck.line("rout_b out_b_ideal out_b 200");
    deck.line("cout_b out_b 0 50f");
    used.emplace_back("out_b");
  }
  deck.line(fmt::format("brefill 0 bl i = {} * v(out_ideal)", number(model.refill_a / v_dd)));
  deck.end(converter, used);
}

void write_signed(Deck& deck, const DeviceContent& content, const Subcircuit& converter) {
  const double v_dd = content.device.constant("v_dd");
  const ConverterModel model = converter_model(content.device, "signed");
  deck.comment(fmt::format("pulses from signed_pulse_width: {}",
                           error_words(*content.device.find_table("signed_pulse_width"))));
  deck.begin(converter);
  write_bitline(deck, model, v_dd);
  write_hold(deck, model, v_dd);
  write_pulse(deck, model, v_dd, "start_p", "outp", "v(hold)");
  write_pulse(deck, model, v_dd, "start_n", "outn", "-v(hold)");
  std::vector<std::string> used{"bl",      "vref",    "reset_hv", "convert",
                                "start_p", "start_n", "outp",     "outn"};
  if (converter.has("sign")) {
    deck.line(fmt::format("bsign sign 0 v = {} * {}", number(v_dd),
                          step_of("v(hold)", 0, kEdgeS / model.longest_s)));
    used.emplace_back("sign");
  }
  deck.line(fmt::format("brefill 0 bl i = {} * (v(outp_ideal) - v(outn_ideal))",
                        number(model.refill_a / v_dd)));
  deck.end(converter, used);
}

// What begins the pulses of a sub-tile: `convert`, some time later.
void write_start(Deck& deck, const DeviceContent& content, const Subcircuit& circuit,
                 const std::vector<std::string>& starts) {
  constexpr double kDelayF = 1e-15, kEdgeShare = 0.1;
  const double v_dd = content.device.constant("v_dd");
  const std::string on = is_high("convert", v_dd);
  deck.comment("its delay is no table's: t_delay is chosen, not measured");
  deck.line(fmt::format(".subckt {} {} t_delay=0.4n", circuit.name, fmt::join(circuit.ports, " ")));
  deck.line(fmt::format("cwait wait 0 {}", number(kDelayF)));
  deck.line(fmt::format("bwait 0 wait i = {}/{{t_delay}} * {} - {}/10p * (1 - {}) * v(wait)",
                        number(kDelayF), on, number(kDelayF), on));
  std::vector<std::string> used{"convert"};
  for (const std::string& start : starts) {
    deck.line(fmt::format("b{} {}_ideal 0 v = {} * {} * {}", start, start, number(v_dd),
                          step_of("v(wait)", 1 - kEdgeShare, 1 + kEdgeShare), on));
    deck.line(fmt::format("r{} {}_ideal {} 200", start, start, start));
    used.push_back(start);
  }
  deck.end(circuit, used);
}

}  // namespace

void device_to_ngspice(const DeviceContent& content, const std::filesystem::path& out) {
  const lut::DeviceFile& device = content.device;
  require_tables(content, "ngspice", {"cell_static_current"});
  Deck deck;
  deck.comment("gain cell macro models for ngspice: behavioural sources in place of transistors");
  for (const std::string& line : header_lines(content)) deck.comment(line);
  deck.comment(
      "Ports are those of the netlists that the device was made of, in their order, so an");
  deck.comment(
      ".include of this file takes the place of theirs. Not in it: supply currents (ports vdd");
  deck.comment(
      "draw nothing; energies are tables of the device), corners and mismatch (one file each),");
  deck.comment(
      "the coupling of a read onto its own stored voltage beyond what the charge table has.");
  deck.comment(
      "A converter's bitline has the capacitance of the idle cells that its tables have.\n");
  const GainCellCircuits circuits = gain_cell_circuits(device);
  write_cell(deck, content, circuits.cell);
  if (circuits.relu) {
    write_relu(deck, content, *circuits.relu);
    write_start(deck, content, *circuits.relu_start, {"start"});
  }
  if (circuits.signed_) {
    write_signed(deck, content, *circuits.signed_);
    write_start(deck, content, *circuits.signed_start, {"start_p", "start_n"});
  }
  write_file(out, deck.text());
}

}  // namespace gaincell::exports
