// Every key that a bench may hold arrives: where its value is another, something of what the bench
// becomes is another (a deck, a measurement's call, a request). The keys come from the table that
// validates a bench, so one that is new and nobody reads is found here.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "characterize/bench/grammar.h"
#include "characterize/job/protocol.h"
#include "characterize/plan/plan.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

// Two values that a form allows.
std::pair<std::string, std::string> two_values(const Form& form) {
  switch (form.is) {
    case Form::Is::kQuantity:
    case Form::Is::kConstant:
      return {"0.25", "0.5"};
    case Form::Is::kInteger:
      return {"1", "2"};
    case Form::Is::kWord:
      return {form.words[0], form.words[1]};
    case Form::Is::kText:
      return {"v(in)", "v(out)"};
    case Form::Is::kName:
      return {"in", "aux"};
    case Form::Is::kBoolean:
      return {"true", "false"};
    case Form::Is::kProse:
    case Form::Is::kList:
    case Form::Is::kMap:
    case Form::Is::kNets:
    case Form::Is::kBlock:
    case Form::Is::kEither:
      break;
  }
  ADD_FAILURE() << "no two values of " << form.describe();
  return {};
}

std::string rc(const std::string& analysis, const std::string& measurement) {
  return "gaincell_bench: 1\nname: rc\n"
         "sources: {in: {net: in, dc: 0, ac: 1}, aux: {net: aux, dc: 0, ac: 1}}\n"
         "elements: [R1 in out 1k, C1 out 0 1p, R2 aux out 1k]\n"
         "conditions: {v: {unit: V, enumerate: [0, 1]}}\n"
         "analysis: {" +
         analysis + "}\nmeasurements: {m: {unit: V, " + measurement + "}}\n";
}

class Keys : public BenchTest {
 protected:
  Job job_of(const std::string& text) {
    const auto read = bench(text);
    return make_plan(*read, bench_points(*read)).jobs.at(0);
  }
};

// --- Measurements

std::string required_keys(const MeasureKind& kind, const std::string& but) {
  std::string text;
  for (const Key& key : kind.keys) {
    if (key.presence == Key::Presence::kRequired && key.name != but)
      text += fmt::format(", {}: {}", key.name, two_values(key.form).first);
  }
  return text;
}

bool arrives(const Form& form, const std::string& name, const std::string& value,
             const MeasureCall& call) {
  switch (form.is) {
    case Form::Is::kQuantity:
    case Form::Is::kConstant:
    case Form::Is::kInteger:
      return call.has(name) && call.number(name, -1) == std::stod(value);
    case Form::Is::kText:
      return std::find(call.signals.begin(), call.signals.end(), value) != call.signals.end();
    default:
      return call.word(name, "") == value;
  }
}

TEST_F(Keys, OfEveryMeasurementStandInItsCall) {
  std::size_t keys = 0;
  for (const MeasureKind& kind : measure_kinds()) {
    const bool noise = kind.name == "total_noise";
    const std::string analysis = noise
                                     ? "type: noise, start: 1, stop: 1k, output: v(out), source: in"
                                     : "type: tran, step: 1n, stop: 10n";
    std::string subject = noise ? "onoise" : "v(out)";
    if (kind.takes == MeasureKind::Takes::kSources) subject = "in";
    for (const Key& key : kind.keys) {
      const auto [one, other] = two_values(key.form);
      for (const std::string& value : {one, other}) {
        const Job job =
            job_of(rc(analysis, fmt::format("{}: {}, {}: {}{}", kind.name, subject, key.name, value,
                                            required_keys(kind, key.name))));
        EXPECT_TRUE(arrives(key.form, key.name, value, job.calls.at(0)))
            << kind.name << "." << key.name << ": " << value;
        ++keys;
      }
    }
  }
  EXPECT_GT(keys, 100u);
}

