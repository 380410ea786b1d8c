#include "liberty/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/sha256.h"
#include "base/units.h"
#include "liberty/group.h"

namespace gaincell::liberty {
namespace {

constexpr double kPerPs = 1e12, kPerFf = 1e15, kPerFj = 1e15, kPerNw = 1e9, kPerUm2 = 1e12;

std::vector<double> in_unit(std::vector<double> values, double by) {
  for (double& value : values) value *= by;
  return values;
}

void add_table(Group& to, const std::string& name, const std::string& form, const Grid& grid,
               double by) {
  Group& table = to.add(name, form);
  table.rows("index_1", {in_unit(grid.slews_s, kPerPs)});
  if (grid.loads_f.size() > 1) table.rows("index_2", {in_unit(grid.loads_f, kPerFf)});
  std::vector<std::vector<double>> rows;
  for (const std::vector<double>& row : grid.values) rows.push_back(in_unit(row, by));
  if (grid.loads_f.size() == 1) {
    std::vector<double> column;
    for (const std::vector<double>& row : rows) column.push_back(row[0]);
    rows = {column};
  }
  table.rows("values", rows);
}

// What a comment may hold.
std::string harmless(std::string text) {
  for (std::size_t at = 0; (at = text.find("*/", at)) != std::string::npos;)
    text.replace(at, 2, "* /");
  return text;
}

std::string list_si(const std::vector<double>& values, std::string_view unit) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + format_si(value, unit, 6);
  return text;
}

std::string error_line(const char* what, const TableErrors::One& one) {
  return fmt::format(" *   {}: {} points, 95 % within {:.2f} %, largest {:.2f} % ({})\n", what,
                     one.points, one.p95 * 100, one.max * 100, one.worst);
}

std::string head(const CellLibrary& library, const TableErrors& errors,
                 const Provenance& provenance) {
  const Conditions& at = library.conditions;
  std::string text = fmt::format("/* {}: {}\n *\n", library.name, harmless(library.description));
  text +=
      fmt::format(" * Made by gaincell {} from transistors, by {} simulations in ngspice {}.\n",
                  provenance.program_version, provenance.simulations, provenance.ngspice_version);
  text +=
      fmt::format(" * Library {}, sha256 {}\n", library.path.filename().string(), library.sha256);
  text += fmt::format(" * Netlists with their wires: sha256 {}\n", provenance.netlist_sha256);
  const auto card = [&](const Section& one) {
    text +=
        fmt::format(" * Device cards {}{}{}: sha256 {}\n", one.file.filename().string(),
                    one.section.empty() ? "" : ", section ", one.section, sha256_of_file(one.file));
  };
  for (const Section& one : library.models) card(one);
  if (!at.corner.empty())
    for (const Section& one : library.corners.at(at.corner)) card(one);
  text += fmt::format(" * At {}{}{}{}{} degC, {}\n",
                      at.flavour.empty() ? "" : "flavour " + at.flavour + ", ",
                      at.corner.empty() ? "" : "corner ", at.corner, at.corner.empty() ? "" : ", ",
                      number_text(at.temperature_degc), format_si(at.v_dd, "V"));
  text +=
      fmt::format(" * Wires: {} on each net of a cell and {} for each device terminal on it\n",
                  format_si(library.wire_base_f, "F"), format_si(library.wire_per_terminal_f, "F"));
  text += fmt::format(
      " * Inputs are straight ramps. Slews are counted from {} to {} % of the supply: {}\n",
      number_text(library.lower * 100), number_text(library.upper * 100),
      list_si(library.slews_s, "s"));
  text += fmt::format(" * Loads, times the cell's drive: {}\n", list_si(library.loads_f, "F"));
  text +=
      " * Internal energy of an edge: from the supply, without leakage and, of rising outputs, "
      "without load x VDD^2.\n"
      " * What a clock takes at each edge stands at its pin; at the output what comes on top.\n"
      " * Setup, hold, recovery, removal: the output comes at most 10 % later than with time to "
      "spare.\n"
      " * Input capacitances: charge of the whole edge over VDD, mean over states, slews, loads.\n";
  text += fmt::format(
      " * Errors of the tables at hold-out slews and loads that they have not seen, relative (of "
      "energies to the\n * mean of the two edges):\n");
  text += error_line("delay", errors.delay) + error_line("slew", errors.transition) +
          error_line("energy", errors.energy);
  return text + " */\n";
}

void add_templates(Group& root, const CellLibrary& library) {
  const std::vector<std::vector<double>> slews{in_unit(library.slews_s, kPerPs)};
  const std::vector<std::vector<double>> loads{in_unit(library.loads_f, kPerFf)};
  const std::vector<std::vector<double>> tight{in_unit(library.constraint_slews_s, kPerPs)};
  root.add("lu_table_template", "delay")
      .set("variable_1", "input_net_transition")
      .set("variable_2", "total_output_net_capacitance")
      .rows("index_1", slews)
      .rows("index_2", loads);
  root.add("lu_table_template", "constraint")
      .set("variable_1", "related_pin_transition")
      .set("variable_2", "constrained_pin_transition")
      .rows("index_1", tight)
      .rows("index_2", tight);
  root.add("power_lut_template", "energy")
      .set("variable_1", "input_transition_time")
      .set("variable_2", "total_output_net_capacitance")
      .rows("index_1", slews)
      .rows("index_2", loads);
  root.add("power_lut_template", "hidden")
      .set("variable_1", "input_transition_time")
      .rows("index_1", slews);
}

void set_library(Group& root, const CellLibrary& library) {
  const Conditions& at = library.conditions;
  const std::string lower = number_text(library.lower * 100);
  const std::string upper = number_text(library.upper * 100);
  root.call("technology", "cmos").set("delay_model", "table_lookup");
  root.quote("time_unit", "1ps").quote("voltage_unit", "1V").quote("current_unit", "1uA");
  root.quote("leakage_power_unit", "1nW").quote("pulling_resistance_unit", "1kohm");
  root.call("capacitive_load_unit", "1, ff");
  root.set("nom_process", 1)
      .set("nom_voltage", at.v_dd)
      .set("nom_temperature", at.temperature_degc);
  for (const char* edge : {"rise", "fall"}) {
    root.set(fmt::format("input_threshold_pct_{}", edge), "50");
    root.set(fmt::format("output_threshold_pct_{}", edge), "50");
    root.set(fmt::format("slew_lower_threshold_pct_{}", edge), lower);
    root.set(fmt::format("slew_upper_threshold_pct_{}", edge), upper);
  }
  root.set("slew_derate_from_library", "1");
  root.set("default_max_transition", library.slews_s.back() * kPerPs);
  root.set("default_fanout_load", "1").set("default_cell_leakage_power", "0");
  root.set("default_inout_pin_cap", "0").set("default_input_pin_cap", "0");
  root.set("default_output_pin_cap", "0").set("default_leakage_power_density", "0");
  const std::string name = at.corner.empty() ? "nominal" : at.corner;
  root.add("operating_conditions", name)
      .set("process", 1)
      .set("temperature", at.temperature_degc)
      .set("voltage", at.v_dd)
      .set("tree_type", "balanced_tree");
  root.set("default_operating_conditions", name);
  add_templates(root, library);
}

// One cell of the file.
class CellWriter {
 public:
  CellWriter(const CellLibrary& library, const Cell& cell, const CellTables& tables)
      : library_(library), cell_(cell), tables_(tables) {}

