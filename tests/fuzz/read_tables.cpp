// Tables of currents as people have them, and results that `report` lays beside each other.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "mutate.h"
#include "mutate_json.h"
#include "readers.h"
#include "tests/lut/example_device.h"

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

// A grid of two voltages in one of the dialects of people's files.
struct Dialect {
  const char* name;
  const char* header;
  const char* separator;
  double current_scale;
  char decimal;
};
constexpr Dialect kDialects[] = {
    {"plain.csv", "V_store,V_in,I\n", ",", 1, '.'},
    {"comment.csv", "# measured in May\n# by hand\nV_in,I,V_store,note\n", ",", 1, '.'},
    {"semicolon.csv", "V_store;V_in;I\n", ";", 1, '.'},
    {"comma.csv", "V_store;V_in;I\n", ";", 1, ','},
    {"tab.tsv", "V_store\tV_in\tI\n", "\t", 1, '.'},
    {"units.csv", "V_store (V),V_in (V),I (uA)\n", ",", 1e6, '.'},
    {"quoted.csv", "\"V_store\",\"V_in\",\"I\"\n", ",", 1, '.'},
    {"instrument.csv", "SetupTitle, sweep\nDate, 2020\nDataName, V_store, V_in, I\n", ",", 1, '.'},
};

std::string grid(const Dialect& dialect) {
  std::string text = dialect.header;
  const bool other_order = std::string_view(dialect.header).starts_with("#");
  const bool named_rows = std::string_view(dialect.header).find("DataName") != std::string::npos;
  for (int s = 0; s <= 9; ++s) {
    for (int r = 0; r <= 2; ++r) {
      const double v = 0.1 * s, v_in = 0.3 * r;
      const double current = dialect.current_scale * 1e-5 * (v - 0.45) * (0.5 + v_in);
      std::string row =
          other_order ? fmt::format("{:.2f},{:.6g},{:.2f},x", v_in, current, v)
                      : fmt::format("{}{:.2f}{}{:.2f}{}{:.6g}", named_rows ? "DataValue," : "", v,
                                    dialect.separator, v_in, dialect.separator, current);
      if (dialect.decimal != '.') std::replace(row.begin(), row.end(), '.', dialect.decimal);
      text += row + "\n";
    }
  }
  return text;
}

nlohmann::ordered_json run_of(const char* attention, bool circuits) {
  nlohmann::ordered_json energy{{"total", nullptr}}, latency;
  if (circuits) {
    for (const char* part :
         {"first_array", "second_array", "digital_control", "write_dac", "write_cells", "total"})
      energy[part] = 1e-9;
    latency = 1e-7;
  }
  return {{"tokens", 100},
          {"nats_per_token", 1.5},
          {"perplexity", 4.48},
          {"energy_j_per_token", energy},
          {"latency_s_per_token", latency},
          {"tokens_per_second", 1000.0},
          {"settings", {{"attention", attention}, {"window", 64}, {"layers", 2}, {"heads", 2}}}};
}

}  // namespace

std::vector<Sample> prepare_csv(const fs::path&) {
  std::vector<Sample> samples;
  for (const Dialect& dialect : kDialects) samples.push_back({dialect.name, grid(dialect)});
  return samples;
}

fs::path mutate_csv(Case& at) {
  const Sample& chosen = at.any_sample();
  std::string text = chosen.bytes;
  if (!at.one_in(20)) text = mutate_text(std::move(text), at.random, text_words(), at.corpus);
  if (at.one_in(10)) text = recode(std::move(text), at.random);
  put_input(at.folder / chosen.name, text, at.random);
  return at.folder / chosen.name;
}

int run_csv(Case& at, const fs::path& input) {
  std::vector<std::string> words{"import", input.string(), "-o", "out/device.h5"};
  if (at.one_in(4)) words.insert(words.end(), {"--v-in", "0.3"});
  return run_verb(words);
}

std::vector<Sample> prepare_report(const fs::path& folder) {
  lut::example_device().write(folder / "device.h5");
  std::vector<Sample> samples{{"linear.json", run_of("linear", false).dump(1)},
                              {"analog.json", run_of("analog", true).dump(1)}};
  for (const Sample& sample : samples) write_file(folder / sample.name, sample.bytes);
  return samples;
}

fs::path mutate_report(Case& at) {
  const Sample& chosen = at.any_sample();
  const std::string text = at.one_in(6)
                               ? mutate_text(chosen.bytes, at.random, text_words(), at.corpus)
                               : mutate_json(chosen.bytes, at.random);
  put_input(at.folder / chosen.name, text, at.random);
  return at.folder / chosen.name;
}

int run_report(Case& at, const fs::path&) {
  // A device of tables takes seconds to draw, and its pictures do not depend on the results.
  return run_verb({"report", "linear.json", "analog.json", "--device",
                   at.one_in(20) ? "device.h5" : "published"});
}

}  // namespace gaincell::fuzz