// One column of the page, one form in the validation: a name means the same everywhere.
TEST_F(Keys, OfOneNameHaveOneFormInAllMeasurements) {
  std::map<std::string, std::string> forms;
  for (const MeasureKind& kind : measure_kinds()) {
    for (const Key& key : kind.keys) {
      const auto known = forms.emplace(key.name, key.form.describe()).first;
      EXPECT_EQ(known->second, key.form.describe()) << kind.name << "." << key.name;
    }
  }
}

// --- Analyses

using Both = std::pair<std::string, std::string>;

// What an analysis needs, and two values that fit beside the others.
const std::map<std::string, std::vector<std::pair<std::string, Both>>> kAnalyses{
    {"op", {}},
    {"dc",
     {{"sweeps",
       {"[{source: in, start: 0, stop: 1, points: 3}]",
        "[{source: in, start: 0, stop: 1, points: 5}]"}}}},
    {"tran",
     {{"step", {"1n", "2n"}},
      {"stop", {"10n", "20n"}},
      {"start", {"1n", "2n"}},
      {"max_step", {"3n", "4n"}},
      {"use_initial_conditions", {"true", "false"}}}},
    {"ac", {{"start", {"1", "2"}}, {"stop", {"1k", "2k"}}, {"points_per_decade", {"11", "12"}}}},
    {"noise",
     {{"start", {"1", "2"}},
      {"stop", {"1k", "2k"}},
      {"points_per_decade", {"11", "12"}},
      {"output", {"v(out)", "v(in)"}},
      {"source", {"in", "aux"}}}}};

std::string measurement_in(const std::string& analysis) {
  if (analysis == "op") return "value: v(out)";
  if (analysis == "dc") return "value: v(out), at: 0.5";
  if (analysis == "ac") return "value: vm(out), at: 10";
  return analysis == "noise" ? "value: onoise, at: 10" : "value: v(out), at: 5n";
}

TEST_F(Keys, OfEveryAnalysisStandInItsDeck) {
  for (const AnalysisKind& kind : analysis_kinds()) {
    ASSERT_TRUE(kAnalyses.contains(kind.name)) << kind.name;
    const auto& values = kAnalyses.at(kind.name);
    for (const Key& key : kind.keys) {
      const auto deck = [&](bool second) {
        std::string text = "type: " + kind.name;
        bool found = false;
        for (const auto& [name, both] : values) {
          found = found || name == key.name;
          const bool other = second && name == key.name;
          text += fmt::format(", {}: {}", name, other ? both.second : both.first);
        }
        EXPECT_TRUE(found) << kind.name << "." << key.name << " has no values in this test";
        return job_of(rc(text, measurement_in(kind.name))).deck(false);
      };
      EXPECT_NE(deck(false), deck(true)) << kind.name << "." << key.name;
    }
  }
}

TEST_F(Keys, OfEverySweepStandInItsDeck) {
  const std::map<std::string, Both> values{
      {"source",
       {"source: in, start: 0, stop: 1, points: 3", "source: aux, start: 0, stop: 1, points: 3"}},
      {"condition", {"source: in, start: 0, stop: 1, points: 3", "source: in, condition: v"}},
      {"start",
       {"source: in, start: 0, stop: 1, points: 3", "source: in, start: 0.5, stop: 1, points: 3"}},
      {"stop",
       {"source: in, start: 0, stop: 1, points: 3", "source: in, start: 0, stop: 2, points: 3"}},
      {"points",
       {"source: in, start: 0, stop: 1, points: 3", "source: in, start: 0, stop: 1, points: 4"}},
      {"step",
       {"source: in, start: 1, stop: 4, points: 3, step: linear",
        "source: in, start: 1, stop: 4, points: 3, step: logarithmic"}}};
  for (const Key& key : sweep_block().keys) {
    ASSERT_TRUE(values.contains(key.name)) << key.name;
    const auto all = [&](const std::string& sweep) {
      const Job job = job_of(rc("type: dc, sweeps: [{" + sweep + "}]", "maximum: v(out)"));
      return job.deck(false) + fmt::format("{}", fmt::join(job.proof.axis, " "));
    };
    EXPECT_NE(all(values.at(key.name).first), all(values.at(key.name).second)) << key.name;
  }
}