  Group write(double area_m2) {
    Group group("cell", cell_.name);
    group.set("area", area_m2 * kPerUm2);
    double leakage = 0;
    for (const auto& [state, watt] : tables_.leakage_w) leakage += watt;
    leakage /= static_cast<double>(std::max<std::size_t>(tables_.leakage_w.size(), 1));
    group.set("cell_leakage_power", leakage * kPerNw);
    if (cell_.kind == Kind::kClockGate) {
      group.quote("clock_gating_integrated_cell", "latch_posedge");
      // Tools put it in by name, not in place of logic.
      group.set("dont_use", "true");
    }
    for (const auto& [state, watt] : tables_.leakage_w)
      group.add("leakage_power").quote("when", state).set("value", watt * kPerNw);
    add_state(group);
    for (std::size_t pin = 0; pin < cell_.inputs.size(); ++pin) add_input(group, pin);
    for (std::size_t output = 0; output < cell_.outputs.size(); ++output) add_output(group, output);
    return group;
  }

 private:
  void add_state(Group& group) const {
    if (cell_.kind == Kind::kCombinational) return;
    const bool edge = cell_.kind == Kind::kFlipFlop;
    Group& state = group.add(edge ? "ff" : "latch", fmt::format("{}, {}", kState, kInverseState));
    Control clock = cell_.clock;
    if (cell_.kind == Kind::kClockGate) clock.high = false;  // transparent while it is low
    state.quote(edge ? "clocked_on" : "enable", cell_.pin_name(clock));
    state.quote(edge ? "next_state" : "data_in", cell_.inputs[cell_.data]);
    if (cell_.clear) state.quote("clear", cell_.pin_name(*cell_.clear));
    if (cell_.preset) state.quote("preset", cell_.pin_name(*cell_.preset));
    if (cell_.clear && cell_.preset)
      state.set("clear_preset_var1", "H").set("clear_preset_var2", "L");
  }

