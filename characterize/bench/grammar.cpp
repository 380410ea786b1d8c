#include "characterize/bench/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "characterize/analysis/analysis.h"
#include "characterize/measure/measure.h"

namespace gaincell::characterize {
namespace {

using form::block;
using form::boolean;
using form::constant;
using form::either;
using form::integer;
using form::list;
using form::map;
using form::name;
using form::nets;
using form::prose;
using form::quantity;
using form::text;
using form::word;
constexpr auto kRequired = Key::Presence::kRequired;
constexpr auto kOptional = Key::Presence::kOptional;

Block analysis_block() {
  std::vector<std::string> types;
  Block result{"Analysis",
               "All take `options`. The simulator's default `chgtol` of 10 fC is more than a cell "
               "holds: set it.",
               {},
               {},
               false};
  for (const AnalysisKind& kind : analysis_kinds()) types.push_back(kind.name);
  result.keys.push_back({"type", word(types), kRequired, "which analysis"});
  result.keys.push_back({"options", nets(text()), kOptional, "simulator options by name: " + [] {
                           std::string all;
                           for (const std::string& option : simulator_options())
                             all += " `" + option + "`";
                           return all.substr(1);
                         }()});
  for (const AnalysisKind& kind : analysis_kinds()) {
    for (Key key : kind.keys) {
      // Required where the type is this one; checked with the type known.
      key.presence = kOptional;
      key.text = fmt::format("`{}`: {}", kind.name, key.text);
      const auto known = std::find_if(result.keys.begin(), result.keys.end(),
                                      [&](const Key& other) { return other.name == key.name; });
      if (known == result.keys.end()) {
        result.keys.push_back(key);
        continue;
      }
      // Analyses share a name (`start`) in units of their own.
      known->text += "; " + key.text;
      if (known->form.unit != key.form.unit) known->form = quantity("*");
    }
  }
  return result;
}

Form spec_form() {
  static const Block value{"Limits with a key of their own",
                           "As CACE writes them.",
                           {{"value", text(), kRequired, "the limit, or `any`"}}};
  const Form limit = either({text(), block(value)});
  static const Block spec{
      "Specification",
      "What a result must hold at every point but the hold-out points: a number in the "
      "measurement's unit, or `any`. `gaincell characterize` exits with 1 where one does not hold, "
      "after the file is written.",
      {{"minimum", limit, kOptional, "least value allowed"},
       {"typical", limit, kOptional, "for people: stands in the datasheet, and is not checked"},
       {"maximum", limit, kOptional, "greatest value allowed"},
       {"sigma", constant("*"), kOptional, "greatest standard deviation over the draws"}}};
  return block(spec);
}

Block measurement_block() {
  Block result{
      "Measurements",
      "`otherwise` is the result where an event does not happen; without it such a point is "
      "recorded as failed. A formula may use the results above it, and so may the arguments of a "
      "measurement (`level: \"{v_max}/2\"`) where they come from its own analysis. What follows "
      "from a "
      "result that has no number has none either.",
      {},
      {},
      true};
  result.keys = {
      {"unit", text(), kRequired, "unit of the result"},
      {"description", prose(), kOptional, "what it is; goes into the samples file"},
      {"scale", constant(""), kOptional, "the result is multiplied by it"},
      {"analysis", name(), kOptional, "which of `analyses` it is read off; default the first"},
      {"spec", spec_form(), kOptional, "what it must hold"}};
  std::set<std::string> known;
  for (const MeasureKind& kind : measure_kinds()) {
    const Form form =
        kind.takes == MeasureKind::Takes::kSources ? either({name(), list(name())}) : text();
    result.keys.push_back({kind.name, form, kOptional, kind.text});
    result.choice.push_back(kind.name);
    for (const Key& key : kind.keys) {
      if (!known.insert(key.name).second) continue;
      result.keys.push_back({key.name, key.form, kOptional, key.text});
    }
  }
  return result;
}

}  // namespace

const Block& bench_block() {
  static const Block section{"Library sections",
                             "A file with `.lib name` ... `.endl` sections, of which one is taken.",
                             {{"file", text(), kRequired, "path, relative to the bench"},
                              {"section", text(), kRequired, "its name"}}};
  static const Block circuit{
      "Circuit",
      "",
      {{"netlist", either({text(), list(text())}), kOptional,
        "files with `.subckt`, `.model`, `.param`, `.func`; relative to the bench"},
       {"subcircuit", text(), kOptional,
        "stands in the deck as instance `xdut`, so its inner nets are `xdut.name`; without it "
        "`elements` are the circuit"},
       {"parameters", map(quantity("*")), kOptional, "of the subcircuit"},
       {"ports", nets(text()), kOptional,
        "port: net; a port that is not named here is on the net of its own name"}}};
  static const Block parameter{"Parameters",
                               "",
                               {{"value", quantity("*"), kRequired, "number or expression"},
                                {"unit", text(), kOptional, "its unit"},
                                {"description", prose(), kOptional, "what it is"}}};
  static const Block draw{
      "Draws of a vector",
      "Random numbers for the elements of a vector condition.",
      {{"enumerate", list(constant("*")), kOptional, "one of these, equally likely"},
       {"uniform", list(constant("*")), kOptional, "`[least, greatest]`"},
       {"normal", list(constant("*")), kOptional, "`[mean, sigma]`"},
       {"values", list(constant("*")), kOptional, "no draw: these, in order"}},
      {"enumerate", "uniform", "normal", "values"},
      true};
  static const Block condition{
      "Conditions",
      "What a point is made of. Swept: `minimum`, `maximum`, `step` and `points`, or `enumerate`. "
      "Fixed: "
      "`typical` alone. `minimum`, `typical` and `maximum` without `step` are swept over just "
      "these values. "
      "The name `temperature` sets the temperature of the simulation. The first swept condition is "
      "the slowest. At most 1,000,000 points, which may take 256 MB, and simulations that may "
      "take 768 MB to plan, some 600,000 small ones.",
      {{"unit", text(), kOptional,
        "`V`, `s`, `A`, `F`, `degC` ... or empty; required but for `corner`"},
       {"description", prose(), kOptional, "long name of the axis"},
       {"minimum", constant("*"), kOptional, "least value"},
       {"typical", constant("*"), kOptional, "usual value; of `corner` a name"},
       {"maximum", constant("*"), kOptional, "greatest value"},
       {"step", word({"linear", "logarithmic"}), kOptional, "spacing between minimum and maximum"},
       {"points", integer(2), kOptional, "how many, ends included"},
       {"stepsize", constant("*"), kOptional,
        "in place of `points`: the step, of a logarithmic sweep the factor"},
       {"enumerate", list(constant("*")), kOptional, "these values, rising; of `corner` names"},
       {"count", integer(1), kOptional, "makes it a vector of so many elements"},
       {"draw", block(draw), kOptional, "what the elements are"}}};
  static const Block draws{
      "Number of draws",
      "",
      {{"points", integer(1), kRequired,
        "so many points, each with its own draw of all vectors and devices, for each point of the "
        "swept conditions"},
       {"seed", integer(0), kRequired, "of the draws"}}};
  static const Block pulse{
      "Pulses",
      "`width` is taken at half height: 0 or less is no pulse at all, and a width below half the "
      "edges gives "
      "a smaller triangle with the same slopes.",
      {{"initial", quantity("*"), kRequired, "value before and after"},
       {"pulsed", quantity("*"), kRequired, "value at the top"},
       {"delay", quantity("s"), kRequired, "begin of the first edge"},
       {"rise", quantity("s"), kRequired, "duration of the first edge"},
       {"fall", quantity("s"), kRequired, "duration of the second edge"},
       {"width", quantity("s"), kRequired, "at half height"},
       {"period", quantity("s"), kOptional, "repeats; the width must then exceed half the edges"}}};
  static const Block ramp{"Ramps",
                          "",
                          {{"initial", quantity("*"), kRequired, "value before"},
                           {"final", quantity("*"), kRequired, "value after"},
                           {"start", quantity("s"), kRequired, "when it leaves `initial`"},
                           {"duration", quantity("s"), kRequired, "until it is at `final`"}}};
  static const Block wave_file{
      "Waveforms from a file",
      "Text with a column of times and one of values; commas, semicolons, tabs or blanks between, "
      "a "
      "line of names above if any, and at most 10,000 rows. Lines that begin with # or * do not "
      "count.",
      {{"file", text(), kRequired, "path, relative to the bench"},
       {"time", text(), kOptional, "name or number of the column of times; default 1"},
       {"value", text(), kOptional, "that of values; default 2"}}};
  static const Block rows_file{"Rows from a file",
                               "Text as for a waveform, with the names of conditions above.",
                               {{"file", text(), kRequired, "path, relative to the bench"}}};
  static const Block source{
      "Sources",
      "From a net to ground or `reference`; element `v<name>`, its current is `i(<name>)`. With "
      "`kind: "
      "current` the value flows **into the net**.",
      {{"net", text(), kRequired, "its net; with `count` a `{...}` in it makes each its own"},
       {"reference", text(), kOptional, "the other net; default ground"},
       {"kind", word({"voltage", "current"}), kOptional, "default `voltage`"},
       {"count", integer(1), kOptional, "so many sources `<name>0` ...; `i` counts them from 0"},
       {"dc", quantity("*"), kOptional,
        "constant value; beside a waveform that of operating points"},
       {"ac", quantity("*"), kOptional, "amplitude in `ac` and `noise` analyses"},
       {"ramp", block(ramp), kOptional, "a straight line from one value to another"},
       {"pulse", block(pulse), kOptional, "a pulse"},
       {"pwl", either({list(list(quantity("*"))), block(wave_file)}), kOptional,
        "list of `[time, value]`, times rising; constant before and after. Or a file"}},
      {"pulse", "pwl", "ramp"}};
  static const Block element{
      "Elements",
      "Lines of circuit text: loads, or the whole circuit.",
      {{"line", text(), kRequired, "the line, with `{expressions}`"},
       {"count", integer(1), kOptional, "so many of them; `i` counts them from 0"}}};
  static const Block initial{
      "Initial conditions",
      "`initial_conditions` are what a `tran` analysis begins with: its operating point is found "
      "with these nets held; with `use_initial_conditions` there is none. They say nothing to "
      "other "
      "analyses, and a bench of such alone is refused. `starting_guesses` are where the search for "
      "an operating point begins, in every analysis: they choose among the states of a latch and "
      "change nothing where there is one state alone.",
      {{"net", text(), kRequired, "the net, with `{i}`"},
       {"value", quantity("V"), kRequired, "its voltage"},
       {"count", integer(1), kRequired, "so many"}}};
  static const Block analysis = analysis_block();
  static const Block measurement = measurement_block();
  static const Block search{
      "Search",
      "A setup time, a threshold, an offset: the value at which `passes` changes, found at every "
      "point by bisection: `search: {over: t_setup, unit: s, minimum: -0.1n, maximum: 1n, "
      "tolerance: 1p, passes: q_end > 0.5}`. Both ends are tried first; at one of them `passes` "
      "must "
      "be greater than 0 (a comparison that holds is 1), at the other not. Then the range is "
      "halved "
      "until it is no wider than `tolerance`. The result is the last value that passes: the first "
      "of the measurements, under the name that `over` gives; the others are those of its "
      "simulation. Where it changes more than once, one of these is found. Where nothing changes, "
      "or a value that is tried gives `passes` no number, the "
      "point is recorded as failed and its reason names the value; `otherwise` makes a number of "
      "an "
      "event that does not happen. A point takes at most 2 + log2(range / tolerance) simulations "
      "of "
      "each analysis. A search goes without `--shard` and without `dc` sweeps over conditions.",
      {{"over", name(), kRequired,
        "name of the value, which parameters, sources, elements and measurements use as `{name}`; "
        "`temperature` is that of the simulation"},
       {"unit", text(), kRequired, "its unit"},
       {"description", prose(), kOptional, "what it is; goes into the samples file"},
       {"minimum", constant("*"), kRequired, "where the range begins"},
       {"maximum", constant("*"), kRequired, "where it ends"},
       {"tolerance", constant("*"), kRequired,
        "how far the result may lie from where it changes; at most 60 halvings"},
       {"passes", text(), kRequired,
        "formula over measurements, conditions and parameters: `q_end > 0.5`, `v_out - v_dd/2`"},
       {"spec", spec_form(), kOptional, "what the result must hold"}}};
  static const Block limit{"Limits of a table",
                           "What the compiled table may be off on the hold-out points; full scale "
                           "is its greatest minus its least value.",
                           {{"max_percent", constant(""), kOptional, "of full scale"},
                            {"rms_percent", constant(""), kOptional, "of full scale"},
                            {"max", constant("*"), kOptional, "in the table's unit"},
                            {"rms", constant("*"), kOptional, "in the table's unit"}}};
  static const Block table{
      "Tables",
      "What `gaincell compile` makes of the points.",
      {{"of", name(), kRequired, "a measurement"},
       {"over", list(name()), kRequired, "swept conditions, in the order of the table's axes"},
       {"long_name", prose(), kOptional, "for people"},
       {"interpolation", either({word({"linear", "cubic"}), list(word({"linear", "cubic"}))}),
        kOptional, "one word for all axes, or one for each"},
       {"limit", block(limit), kOptional, "error that is accepted"}}};
  static const Block constant_block{"Constants",
                                    "",
                                    {{"value", quantity("*"), kRequired,
                                      "number or expression over parameters and fixed conditions"},
                                     {"unit", text(), kOptional, "its unit"},
                                     {"long_name", prose(), kOptional, "for people"}}};
  static const Block spread{
      "Spreads",
      "What `gaincell compile` makes of the draws: constants `spread_<name>`, one standard "
      "deviation "
      "(n - 1). The engine knows `cell_gain`, `cell_offset_v`, `relu_gain`, `relu_offset_c`, "
      "`relu_noise_c`, and the same three of `signed_`.",
      {{"of", name(), kRequired, "a measurement"},
       {"relative", boolean(), kOptional, "true: over the size of the mean; default false"},
       {"long_name", prose(), kOptional, "for people"}}};
  static const Block holdout{"Hold-out points",
                             "Extra points that no table sees, drawn inside the axes' ranges.",
                             {{"share", constant(""), kOptional, "of the number of swept points"},
                              {"points", integer(1), kOptional, "how many"},
                              {"seed", integer(0), kRequired, "of the draw"}},
                             {"share", "points"},
                             true};
  static const Block retry{
      "Retry",
      "A simulation that fails is run once more with these options; the point is then marked "
      "as `aided`. Default: `method: gear, itl1: 1000, itl2: 500, itl4: 200`.",
      {{"options", nets(text()), kRequired, "simulator options"}}};
  static const Block pelgrom{
      "Mismatch by size",
      "By model card, also one inside a subcircuit, or by a subcircuit that stands for one device: "
      "its transistors are drawn, or with `shift` a parameter of it. Pelgrom's coefficients are of "
      "the difference of a pair; each device is drawn with sigma A/sqrt(2 W L m), sizes in m or in "
      "what `.option scale` says.",
      {{"a_vt", constant("V*um"), kOptional, "A_VT: `1.8m` is 1.8 mV um"},
       {"a_beta", constant("um"), kOptional, "A_beta, of the current factor: `0.01` is 1 % um"},
       {"shift", name(), kOptional,
        "instance parameter that takes the threshold shift; default `delvto` of the transistors"},
       {"gain", name(), kOptional,
        "instance parameter that takes the factor of beta; default `mulu0` of the transistors; "
        "none "
        "beside a `shift` of a subcircuit"},
       {"width", name(), kOptional, "instance parameter of the width; default `w`"},
       {"length", name(), kOptional, "instance parameter of the length; default `l`"}}};
  static const Block mismatch{
      "Mismatch",
      "Differences between equal devices, drawn `draws.points` times from `draws.seed`; a draw is "
      "the same circuit at every value of the conditions. Every device of a kind named here draws "
      "for itself, and its numbers stand in the deck.",
      {{"devices", nets(block(pelgrom)), kOptional, "by kind of device"},
       {"library", boolean(), kOptional,
        "true: the library's own statistics (agauss and the like), seeded for every draw"}}};
  static const Block waveform{
      "Waveforms",
      "Signals that are kept whole, for every simulation.",
      {{"signal", text(), kRequired, "expression, as in measurements"},
       {"analysis", name(), kOptional, "which of `analyses`; default the first"}}};
  static const Form files = either({text(), list(either({text(), block(section)}))});
  static const Block bench{
      "The bench file",
      "",
      {{"gaincell_bench", integer(1), kRequired, "version of this format: 1"},
       {"name", name(), kRequired, "the bench's group in the samples file"},
       {"description", prose(), kOptional, "one sentence"},
       {"circuit", block(circuit), kOptional,
        "what is exercised; may be left out where `elements` are all"},
       {"models", list(either({text(), block(section)})), kOptional,
        "device cards, put ahead of the netlist; relative to the bench"},
       {"corners", map(files), kOptional,
        "name: model files of that corner, read behind `models`. They are swept as the condition "
        "`corner`; a condition of that name chooses among them"},
       {"library_parameters", map(quantity("")), kOptional,
        "global `.param`s of the models, set behind them"},
       {"ignored_parameters", list(name()), kOptional,
        "model parameters that this simulator does not know and may leave out; without this they "
        "are an error"},
       {"model_folders", list(text()), kOptional, "further folders that includes may lead to"},
       {"ngbehavior",
        word({"all", "hs", "hsa", "ki", "kia", "lt", "lta", "ltps", "ltpsa", "ps", "psa", "s3",
              "spe", "spea"}),
        kOptional,
        "ngspice's compatibility mode; default its own dialect; `ps`, `lt`, `ltps` are set as "
        "`psa`, "
        "`lta`, `ltpsa`"},
       {"parameters", map(either({quantity(""), block(parameter)})), kOptional,
        "numbers and expressions; later ones may use earlier ones and conditions"},
       {"conditions", map(block(condition)), kOptional, "what a point is made of"},
       {"rows", either({list(map(text())), block(rows_file)}), kOptional,
        "conditions that change together, as a table: each row gives a value to each of them, and "
        "makes points with the grid of the others (the row is slowest). They stand under "
        "`conditions` with a unit and no value. There is no table and no hold-out over rows"},
       {"draws", block(draws), kOptional, "how often vectors and mismatch are drawn"},
       {"mismatch", block(mismatch), kOptional, "differences between equal devices"},
       {"sources", map(block(source)), kOptional, "what drives the circuit"},
       {"elements", list(either({text(), block(element)})), kOptional, "further circuit lines"},
       {"initial_conditions", nets(either({quantity("V"), block(initial)})), kOptional,
        "net: voltage at the begin of `tran`; with `count` under a name of its own"},
       {"starting_guesses", nets(either({quantity("V"), block(initial)})), kOptional,
        "net: voltage from which the search for an operating point starts; the same forms"},
       {"analysis", block(analysis), kOptional, "what the simulator does"},
       {"analyses", map(block(analysis)), kOptional,
        "several of them, by name; each is a simulation of its own"},
       {"measurements", map(block(measurement)), kRequired, "what is read off"},
       {"search", block(search), kOptional, "a value that is found at every point"},
       {"tables", map(block(table)), kOptional, "what is made of the points"},
       {"constants", map(block(constant_block)), kOptional, "numbers that go into the device file"},
       {"spreads", map(block(spread)), kOptional,
        "standard deviations that go into the device file"},
       {"holdout", block(holdout), kOptional, "points for the measured error"},
       {"waveforms", map(either({text(), block(waveform)})), kOptional,
        "signals that are kept whole in the samples file"},
       {"timeout", constant("s"), kOptional, "wall-clock limit of one simulation; default 60"},
       {"memory", constant("B"), kOptional,
        "limit of the simulator that runs it, `2G`, at least 32M; default that of the program"},
       {"retry", block(retry), kOptional, "what is tried when a simulation fails"}},
      {"analysis", "analyses"},
      true};
  return bench;
}

}  // namespace gaincell::characterize