// --- Everything else

// All that a bench becomes, as text.
class Effect {
 public:
  explicit Effect(const Bench& bench) {
    add("bench", bench.name, bench.description, bench.timeout_s, bench.memory_bytes,
        bench.holdout_seed);
    for (const Condition& c : bench.conditions)
      add("condition", c.name, c.unit, c.description, c.logarithmic, c.swept, c.count,
          joined(c.words));
    for (const Measurement& m : bench.measurements) {
      add("measurement", m.name, m.unit, m.description, m.kind->name);
      if (m.spec)
        add("spec", show(m.spec->minimum), show(m.spec->typical), show(m.spec->maximum),
            show(m.spec->sigma));
      if (m.formula) add("formula", joined(m.formula->names()));
      if (const auto scale = m.numbers.find("scale"); scale != m.numbers.end())
        add("scale", scale->second.value(bench.scope));
    }
    for (const TableRequest& t : bench.tables)
      add("table", t.name, t.of, joined(t.over), t.long_name, joined(t.interpolation),
          joined(t.limits));
    for (const ConstantRequest& c : bench.constants)
      add("constant", c.name, c.unit, c.long_name, c.value);
    for (const SpreadRequest& s : bench.spreads)
      add("spread", s.name, s.of, s.relative, s.deviation, s.long_name);
    for (const WaveformRequest& w : bench.waveforms) add("waveform", w.name, w.signal, w.analysis);
    if (bench.search)
      add("search", bench.search->over, bench.search->unit, bench.search->minimum,
          bench.search->maximum, bench.search->tolerance, bench.search->passes_text);
    std::vector<Point> points = bench_points(bench);
    if (bench.search) points.at(0).searched = bench.search->maximum;
    const Plan plan = make_plan(bench, std::move(points));
    for (const Point& point : plan.points) {
      add("point", joined(point.values), point.holdout, point.draw);
      for (const auto& vector : point.vectors) add("vector", joined(vector));
    }
    for (const Job& job : plan.jobs)
      add("job", job.deck(true), encode(job.proof, job.calls), joined(job.waveforms), job.behaviour,
          job.timeout_s, job.memory_bytes);
  }
  const std::string& text() const { return text_; }

 private:
  static std::string show(const std::optional<double>& value) {
    return value ? fmt::format("{}", *value) : "none";
  }
  template <typename Range>
  static std::string joined(const Range& range) {
    return fmt::format("{}", fmt::join(range, ","));
  }
  template <typename... Values>
  void add(const Values&... values) {
    ((text_ += fmt::format("{}|", values)), ...);
    text_ += "\n";
  }
  std::string text_;
};

// Benches that hold every key, and for each key a change to it.
struct Change {
  const char* key;  // "title of the block: key"
  const char* from;
  const char* to;
};
struct Whole {
  const char* text;
  std::vector<Change> changes;
};