  void add_input(Group& group, std::size_t pin) const {
    const PinCapacitance& of = tables_.pins[pin];
    Group& input = group.add("pin", cell_.inputs[pin]);
    input.set("direction", "input");
    input.set("capacitance", (of.rise_f + of.fall_f) / 2 * kPerFf);
    input.set("rise_capacitance", of.rise_f * kPerFf);
    input.set("fall_capacitance", of.fall_f * kPerFf);
    input.set("max_transition", library_.slews_s.back() * kPerPs);
    const bool state = cell_.kind != Kind::kCombinational;
    if (state && pin == cell_.clock.pin) input.set("clock", "true");
    if (cell_.kind == Kind::kClockGate) {
      if (pin == cell_.clock.pin) input.set("clock_gate_clock_pin", "true");
      if (pin == cell_.data) input.set("clock_gate_enable_pin", "true");
    }
    add_constraints(input, pin);
    add_hidden(input, pin);
  }

  void add_constraints(Group& input, std::size_t pin) const {
    using Is = Constraint::Is;
    for (const Is is : {Is::kSetup, Is::kHold, Is::kRecovery, Is::kRemoval}) {
      static constexpr const char* kNames[] = {"setup", "hold", "recovery", "removal"};
      Group timing("timing");
      bool any = false;
      for (const ConstraintTable& table : tables_.constraints) {
        const Constraint& one = *table.constraint;
        if (one.pin != pin || one.is != is) continue;
        if (!any)
          timing.quote("related_pin", cell_.inputs[cell_.clock.pin])
              .set("timing_type", fmt::format("{}_{}", kNames[static_cast<int>(is)],
                                              one.clock_rises ? "rising" : "falling"));
        any = true;
        Grid grid{library_.constraint_slews_s, library_.constraint_slews_s, table.values_s};
        Group& values =
            timing.add(one.rising ? "rise_constraint" : "fall_constraint", "constraint");
        std::vector<std::vector<double>> rows;
        for (const std::vector<double>& row : grid.values) rows.push_back(in_unit(row, kPerPs));
        values.rows("index_1", {in_unit(grid.slews_s, kPerPs)});
        values.rows("index_2", {in_unit(grid.loads_f, kPerPs)});
        values.rows("values", rows);
      }
      if (any) input.add(std::move(timing));
    }
  }

  void add_hidden(Group& input, std::size_t pin) const {
    std::set<std::string> states;
    for (const auto& [key, grid] : tables_.hidden_j)
      if (key.pin == pin) states.insert(key.when);
    for (const std::string& state : states) {
      Group& power = input.add("internal_power");
      if (!state.empty()) power.quote("when", state);
      for (const bool rises : {true, false})
        if (const auto found = tables_.hidden_j.find({pin, state, rises});
            found != tables_.hidden_j.end())
          add_table(power, rises ? "rise_power" : "fall_power", "hidden", found->second, kPerFj);
    }
  }

