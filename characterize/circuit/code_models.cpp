#include "characterize/circuit/code_models.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace gaincell::characterize {

const std::set<std::string>& code_model_types() {
  static const std::set<std::string> types{
      // analog.cm, spice2poly.cm and xtradev.cm
      "climit", "delay", "divide", "d_dt", "filesource", "gain", "hyst", "ilimit", "int", "limit",
      "mult", "multi_input_pwl", "oneshot", "pwl", "pwlts", "sine", "slew", "spice2poly", "square",
      "summer", "s_xfer", "triangle", "aswitch", "capacitoric", "cmeter", "core", "inductoric",
      "lcouple", "lmeter", "memristor", "potentiometer", "pswitch", "sidiode", "zener",
      // digital.cm
      "adc_bridge", "bidi_bridge", "dac_bridge", "d_and", "d_buffer", "d_dff", "d_dlatch", "d_fdiv",
      "d_genlut", "d_inverter", "d_jkff", "d_lut", "d_nand", "d_nor", "d_open_c", "d_open_e",
      "d_or", "d_osc", "d_pulldown", "d_pullup", "d_pwm", "d_ram", "d_source", "d_srff",
      "d_srlatch", "d_state", "d_tff", "d_tristate", "d_xnor", "d_xor",
      // xtraevt.cm and table.cm
      "d_to_real", "real_delay", "real_gain", "real_to_v", "table2d", "table3d"};
  return types;
}

std::optional<std::string> file_parameter_of(std::string_view type) {
  static const std::map<std::string, std::string, std::less<>> readers{{"filesource", "file"},
                                                                       {"table2d", "file"},
                                                                       {"table3d", "file"},
                                                                       {"d_source", "input_file"},
                                                                       {"d_state", "state_file"}};
  const auto at = readers.find(type);
  if (at == readers.end()) return std::nullopt;
  return at->second;
}

bool needs_code_model(const CircuitLine& line) {
  const char letter = line.text.empty() ? ' ' : line.text[0];
  if (letter == 'a' || letter == 'A') return true;
  if (std::string_view("eEfFgGhH").find(letter) == std::string_view::npos) return false;
  static constexpr std::array<std::string_view, 6> kinds{"poly", "table", "and",
                                                         "nand", "or",    "nor"};
  const std::vector<std::string> words = circuit_words(line.text);
  return std::any_of(words.begin(), words.end(), [](const std::string& word) {
    const std::string head = word.substr(0, word.find('('));
    return std::find(kinds.begin(), kinds.end(), head) != kinds.end();
  });
}

}  // namespace gaincell::characterize