const std::vector<Whole>& wholes() {
  static const std::vector<Whole> all{
      {R"(gaincell_bench: 1
name: grid
description: a grid
circuit: {netlist: rc.cir, subcircuit: rc, parameters: {r: 1k}, ports: {out: o}}
models: [m.lib, {file: s.lib, section: tt}]
corners: {slow: c1.lib, fast: c2.lib}
library_parameters: {vt: 0.4}
ignored_parameters: [zz]
model_folders: [elsewhere]
ngbehavior: hsa
parameters:
  a: {value: 2, unit: V, description: what}
  b: 3
conditions:
  corner: {typical: slow}
  v: {unit: V, description: the axis, minimum: 1, maximum: 4, step: linear, points: 3}
  w: {unit: V, minimum: 0, typical: 1, maximum: 2}
  x: {unit: V, enumerate: [0, 1]}
  y: {unit: V, minimum: 0, maximum: 1, step: linear, stepsize: 0.5}
sources:
  in: {net: in, reference: ref, kind: voltage, dc: "{v+w+x+y+a+b}", ac: 1}
  p: {net: p, pulse: {initial: 0, pulsed: 1, delay: 1n, rise: 1n, fall: 1n, width: 3n, period: 9n}}
  r: {net: r, ramp: {initial: 0, final: 1, start: 1n, duration: 2n}}
  l: {net: l, pwl: [[0, 0], [1n, 1]]}
  m: {net: "m{i}", count: 2, dc: 1}
elements:
  - R1 ref 0 1k
  - {line: "R2{i} m{i} 0 1k", count: 2}
initial_conditions: {o: 0.1, g: {net: "m{i}", value: 0.2, count: 2}}
starting_guesses: {o: 0.3}
analyses:
  t: {type: tran, step: 1n, stop: 10n, options: {reltol: 1e-4}}
  u: {type: tran, step: 1n, stop: 20n}
measurements:
  q: {unit: V, description: the value, value: v(o), at: 5n, scale: 2, analysis: t,
      spec: {minimum: 0, typical: 1, maximum: {value: 2}}}
  q2: {unit: V, value: v(o), at: 6n}
tables:
  f: {of: q, over: [v, w, x, y], long_name: the table, interpolation: linear,
      limit: {max_percent: 1, rms_percent: 2, max: 3, rms: 4}}
constants: {k: {value: 5, unit: V, long_name: the constant}}
holdout: {share: 0.1, seed: 7}
waveforms: {wf: {signal: v(o), analysis: t}}
timeout: 30
memory: 1G
retry: {options: {itl1: 300}}
)",
       {{"The bench file: name", "name: grid", "name: grid2"},
        {"The bench file: description", "description: a grid", "description: another"},
        {"The bench file: circuit", "subcircuit: rc,", "subcircuit: rc2,"},
        {"The bench file: models", "models: [m.lib", "models: [m2.lib"},
        {"The bench file: corners", "slow: c1.lib", "slow: c2.lib"},
        {"The bench file: library_parameters", "vt: 0.4", "vt: 0.5"},
        {"The bench file: ngbehavior", "ngbehavior: hsa", "ngbehavior: all"},
        {"The bench file: parameters", "b: 3", "b: 4"},
        {"The bench file: conditions", "enumerate: [0, 1]", "enumerate: [0, 2]"},
        {"The bench file: sources", "  l: {net: l", "  l2: {net: l"},
        {"The bench file: elements", "R1 ref 0 1k", "R1 ref 0 2k"},
        {"The bench file: initial_conditions", "{o: 0.1,", "{o: 0.2,"},
        {"The bench file: starting_guesses", "{o: 0.3}", "{o: 0.4}"},
        {"The bench file: analyses", "stop: 10n", "stop: 11n"},
        {"The bench file: measurements", "at: 5n, scale", "at: 6n, scale"},
        {"The bench file: tables", "  f: {of", "  f2: {of"},
        {"The bench file: constants", "{k: {", "{k2: {"},
        {"The bench file: holdout", "seed: 7", "seed: 8"},
        {"The bench file: waveforms", "{wf: ", "{wf2: "},
        {"The bench file: timeout", "timeout: 30", "timeout: 40"},
        {"The bench file: memory", "memory: 1G", "memory: 2G"},
        {"The bench file: retry", "itl1: 300", "itl1: 301"},
        {"Circuit: netlist", "netlist: rc.cir", "netlist: rc_other.cir"},
        {"Circuit: subcircuit", "subcircuit: rc,", "subcircuit: rc2,"},
        {"Circuit: parameters", "{r: 1k}", "{r: 2k}"},
        {"Circuit: ports", "{out: o}", "{out: o, in: o2}"},
        {"Library sections: file", "{file: s.lib", "{file: s2.lib"},
        {"Library sections: section", "section: tt", "section: ff"},
        {"Parameters: value", "{value: 2,", "{value: 3,"},
        {"Conditions: unit", "v: {unit: V", "v: {unit: \"\""},
        {"Conditions: description", "the axis", "an axis"},
        {"Conditions: minimum", "minimum: 1, maximum: 4", "minimum: 2, maximum: 4"},
        {"Conditions: typical", "typical: 1,", "typical: 1.5,"},
        {"Conditions: maximum", "minimum: 1, maximum: 4", "minimum: 1, maximum: 5"},
        {"Conditions: step", "step: linear, points", "step: logarithmic, points"},
        {"Conditions: points", "points: 3", "points: 4"},
        {"Conditions: stepsize", "stepsize: 0.5", "stepsize: 0.25"},
        {"Conditions: enumerate", "enumerate: [0, 1]", "enumerate: [0, 2]"},
        {"Sources: net", "{net: in,", "{net: in2,"},
        {"Sources: reference", "reference: ref", "reference: \"0\""},
        {"Sources: kind", "kind: voltage", "kind: current"},
        {"Sources: count", "m: {net: \"m{i}\", count: 2", "m: {net: \"m{i}\", count: 3"},
        {"Sources: dc", "count: 2, dc: 1}", "count: 2, dc: 2}"},
        {"Sources: ac", "ac: 1}", "ac: 2}"},
        {"Sources: ramp", "ramp: {initial: 0", "ramp: {initial: 0.5"},
        {"Sources: pulse", "pulse: {initial: 0", "pulse: {initial: 0.5"},
        {"Sources: pwl", "[1n, 1]]", "[1n, 2]]"},
        {"Pulses: initial", "pulse: {initial: 0", "pulse: {initial: 0.5"},
        {"Pulses: pulsed", "pulsed: 1", "pulsed: 2"},
        {"Pulses: delay", "delay: 1n", "delay: 2n"},
        {"Pulses: rise", "rise: 1n", "rise: 2n"},
        {"Pulses: fall", "fall: 1n", "fall: 2n"},
        {"Pulses: width", "width: 3n", "width: 4n"},
        {"Pulses: period", "period: 9n", "period: 8n"},
        {"Ramps: initial", "ramp: {initial: 0", "ramp: {initial: 0.5"},
        {"Ramps: final", "final: 1", "final: 2"},
        {"Ramps: start", "start: 1n", "start: 2n"},
        {"Ramps: duration", "duration: 2n", "duration: 3n"},
        {"Elements: line", "R2{i} m{i} 0 1k", "R2{i} m{i} 0 2k"},
        {"Elements: count", "0 1k\", count: 2", "0 1k\", count: 1"},
        {"Initial conditions: net", "g: {net: \"m{i}\"", "g: {net: \"h{i}\""},
        {"Initial conditions: value", "value: 0.2", "value: 0.3"},
        {"Initial conditions: count", "value: 0.2, count: 2", "value: 0.2, count: 3"},
        {"Analysis: type", "u: {type: tran, step: 1n, stop: 20n}", "u: {type: op}"},
        {"Analysis: options", "reltol: 1e-4", "reltol: 1e-5"},
        {"Measurements: unit", "q: {unit: V", "q: {unit: A"},
        {"Measurements: description", "the value", "a value"},
        {"Measurements: scale", "scale: 2", "scale: 3"},
        {"Measurements: analysis", "scale: 2, analysis: t", "scale: 2, analysis: u"},
        {"Measurements: count", "q2: {unit", "q2: {count: 1, unit"},
        {"Measurements: spec", "spec: {minimum: 0", "spec: {minimum: -1"},
        {"Specification: minimum", "spec: {minimum: 0", "spec: {minimum: -1"},
        {"Specification: typical", "typical: 1, maximum: {", "typical: 2, maximum: {"},
        {"Specification: maximum", "maximum: {value: 2}", "maximum: 3"},
        {"Limits with a key of their own: value", "{value: 2}}}", "{value: 3}}}"},
        {"Tables: of", "{of: q,", "{of: q2,"},
        {"Tables: over", "over: [v, w, x, y]", "over: [w, v, x, y]"},
        {"Tables: long_name", "the table", "a table"},
        {"Tables: interpolation", "interpolation: linear", "interpolation: cubic"},
        {"Tables: limit", "max_percent: 1", "max_percent: 2"},
        {"Limits of a table: max_percent", "max_percent: 1", "max_percent: 2"},
        {"Limits of a table: rms_percent", "rms_percent: 2", "rms_percent: 3"},
        {"Limits of a table: max", "max: 3", "max: 4"},
        {"Limits of a table: rms", "rms: 4", "rms: 5"},
        {"Constants: value", "{value: 5,", "{value: 6,"},
        {"Constants: unit", "{value: 5, unit: V", "{value: 5, unit: A"},
        {"Constants: long_name", "the constant", "a constant"},
        {"Hold-out points: share", "share: 0.1", "share: 0.2"},
        {"Hold-out points: points", "share: 0.1", "points: 3"},
        {"Hold-out points: seed", "seed: 7", "seed: 8"},
        {"Hold-out points: working", "seed: 7", "seed: 7, working: {v: [1, 2]}"},
        {"Waveforms: signal", "{signal: v(o)", "{signal: v(in)"},
        {"Waveforms: analysis", "{signal: v(o), analysis: t", "{signal: v(o), analysis: u"},
        {"Retry: options", "itl1: 300", "itl1: 301"}}},
      {R"(gaincell_bench: 1
name: draws
conditions:
  s: {unit: V, count: 2, draw: {uniform: [0, 1]}}
  t: {unit: V, count: 2, draw: {normal: [0, 1]}}
  u: {unit: V, count: 2, draw: {enumerate: [0, 1]}}
  z: {unit: V, count: 2, draw: {values: [0, 1]}}
draws: {points: 3, seed: 5}
models: [n.lib]
mismatch:
  devices: {n: {a_vt: 2m, a_beta: 0.01, shift: delvto, gain: mulu0, width: w, length: l}}
sources: {in: {net: in, dc: "{s[0]+t[0]+u[0]+z[0]}"}}
elements: [M1 in in 0 0 n w=1u l=2u wx=3u lx=4u]
analysis: {type: op}
measurements:
  m: {unit: V, value: v(in), spec: {sigma: 1}}
  m2: {unit: A, value: -i(in)}
spreads: {p: {of: m, relative: true, long_name: the spread}}
)",
       {{"The bench file: draws", "seed: 5", "seed: 6"},
        {"The bench file: mismatch", "a_vt: 2m", "a_vt: 3m"},
        {"The bench file: analysis", "{type: op}", "{type: op, options: {reltol: 1e-4}}"},
        {"The bench file: spreads", "{p: {of", "{p2: {of"},
        {"Conditions: count", "count: 2, draw: {uniform", "count: 3, draw: {uniform"},
        {"Conditions: draw", "{uniform: [0, 1]}", "{uniform: [0, 2]}"},
        {"Draws of a vector: uniform", "{uniform: [0, 1]}", "{uniform: [0, 2]}"},
        {"Draws of a vector: normal", "{normal: [0, 1]}", "{normal: [0, 2]}"},
        {"Draws of a vector: enumerate", "{enumerate: [0, 1]}", "{enumerate: [0, 2]}"},
        {"Draws of a vector: values", "{values: [0, 1]}", "{values: [1, 1]}"},
        {"Number of draws: points", "{points: 3", "{points: 4"},
        {"Number of draws: seed", "seed: 5", "seed: 6"},
        {"Mismatch: devices", "a_vt: 2m", "a_vt: 3m"},
        {"Mismatch by size: a_vt", "a_vt: 2m", "a_vt: 3m"},
        {"Mismatch by size: a_beta", "a_beta: 0.01", "a_beta: 0.02"},
        {"Mismatch by size: shift", "shift: delvto", "shift: other"},
        {"Mismatch by size: gain", "gain: mulu0", "gain: other"},
        {"Mismatch by size: width", "width: w", "width: wx"},
        {"Mismatch by size: length", "length: l", "length: lx"},
        {"Specification: sigma", "{sigma: 1}", "{sigma: 2}"},
        {"Spreads: of", "{of: m,", "{of: m2,"},
        {"Spreads: relative", "relative: true", "relative: false"},
        {"Spreads: long_name", "the spread", "a spread"}}},
      {R"(gaincell_bench: 1
name: statistics
draws: {points: 2, seed: 1}
models: [stat.lib]
mismatch: {library: true}
sources: {in: {net: in, dc: 1}}
elements: [M1 in in 0 0 n w=1u l=1u]
analysis: {type: op}
measurements: {m: {unit: V, value: v(in)}}
)",
       {{"Mismatch: library", "{library: true}", "{devices: {n: {a_vt: 2m}}}"}}},
      {R"(gaincell_bench: 1
name: measured
sources: {in: {net: in, dc: "{y}"}}
elements: [R1 in out 1k, R2 out 0 1k]
analysis: {type: op}
measurements: {m: {unit: V, value: v(out)}}
conditions: {y: {unit: V, typical: 1}}
spreads: {p: {of: m, deviation: true}}
)",
       {{"Spreads: deviation", "typical: 1}}\nspreads: {p: {of: m, deviation: true}}",
         "typical: 1}, z: {unit: V, count: 1, draw: {uniform: [0, 1]}}}\n"
         "draws: {points: 2, seed: 1}\nspreads: {p: {of: m, deviation: false}}"}}},
      {R"(gaincell_bench: 1
name: search
sources: {in: {net: in, dc: "{x+y}"}}
search: {over: y, unit: V, description: the threshold, minimum: 0, maximum: 1, tolerance: 1m,
         passes: m > 0.7, spec: {minimum: 0}}
elements: [R1 in out 1k, R2 out 0 1k]
parameters: {x: 1}
analysis: {type: op}
measurements: {m: {unit: V, value: v(out)}}
)",
       {{"The bench file: search", "m > 0.7", "m > 0.8"},
        {"Search: over", "dc: \"{x+y}\"}}\nsearch: {over: y", "dc: \"{x+z}\"}}\nsearch: {over: z"},
        {"Search: unit", "unit: V, description: the", "unit: \"\", description: the"},
        {"Search: description", "the threshold", "a threshold"},
        {"Search: minimum", "minimum: 0, maximum", "minimum: 0.1, maximum"},
        {"Search: maximum", "maximum: 1", "maximum: 2"},
        {"Search: tolerance", "tolerance: 1m", "tolerance: 2m"},
        {"Search: passes", "m > 0.7", "m > 0.8"},
        {"Search: spec", "spec: {minimum: 0}", "spec: {minimum: 0.1}"}}},
      {R"(gaincell_bench: 1
name: files
conditions: {a: {unit: V}}
rows: {file: rows.csv}
sources: {in: {net: in, pwl: {file: wave.csv, time: t, value: x}}}
elements: ["R1 in 0 {1k+a}"]
analysis: {type: tran, step: 1n, stop: 2n}
measurements: {m: {unit: V, value: v(in), at: 1n}}
)",
       {{"The bench file: rows", "rows.csv", "rows2.csv"},
        {"Rows from a file: file", "rows.csv", "rows2.csv"},
        {"Waveforms from a file: file", "wave.csv", "wave2.csv"},
        {"Waveforms from a file: time", "time: t", "time: u"},
        {"Waveforms from a file: value", "value: x", "value: y"}}}};
  return all;
}