  // Arcs of an output that share a group: from one pin in one state.
  struct ArcGroup {
    std::size_t pin;
    std::string when;
    std::vector<const std::pair<const ArcKey, Arc>*> arcs;
  };
  std::vector<ArcGroup> arc_groups(std::size_t output) const {
    std::vector<ArcGroup> groups;
    for (const auto& arc : tables_.arcs) {
      if (arc.first.output != output) continue;
      const auto same = std::find_if(groups.begin(), groups.end(), [&](const ArcGroup& group) {
        return group.pin == arc.first.pin && group.when == arc.first.when;
      });
      if (same == groups.end()) {
        groups.push_back({arc.first.pin, arc.first.when, {&arc}});
      } else {
        same->arcs.push_back(&arc);
      }
    }
    return groups;
  }

  void add_output(Group& group, std::size_t number) const {
    const Output& output = cell_.outputs[number];
    Group& pin = group.add("pin", output.pin);
    pin.set("direction", "output").quote("function", output.function.text());
    pin.set("max_capacitance", library_.loads_f.back() * cell_.drive * kPerFf);
    if (cell_.kind == Kind::kClockGate) pin.set("clock_gate_out_pin", "true");
    const std::vector<ArcGroup> groups = arc_groups(number);
    for (const ArcGroup& arcs : groups) add_timing(pin, arcs);
    for (const ArcGroup& arcs : groups) {
      Group& power = pin.add("internal_power");
      power.quote("related_pin", cell_.inputs[arcs.pin]);
      if (!arcs.when.empty()) power.quote("when", arcs.when);
      for (const auto* arc : arcs.arcs)
        add_table(power, arc->first.rises ? "rise_power" : "fall_power", "energy",
                  arc->second.energy_j, kPerFj);
    }
  }

  void add_timing(Group& pin, const ArcGroup& arcs) const {
    Group& timing = pin.add("timing");
    timing.quote("related_pin", cell_.inputs[arcs.pin]);
    if (!arcs.when.empty()) {
      timing.quote("when", arcs.when);
      timing.quote("sdf_cond", arcs.when);
    }
    const bool same = arcs.arcs[0]->first.rises == arcs.arcs[0]->first.pin_rises;
    timing.set("timing_sense", is_edge(arcs.pin) ? "non_unate"
                               : same            ? "positive_unate"
                                                 : "negative_unate");
    timing.set("timing_type", timing_type(arcs.pin));
    for (const auto* arc : arcs.arcs) {
      const std::string edge = arc->first.rises ? "rise" : "fall";
      add_table(timing, "cell_" + edge, "delay", arc->second.delay_s, kPerPs);
      add_table(timing, edge + "_transition", "delay", arc->second.transition_s, kPerPs);
    }
  }

  // Whether the output follows one edge of the pin, up or down.
  bool is_edge(std::size_t pin) const {
    return (cell_.kind == Kind::kFlipFlop || cell_.kind == Kind::kLatch) && pin == cell_.clock.pin;
  }
  std::string timing_type(std::size_t pin) const {
    if (is_edge(pin)) return cell_.clock.high ? "rising_edge" : "falling_edge";
    if (cell_.clear && pin == cell_.clear->pin) return "clear";
    if (cell_.preset && pin == cell_.preset->pin) return "preset";
    return "combinational";
  }

  const CellLibrary& library_;
  const Cell& cell_;
  const CellTables& tables_;
};

}  // namespace

std::string liberty_text(const CellLibrary& library, const Netlists& netlists,
                         std::span<const CellTables> tables, const TableErrors& errors,
                         const Provenance& provenance) {
  std::string name = library.name;
  for (const std::string& part : {library.conditions.flavour, library.conditions.corner})
    if (!part.empty()) name += "_" + part;
  Group root("library", name);
  set_library(root, library);
  for (std::size_t k = 0; k < library.cells.size(); ++k)
    root.add(
        CellWriter(library, library.cells[k], tables[k]).write(netlists.area_m2(library.cells[k])));
  return head(library, errors, provenance) + root.text();
}

}  // namespace gaincell::liberty
