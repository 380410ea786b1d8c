#include "characterize/bench/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "characterize/analysis/analysis.h"
#include "characterize/bench/grammar.h"
#include "characterize/measure/measure.h"

namespace gaincell::characterize {
namespace {

constexpr const char* kIntroduction = R"(# The bench file

A bench says how one circuit is exercised: what drives it, what is swept, what is measured. It is YAML; an unknown key is an
error that names the nearest known one. `gaincell check BENCH...` says what it would run and how long that takes,
`gaincell characterize BENCH... -o samples.h5` runs it, `gaincell new cell NAME` writes one to start from. This page is printed
by `gaincell doc bench`, from the table that validates a bench.

```yaml
)";

constexpr const char* kRules = R"page(
## Numbers
A value is a number, a number with a SPICE suffix and an optional unit (`15n`, `15ns`, `0.9 V`, `4.5pF`; `M` is milli, `meg` is
1e6, `1MOhm` is refused; `5F` is 5 femto), or text in which every `{...}` is an expression. Expressions know the parameters and conditions,
`name[k]` of a vector condition (k counts from 0), `i` inside an item with `count`, the usual arithmetic, `^`, comparisons,
`a ? b : c`, `exp ln log10 sqrt abs min max sum avg sin cos tan atan tanh floor ceil rint sign`, and numbers with suffixes.
A unit where another is expected is an error. Everything is SI; temperature is in degC.

## Points and simulations
The points are the grid of all swept conditions (first named = slowest; `corner` first where it is not named), times the draws,
then the hold-out points: drawn inside the axes' ranges (in log where the step is logarithmic) from the seed; no table sees
them. An axis given as a list of numbers spans from its least to its greatest. **Points whose simulation is the same share
one run:** a condition that only measurements use (say `at: "{age}"`) costs nothing more. Conditions that `dc` sweeps nest inside the
simulator: each of their values is a point, and what is measured along such a sweep is the same at all of them. With `start`, `stop`
and `points` of its own a sweep makes no points. `rows` are conditions that change together. `--filter corner=slow,fast --filter
temperature=-40..27` runs a part; a table whose axis it narrows to one value is left out.

## Signals
A signal is an expression over `v(net)`, `v(a,b)`, `i(source)`, e.g. `"v(outp) - v(outn)"` or `"-i(bl)"`;
inner nets of the subcircuit are `xdut.name`. **`i(source)` is as in SPICE: from the net into the source.** In `ac` it is made of
`vm` (magnitude), `vdb`, `vp` (rad), `vr`, `vi` of a net or a pair, and `im`, `idb`, `ip`, `ir`, `ii` of a source; in `noise` of
`onoise` and `inoise`, of one device's share `onoise(m.xdut.m1)` (`gaincell replay` ranks all devices by theirs). Times outside the run are errors; `from` and `to` default to the
whole run. Integrals are trapezoids on the simulator's own points, ends interpolated.

**Phases run on** along the frequencies, without jumps of 2 pi. The first is the principal value, above -pi and up to pi: a stage that
inverts begins at pi (also where rounding says -pi), so the phase margin of a loop that begins at 0 is pi plus the phase at unity
gain, and of one that begins at pi it is that phase. Two frequencies between which a phase turns by nearly pi give no number: take
more points, or `atan2(vi(x), vr(x))` for the principal value. `deg(...)` makes degrees of it. `deriv(...)` of any signal is its
derivative along the scale, by the parabola through each point and its neighbours: `-deriv(vp(out))/(2*pi)` is a group delay, and
`maximum: deriv(-i(drain))` along a `dc` sweep the greatest transconductance. Signals are made with `pi` and the functions of expressions.

**Operating-point parameters** of a device are signals in `op`, `dc` and `tran`: `@m.xdut.m1[gm]`, of a device among `elements`
`@m1[gm]`. The name is the device's letter, the path of subcircuits and its name; the parameters are those of the simulator's model of
it (`id`, `gm`, `gds`, `vdsat`; a threshold is `vth` in BSIM and `von` in level 1).

A level is crossed where the signal comes to it from one side and does not turn back to that side: a touch is no crossing.

## Circuit text
Models and netlists hold `.subckt`, `.model`, `.param`, `.func`, `.include`, `.lib`, `.if`, and `.option scale`; anything else
is refused, above all `.control`: a netlist is a program. [netlists.md](netlists.md) has what is read how, and each refusal with
its remedy. A file of sections is named with `{file: sky130.lib.spice, section: tt}`.
Includes may lead below the bench's folder, the folders of its models, and `model_folders`. Of a process library only what the
bench's words need, directly or through one another, goes to the simulator. A model parameter or level that the simulator
does not know is an error, never ignored, unless `ignored_parameters` names it. A library that draws random numbers gets a seed
in the deck: its own draw for every draw with `mismatch: {library: true}`, else the same one everywhere.
)page";

const char* example() {
  return R"(gaincell_bench: 1                       # format version, required
name: read_charge                       # the group in samples.h5; required
description: charge and energy of one read pulse
circuit:
  netlist: gain_cell_a.cir              # or a list; relative to this file
  subcircuit: gain_cell_a               # instance `xdut`; leave out if `elements` build all
  parameters: {cs: 5f}                  # of the subcircuit
  ports: {bl: bitline}                  # port -> net; others are on the net of their own name
models: [../models/gen28.inc]           # device cards, put in front of the netlist
corners:                                # read behind the models; swept as the condition `corner`
  slow: [{file: ../models/corners.lib, section: slow}]
  typical: [{file: ../models/corners.lib, section: typical}]
parameters:                             # later ones may use earlier ones and conditions
  t_edge: {value: 50p, unit: s}
  t_read: {value: "{t_edge} + {pulse_width}", unit: s}
conditions:                             # what a point is made of
  corner:      {typical: typical}       # or enumerate: [slow, typical]; without it, all corners
  v_store:     {unit: V, minimum: 0, maximum: 0.9, step: linear, points: 19, description: stored voltage}
  pulse_width: {unit: s, enumerate: [0.2n, 0.5n, 1n, 2n, 4n, 8n, 15n]}
  load:        {unit: F, minimum: 1f, maximum: 1p, step: logarithmic, stepsize: 10}
  v_dd:        {unit: V, minimum: 0.81, typical: 0.9, maximum: 0.99}   # these three values
  temperature: {unit: degC, typical: 27}                    # this name sets the simulation temperature
  level:       {unit: V, count: 64, draw: {uniform: [0, 0.9]}}           # a vector, drawn anew for every draw
draws: {points: 40, seed: 7}            # so many draws for each point of the swept axes
mismatch:                               # also drawn
  devices:
    gen28_nsvt: {a_vt: 1.8 mV*um, a_beta: 0.01}
sources:
  vdd: {net: vdd, dc: "{v_dd}"}                             # element vvdd, current i(vdd)
  en:  {net: en, pulse: {initial: 0, pulsed: "{v_dd}", delay: 1n, rise: "{t_edge}", fall: "{t_edge}", width: "{pulse_width}"}}
  ck:  {net: ck, pwl: [[0, 0], [1n, 0], [1.05n, "{v_dd}"]]}  # times must rise
  wbl: {net: wbl, ramp: {initial: 0, final: "{v_dd}", start: 1n, duration: 5n}}
  inj: {kind: current, net: bl, dc: 0, ac: 1}
  row: {count: 64, net: "en{i}", dc: "{level[i]}"}
elements:                               # plain element lines
  - Rload out 0 1k
  - {count: 64, line: "Xcell{i} wbl wwl bl en{i} enb{i} sn{i} vdd gain_cell_a cs=5f"}
initial_conditions:                     # net -> volt
  sn: "{v_store}"
  cells: {count: 64, net: "sn{i}", value: "{level[i]}"}
analysis: {type: tran, step: 20p, stop: 20n, options: {gmin: 1e-14, chgtol: 1e-17, trtol: 1}}
measurements:
  charge: {unit: C, charge: bl, description: charge delivered by the bitline source}
  energy: {unit: J, energy: [vdd, en], spec: {maximum: 40f}}
waveforms: {stored: v(sn)}              # kept whole in samples.h5
constants:
  t_max: {value: 15n, unit: s, long_name: longest input pulse}
timeout: 60                             # s of one simulation (more where the machine is too busy to run it)
memory: 512M
)";
}

std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string key_rows(const std::vector<Key>& keys) {
  std::string text = "| key | value | what |\n|---|---|---|\n";
  for (const Key& key : keys) {
    const bool required = key.presence == Key::Presence::kRequired;
    text += fmt::format("| `{}`{} | {} | {} |\n", key.name, required ? " (required)" : "",
                        cell(key.form.describe()), cell(key.text));
  }
  return text;
}

// Measurements by kind: which keys go with which says more than one long table.
std::string measurement_rows() {
  std::string text =
      "\nOne of these chooses what is measured; its value is the subject (a signal, sources, or a "
      "formula), and these keys go with it:\n\n| kind | keys | result |\n|---|---|---|\n";
  for (const MeasureKind& kind : measure_kinds()) {
    std::vector<std::string> names;
    for (const Key& key : kind.keys) {
      const bool required = key.presence == Key::Presence::kRequired;
      names.push_back(fmt::format("`{}`{}", key.name, required ? " (required)" : ""));
    }
    text += fmt::format("| `{}` | {} | {} |\n", kind.name, fmt::join(names, ", "), cell(kind.text));
  }
  return text;
}

std::string analysis_rows() {
  std::string text = "| type | keys | what |\n|---|---|---|\n";
  for (const AnalysisKind& kind : analysis_kinds()) {
    std::vector<std::string> names;
    for (const Key& key : kind.keys) {
      const bool required = key.presence == Key::Presence::kRequired;
      names.push_back(fmt::format("`{}`{}", key.name, required ? " (required)" : ""));
    }
    text += fmt::format("| `{}` | {} | {} |\n", kind.name, fmt::join(names, ", "), cell(kind.text));
  }
  return text + "\n";
}

class Page {
 public:
  // A block and then those that it leads to, each once.
  void add(const Block& block) {
    if (!seen_.insert(block.title).second) return;
    text_ += fmt::format("\n## {}\n", seen_.size() == 1 ? "Keys of the file" : block.title);
    if (!block.text.empty()) text_ += block.text + "\n";
    if (!block.choice.empty())
      text_ += fmt::format("{} of `{}`.\n", block.choice_required ? "Exactly one" : "At most one",
                           fmt::join(block.choice, "`, `"));
    text_ += "\n";
    if (block.title == "Analysis") text_ += analysis_rows();
    const bool measurements = block.title == "Measurements";
    std::vector<Key> keys;
    for (const Key& key : block.keys) {
      const bool kind =
          std::find(block.choice.begin(), block.choice.end(), key.name) != block.choice.end();
      if (!measurements || !kind) keys.push_back(key);
    }
    text_ += key_rows(keys);
    if (measurements) text_ += measurement_rows();
    for (const Key& key : block.keys) follow(key.form);
  }
  const std::string& text() const { return text_; }

 private:
  void follow(const Form& form) {
    if (form.block != nullptr) add(*form.block);
    for (const Form& one : form.of) follow(one);
  }
  std::set<std::string> seen_;
  std::string text_;
};

}  // namespace

std::string bench_reference() {
  Page page;
  page.add(bench_block());
  return std::string(kIntroduction) + example() + "```\n" + kRules + page.text();
}

}  // namespace gaincell::characterize