// Keys that no result shows: what would be refused without them, and what is for readers of the
// bench alone.
const std::set<std::string> kShownElsewhere{
    "The bench file: gaincell_bench", "The bench file: ignored_parameters",
    "The bench file: model_folders", "Parameters: unit", "Parameters: description"};

void collect(const Block& block, std::set<std::string>& all);
void collect(const Form& form, std::set<std::string>& all) {
  if (form.block != nullptr) collect(*form.block, all);
  for (const Form& of : form.of) collect(of, all);
}
void collect(const Block& block, std::set<std::string>& all) {
  for (const Key& key : block.keys) {
    all.insert(block.title + ": " + key.name);
    collect(key.form, all);
  }
}

class WholeBench : public Keys {
 protected:
  void SetUp() override {
    const std::string two =
        "\n.subckt rc2 in out r=1k\nR1 in out {3*r*pm*ps*pc*vt}\nC1 out 0 1p\n.ends\n";
    file("rc.cir", ".subckt rc in out r=1k\nR1 in out {r*pm*ps*pc*vt}\nC1 out 0 1p\n.ends" + two);
    file("rc_other.cir",
         ".subckt rc in out r=1k\nR1 in out {2*r*pm*ps*pc*vt}\nC1 out 0 1p\n.ends" + two);
    file("m.lib", ".param vt=1 pm=1\n");
    file("m2.lib", ".param vt=1 pm=2\n");
    file("c1.lib", ".param pc=1\n");
    file("c2.lib", ".param pc=2\n");
    for (const char* name : {"s.lib", "s2.lib"})
      file(name, fmt::format(".lib tt\n.param ps={0}\n.endl\n.lib ff\n.param ps={0}0\n.endl\n",
                             std::string(name) == "s.lib" ? 1 : 2));
    file("n.lib", ".model n nmos level=1 vto=0.4\n");
    file("stat.lib", ".param vv=agauss(0.4,0.01,3)\n.model n nmos level=1 vto={vv}\n");
    file("rows.csv", "a\n1\n2\n");
    file("rows2.csv", "a\n1\n3\n");
    file("wave.csv", "t,u,x,y\n0,0,0,1\n1n,2n,1,2\n");
    file("wave2.csv", "t,u,x,y\n0,0,0,1\n1n,2n,5,2\n");
    std::filesystem::create_directory(path("elsewhere"));
  }
  std::string effect(const std::string& text) {
    const auto read = bench(text);
    return Effect(*read).text();
  }
};

