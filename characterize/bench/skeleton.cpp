#include "characterize/bench/skeleton.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "base/files.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

struct File {
  const char* name;  // NAME stands for the cell's
  const char* text;
};

// A gain cell of four transistors and a capacitor in cards that belong to nobody.
constexpr std::array<File, 5> kCell{{
    {"NAME.cir",
     R"text(* NAME: write device onto a capacitor, inverting read pair behind one switch. Stored voltages above mid-rail take
* charge out of the bitline. `sn` is a port so that a bench can set and probe the storage node.
.subckt NAME wbl wwl bl en sn vdd cs=10f
mwrite wbl wwl sn 0   NAME_n w=0.2u l=0.18u
cstore sn 0 {cs}
mp1 x sn vdd vdd NAME_p w=0.8u l=0.36u
mn1 x sn 0   0   NAME_n w=0.3u l=0.36u
mread bl en x 0  NAME_n w=0.4u l=0.18u
.ends
)text"},
    {"models.inc",
     R"text(* Your process goes here: `.model` cards, or in the benches a section of a library:
*   models: [{file: /path/to/library.lib, section: typical}]
.model NAME_n nmos level=14 version=4.8.2 toxe=4n vth0=0.42 u0=0.035 vsat=9e4
.model NAME_p pmos level=14 version=4.8.2 toxe=4n vth0=-0.42 u0=0.009 vsat=8e4
)text"},
    {"read_current.yaml",
     R"text(gaincell_bench: 1
name: read_current
description: static read current
circuit: {netlist: NAME.cir, subcircuit: NAME}
models: [models.inc]
conditions:
  v_store:   {unit: V, minimum: 0, maximum: 1.8, step: linear, points: 37, description: stored voltage}
  v_bitline: {unit: V, minimum: 0.6, maximum: 1.2, step: linear, points: 13, description: bitline voltage}
  v_dd: {unit: V, typical: 1.8}
  temperature: {unit: degC, typical: 27}
sources:
  vdd: {net: vdd, dc: "{v_dd}"}
  en:  {net: en, dc: 3.3}
  wwl: {net: wwl, dc: 0}
  wbl: {net: wbl, dc: "{v_dd/2}"}
  sn:  {net: sn, dc: 0}
  bl:  {net: bl, dc: 0}
analysis:
  type: dc
  sweeps: [{source: bl, condition: v_bitline}, {source: sn, condition: v_store}]
  options: {gmin: 1e-14, abstol: 1e-15}
measurements:
  current: {unit: A, value: "-i(bl)", description: current out of the bitline, spec: {minimum: -1m, maximum: 1m}}
tables:
  cell_static_current:
    of: current
    over: [v_store, v_bitline]
    interpolation: cubic
    long_name: static read current out of the bitline
    limit: {max_percent: 2}
holdout: {points: 20, seed: 1}
)text"},
    {"retention.yaml",
     R"text(gaincell_bench: 1
name: retention
description: stored voltage against age in one long transient per start voltage
circuit: {netlist: NAME.cir, subcircuit: NAME}
models: [models.inc]
conditions:
  v_initial: {unit: V, minimum: 0, maximum: 1.8, step: linear, points: 10, description: stored voltage just after the write}
  # Only a measurement uses the age, so all ages come from one run.
  age: {unit: s, minimum: 10u, maximum: 10m, step: logarithmic, points: 10, description: time since the write}
  v_dd: {unit: V, typical: 1.8}
  temperature: {unit: degC, typical: 27}
sources:
  vdd: {net: vdd, dc: "{v_dd}"}
  en:  {net: en, dc: 0}
  bl:  {net: bl, dc: "{v_dd/2}"}
  wwl: {net: wwl, dc: 0}
  wbl: {net: wbl, dc: "{v_dd/2}"}
initial_conditions: {sn: "{v_initial}"}
analysis:
  type: tran
  step: 20u
  stop: 10m
  # The defaults (gmin 1e-12 S, chgtol 10 fC) are more than what leaks and what is stored.
  options: {gmin: 1e-20, abstol: 1e-20, chgtol: 1e-19, trtol: 1}
measurements:
  stored: {unit: V, value: v(sn), at: "{age}"}
tables:
  cell_retention:
    of: stored
    over: [v_initial, age]
    long_name: stored voltage against its start and age
)text"},
    {"README.md",
     R"text(# NAME

| file | what |
|---|---|
| `NAME.cir` | the circuit: `.subckt` only |
| `models.inc` | device cards; a stand-in for your process |
| `read_current.yaml`, `retention.yaml` | benches: what is simulated, what is made of it |

    gaincell check *.yaml
    gaincell characterize *.yaml -o samples.h5
    gaincell compile samples.h5 -o device.h5
    gaincell show device.h5

`gaincell doc bench` prints what a bench may hold.
)text"},
}};

std::string named(std::string text, const std::string& name) {
  const std::string placeholder = "NAME";
  for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos;
       at += name.size())
    text.replace(at, placeholder.size(), name);
  return text;
}

}  // namespace

std::vector<fs::path> write_cell_skeleton(const fs::path& folder) {
  const std::string name = folder.filename().string();
  const bool fits = !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_';
                    });
  if (!fits)
    throw Error({.place = "gaincell new cell",
                 .value = name,
                 .rule = "is no name of a circuit",
                 .remedy = "use lower-case letters, digits and _"});
  if (fs::exists(folder))
    throw Error({.place = folder.string(),
                 .rule = "exists already",
                 .remedy = "choose another name; nothing is overwritten"});
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error({.place = folder.string(), .rule = "cannot be made: " + error.message()});
  std::vector<fs::path> files;
  try {
    for (const File& file : kCell) {
      files.push_back(folder / named(file.name, name));
      write_file(files.back(), named(file.text, name));
    }
  } catch (const Error&) {  // no half a circuit, which would be in the way of the next try
    fs::remove_all(folder, error);
    throw;
  }
  return files;
}

}  // namespace gaincell::characterize