TEST_F(WholeBench, EveryKeyOfEveryBlockArrives) {
  std::set<std::string> seen;
  for (const Whole& whole : wholes()) {
    const std::string text = whole.text;
    std::string before;
    try {
      before = effect(text);
    } catch (const Error& error) {
      FAIL() << error.what();
    }
    for (const auto& [key, from, to] : whole.changes) {
      const std::size_t at = text.find(from);
      ASSERT_NE(at, std::string::npos) << key << ": " << from;
      std::string changed = text;
      changed.replace(at, std::string(from).size(), to);
      try {
        EXPECT_NE(effect(changed), before) << key;
      } catch (const Error& error) {
        ADD_FAILURE() << key << ": " << error.what();
      }
      seen.insert(key);
    }
  }
  std::set<std::string> all;
  collect(bench_block(), all);
  // Those of single kinds have tests of their own, above.
  for (const MeasureKind& kind : measure_kinds()) {
    all.erase("Measurements: " + kind.name);
    for (const Key& key : kind.keys) all.erase("Measurements: " + key.name);
  }
  for (const AnalysisKind& kind : analysis_kinds()) {
    for (const Key& key : kind.keys) all.erase("Analysis: " + key.name);
  }
  for (const Key& key : sweep_block().keys) all.erase(sweep_block().title + ": " + key.name);
  for (const std::string& key : all) {
    EXPECT_TRUE(seen.contains(key) || kShownElsewhere.contains(key)) << key << " is not tried";
  }
  for (const std::string& key : seen) EXPECT_TRUE(all.contains(key)) << key << " is no key";
}

}  // namespace
}  // namespace gaincell::characterize
