// The verbs around a bench, as a user meets them: new, check, doc, characterize, replay, datasheet.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"
#include "base/store/writer.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using gaincell::testing::Outcome;
using gaincell::testing::run;
using gaincell::testing::ScratchFolder;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class BenchVerbs : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) { write_file(folder_ / name, text); }
  Outcome gaincell(std::vector<std::string> arguments) {
    return run("gaincell", arguments, folder_.path());
  }
  Outcome characterize(std::vector<std::string> more) {
    std::vector<std::string> arguments{"characterize", "-q", "--no-cache", "-j", "1", "-o", "s.h5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gaincell(arguments);
  }
  json datasheet() { return json::parse(gaincell({"datasheet", "s.h5", "--json"}).out); }
  ScratchFolder folder_;
};

std::string divider(const std::string& more = "") {
  return "gaincell_bench: 1\nname: divider\n"
         "sources: {in: {net: in, dc: \"{v_in}\"}}\n"
         "elements: [R1 in out 3k, R2 out 0 1k]\n"
         "conditions: {v_in: {unit: V, minimum: 0, maximum: 4, step: linear, points: 5}}\n"
         "analysis: {type: op}\n"
         "measurements: {v_out: {unit: V, value: v(out), spec: {minimum: 0, typical: 0.5, maximum: "
         "1.5}}}\n" +
         more;
}

TEST_F(BenchVerbs, ReferencePageIsWhatTheProgramPrints) {
  EXPECT_EQ(run("gaincell", {"doc", "bench"}).out, read_file(GAINCELL_SOURCE_DIR "/docs/bench.md"))
      << "rewrite it: gaincell doc bench > docs/bench.md";
}

TEST_F(BenchVerbs, NewCellCharacterizesCompilesAndShows) {
  ASSERT_EQ(gaincell({"new", "cell", "my_cell"}).exit_code, 0);
  const Outcome check = gaincell({"check", "my_cell/read_current.yaml", "my_cell/retention.yaml"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  EXPECT_THAT(check.out, Not(HasSubstr("warning")));
  const Outcome made = characterize({"my_cell/read_current.yaml", "my_cell/retention.yaml"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const Outcome compiled = gaincell({"compile", "s.h5", "-o", "d.h5"});
  ASSERT_EQ(compiled.exit_code, 0) << compiled.out << compiled.err;
  EXPECT_THAT(gaincell({"show", "d.h5"}).out,
              AllOf(HasSubstr("cell_static_current"), HasSubstr("cell_retention")));
  const Outcome again = gaincell({"new", "cell", "my_cell"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("exists already"));
}

TEST_F(BenchVerbs, StrangersCellNeedsTwoFilesOutsideTheRepository) {
  write("inverter.cir",
        ".model mine_n nmos level=1 vto=0.5 kp=200u lambda=0.05\n"
        ".model mine_p pmos level=1 vto=-0.5 kp=80u lambda=0.05\n"
        ".subckt cell store line supply\nmn line store 0 0 mine_n w=1u l=1u\n"
        "mp line store supply supply mine_p w=2.5u l=1u\n.ends\n");
  write("inverter.yaml",
        "gaincell_bench: 1\nname: mine\ncircuit: {netlist: inverter.cir, subcircuit: cell}\n"
        "conditions:\n"
        "  v_store: {unit: V, minimum: 0.7, maximum: 1.1, step: linear, points: 41}\n"
        "sources:\n  supply: {net: supply, dc: 1.8}\n  line: {net: line, dc: 0.9}\n"
        "  store: {net: store, dc: 0}\n"
        "analysis: {type: dc, sweeps: [{source: store, condition: v_store}]}\n"
        "measurements: {current: {unit: A, value: \"-i(line)\"}}\n"
        "tables: {my_current: {of: current, over: [v_store], interpolation: cubic, limit: "
        "{max_percent: 1}}}\nholdout: {points: 10, seed: 1}\n");
  const Outcome made = characterize({"inverter.yaml"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const Outcome compiled = gaincell({"compile", "s.h5", "-o", "d.h5"});
  ASSERT_EQ(compiled.exit_code, 0) << compiled.out << compiled.err;
  const Outcome shown = gaincell({"show", "d.h5"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.out, HasSubstr("my_current"));
}

// A cell of two models, whose axis and constants follow the supply; `holdout` as in a bench.
class DeviceVerbs : public BenchVerbs {
 protected:
  void write_cell(const std::string& holdout) {
    std::filesystem::create_directory(folder_ / "cell");
    for (const auto& [name, kp] : {std::pair{"slow", "100u"}, {"typical", "200u"}})
      write(std::string("cell/") + name + ".inc",
            std::string(".model mine_n nmos level=1 vto=0.3 lambda=0.05 kp=") + kp + "\n");
    write("cell/cell.cir", ".subckt cell line store\nmn line store 0 0 mine_n w=1u l=1u\n.ends\n");
    write("cell/current.yaml",
          "gaincell_bench: 1\nname: mine\ncircuit: {netlist: cell.cir, subcircuit: cell}\n"
          "corners: {slow: [slow.inc], typical: [typical.inc]}\n"
          "conditions:\n  corner: {typical: typical}\n"
          "  v_store: {unit: V, minimum: \"{v_dd/2}\", maximum: \"{v_dd}\", step: linear, "
          "points: 9}\n"
          "  v_dd: {unit: V, typical: 1}\n  temperature: {unit: degC, typical: 27}\n"
          "sources:\n  line: {net: line, dc: \"{v_dd}\"}\n  store: {net: store, dc: 0}\n"
          "analysis: {type: dc, sweeps: [{source: store, condition: v_store}]}\n"
          "measurements: {current: {unit: A, value: \"-i(line)\"}}\n"
          "tables: {my_current: {of: current, over: [v_store], interpolation: linear}}\n"
          "constants: {v_top: {value: \"{v_dd}\", unit: V}}\nholdout: " +
              holdout + "\n");
  }
  Outcome device(std::vector<std::string> more) {
    std::vector<std::string> arguments{"device", "cell", "-o", "d.h5", "-q", "--cache", "cache"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gaincell(arguments);
  }
  nlohmann::json json_of(std::vector<std::string> arguments) {
    return nlohmann::json::parse(gaincell(std::move(arguments)).out);
  }
};

TEST_F(DeviceVerbs, EveryBenchThatMakesADeviceStandsAtAnyCorner) {
  for (const char* cell : {"gain_cell_a", "gain_cell_b", "gain_cell_c"}) {
    std::vector<std::string> arguments{"characterize"};
    for (const std::string& circuit :
         {std::string(cell), std::string("converter_relu"), std::string("converter_signed")})
      for (const auto& file : std::filesystem::directory_iterator(std::string(GAINCELL_SOURCE_DIR) +
                                                                  "/netlists/" + circuit))
        if (file.path().extension() == ".yaml") arguments.push_back(file.path().string());
    arguments.insert(arguments.end(),
                     {"--dry-run", "--at", "corner=slow,temperature=-40,v_dd=0.81"});
    const Outcome planned = gaincell(arguments);
    EXPECT_EQ(planned.exit_code, 0) << cell << ": " << planned.err;
  }
}

TEST_F(DeviceVerbs, AnAxisGetsValuesWhereItsTableMissesTheLimit) {
  std::filesystem::create_directory(folder_ / "cell");
  write("cell/cell.cir",
        ".subckt cell line store\nmn line store 0 0 mine_n w=1u l=1u\n"
        ".model mine_n nmos level=1 vto=0.3 kp=200u\n.ends\n");
  write("cell/current.yaml",
        "gaincell_bench: 1\nname: mine\ncircuit: {netlist: cell.cir, subcircuit: cell}\n"
        "conditions: {v: {unit: V, minimum: 0, maximum: 1, step: linear, points: 5}}\n"
        "sources: {line: {net: line, dc: 1}, store: {net: store, dc: \"{v}\"}}\n"
        "analysis: {type: op}\nmeasurements: {current: {unit: A, value: \"-i(line)\"}}\n"
        "tables: {my_current: {of: current, over: [v], interpolation: linear, limit: "
        "{max_percent: 0.2}}}\nholdout: {points: 60, seed: 3}\n");
  const nlohmann::json made =
      json_of({"device", "cell", "-o", "d.h5", "--cache", "cache", "--json"});
  ASSERT_TRUE(made["ok"]) << made;
  const auto added = made["devices"][0]["added_nodes"]["mine.v"].get<std::vector<double>>();
  // Below the threshold the current is zero, and nothing is missing.
  EXPECT_GE(added.size(), 5u);
  EXPECT_GE(added.front(), 0.25);
  EXPECT_LE(made["devices"][0]["tables"]["my_current"]["error_max_percent"], 0.2);
  // The points are those of the refined axis wherever the samples are read again.
  const Outcome again = gaincell(
      {"replay", "d.samples.h5", "--at", fmt::format("v={}", added.front()), "-o", "point"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(gaincell({"verify", "d.h5", "--points", "20", "-j", "1"}).exit_code, 0);
  // Once more from the cache: the same bytes.
  ASSERT_EQ(gaincell({"device", "cell", "-o", "e.h5", "-q", "--cache", "cache"}).exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "d.h5"), read_file(folder_ / "e.h5"));
}

TEST_F(DeviceVerbs, RefiningTakesFewerSimulationsToTheSameLimit) {
  write("cell.cir",
        ".subckt cell line store\nmn line store 0 0 mine_n w=1u l=1u\n"
        ".model mine_n nmos level=1 vto=0.3 kp=200u lambda=0.1\n.ends\n");
  const std::string bench =
      "gaincell_bench: 1\nname: mine\ncircuit: {netlist: cell.cir, subcircuit: cell}\n"
      "conditions:\n  v: {unit: V, minimum: 0, maximum: 1, step: linear, points: 33}\n"
      "  u: {unit: V, minimum: 0, maximum: 1, step: linear, points: 33}\n"
      "sources: {line: {net: line, dc: \"{u}\"}, store: {net: store, dc: \"{v}\"}}\n"
      "analysis: {type: op}\nmeasurements: {current: {unit: A, value: \"-i(line)\"}}\n";
  const std::string tables =
      "tables: {my_current: {of: current, over: [v, u], interpolation: linear, limit: "
      "{max_percent: 1}}}\nholdout: {points: 60, seed: 3}\n";
  write("current.yaml", bench + tables);
  const std::vector<std::string> all{"current.yaml", "-o", "m.h5", "--cache", "cache", "--json"};
  const auto made_by = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"characterize"};
    arguments.insert(arguments.end(), all.begin(), all.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gaincell(arguments);
  };
  const Outcome refined = made_by({"--refine"});
  ASSERT_EQ(refined.exit_code, 0) << refined.out << refined.err;
  const std::size_t at = refined.out.find("{\"event\":\"refined\"");
  ASSERT_NE(at, std::string::npos) << refined.out;
  const nlohmann::json last = nlohmann::json::parse(refined.out.substr(at))["refinement"];
  EXPECT_EQ(last["simulations_of_all_values"], 33 * 33 + 60);
  const auto nodes = last["axes"]["mine.v"].get<std::vector<double>>();
  EXPECT_LT(nodes.size() * last["axes"]["mine.u"].size(), 33 * 33 / 2);
  // A value at a time, after ten of each to begin with.
  EXPECT_EQ(last["rounds"], 1 + (nodes.size() - 10) + (last["axes"]["mine.u"].size() - 10));
  const Outcome compiled = gaincell({"compile", "m.h5", "-o", "d.h5", "--json"});
  ASSERT_EQ(compiled.exit_code, 0) << compiled.out << compiled.err;
  const nlohmann::json table = nlohmann::json::parse(compiled.out)["tables"]["my_current"];
  EXPECT_EQ(table["points"], nodes.size() * last["axes"]["mine.u"].size());
  // Tested where the whole grid is.
  EXPECT_EQ(table["holdout_points"], 60);
  // What is read again is the refined one.
  EXPECT_EQ(
      gaincell({"replay", "m.h5", "--at", fmt::format("v={},u=1", nodes[1]), "-o", "p"}).exit_code,
      0);
  // Once more from the cache: the same bytes.
  const std::string bytes = read_file(folder_ / "m.h5");
  ASSERT_EQ(made_by({"--refine"}).exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "m.h5"), bytes);

  EXPECT_THAT(made_by({"--refine", "--filter", "v=0..0.5"}).err,
              HasSubstr("--filter takes a part of it"));
  EXPECT_THAT(made_by({"--refine", "--shard", "1/2"}).err, HasSubstr("--shard takes a part of it"));
  write("current.yaml", bench + "tables: {my_current: {of: current, over: [v, u]}}\n");
  const Outcome unlimited = made_by({"--refine"});
  EXPECT_EQ(unlimited.exit_code, 2);
  EXPECT_THAT(unlimited.err, HasSubstr("give the tables a limit"));
}

TEST_F(DeviceVerbs, OneCommandMakesADeviceWhoseAxesFollowTheSupply) {
  write_cell("{points: 30, seed: 1, working: {v_store: [0.8, 0.9]}}");
  const Outcome usual = device({});
  ASSERT_EQ(usual.exit_code, 0) << usual.out << usual.err;
  const nlohmann::json typical = json_of({"show", "d.h5", "--json"});
  const Outcome low = device({"--at", "corner=slow,v_dd=0.95,temperature=-40"});
  ASSERT_EQ(low.exit_code, 0) << low.out << low.err;
  const nlohmann::json slow = json_of({"show", "d.h5", "--json"});
  EXPECT_EQ(typical["conditions"]["corner"], "typical");
  EXPECT_EQ(slow["conditions"]["corner"], "slow");
  EXPECT_EQ(slow["conditions"]["temperature"]["value"], -40);
  EXPECT_EQ(slow["conditions"]["v_dd"]["value"], 0.95);
  EXPECT_EQ(slow["constants"]["v_top"]["value"], 0.95);
  EXPECT_EQ(slow["tables"]["my_current"]["axes"][0]["to"], 0.95);
  EXPECT_EQ(slow["tables"]["my_current"]["axes"][0]["from"], 0.95 / 2);
  // Half the transconductance, and 0.65 in place of 0.7 V above threshold at the top.
  EXPECT_LT(slow["tables"]["my_current"]["maximum"].get<double>(),
            0.75 * typical["tables"]["my_current"]["maximum"].get<double>());
  EXPECT_GT(slow["tables"]["my_current"]["working_points"], 10);
  EXPECT_THAT(gaincell({"show", "d.h5"}).out,
              AllOf(HasSubstr("at corner slow, temperature -40 degC, v_dd 0.95 V"),
                    HasSubstr("in the working range")));
}

TEST_F(DeviceVerbs, SeveralConditionsMakeAFamilyAndTheCacheKnowsThem) {
  write_cell("{points: 3, seed: 1}");
  const Outcome made = device({"--at", "corner=slow,v_dd=0.9", "--at", "corner=typical,v_dd=1.1"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  EXPECT_EQ(json_of({"show", "d_slow_0.9.h5", "--json"})["conditions"]["corner"], "slow");
  EXPECT_EQ(json_of({"show", "d_typical_1.1.h5", "--json"})["constants"]["v_top"]["value"], 1.1);
  const nlohmann::json again = json_of({"device", "cell", "-o", "e.h5", "--cache", "cache",
                                        "--json", "--at", "corner=slow,v_dd=0.9"});
  EXPECT_EQ(again["devices"][0]["from_cache"], again["devices"][0]["simulations"]);
}

TEST_F(DeviceVerbs, AConditionThatABenchCannotHonourIsRefused) {
  write_cell("{points: 3, seed: 1}");
  for (const auto& [at, what] : {std::pair{"v_gg=1", "is no condition of"},
                                 {"corner=fast", "this bench has no such corner"},
                                 {"v_store=0.6", "is swept by this bench"},
                                 {"v_dd=1,v_dd=2", "is given twice"},
                                 {"v_dd", "is not CONDITION=VALUE"},
                                 {"v_dd=1 A", "V"},
                                 {"temperature=-400", "above -273.15"},
                                 {"temperature=-273.15", "above -273.15"},
                                 {"temperature=1e99", "at most 1000 degC"}}) {
    const Outcome refused = device({"--at", at});
    EXPECT_EQ(refused.exit_code, 2) << at << refused.out;
    EXPECT_THAT(refused.err, HasSubstr(what)) << at;
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path().filename(), "cell");
}

TEST_F(DeviceVerbs, FreshSimulationsAgreeWithAnHonestTableAndNotWithALuckyOne) {
  write_cell("{points: 30, seed: 1}");
  ASSERT_EQ(device({"--at", "corner=slow"}).exit_code, 0);
  // Nothing but the file is needed.
  std::filesystem::rename(folder_ / "cell", folder_ / "elsewhere");
  const Outcome honest = gaincell({"verify", "d.h5", "--points", "20", "--seed", "4", "--json"});
  EXPECT_EQ(honest.exit_code, 0) << honest.out << honest.err;
  const nlohmann::json table = nlohmann::json::parse(honest.out)["tables"]["my_current"];
  EXPECT_EQ(table["points"], 20);
  EXPECT_EQ(table["drawn"]["range"]["points"], 10);
  // A straight line between nodes of a parabola, 62.5 mV apart: k/2 h^2/4 at most.
  const double chord = 0.5 * 100e-6 * (1 + 0.05) * 0.0625 * 0.0625 / 4;
  EXPECT_LE(table["found_max_abs"].get<double>(), 1.01 * chord);
  EXPECT_GE(table["found_max_abs"].get<double>(), 0.7 * chord);
  EXPECT_LE(table["stated_max_abs"].get<double>(), 1.01 * chord);
  std::filesystem::rename(folder_ / "elsewhere", folder_ / "cell");
  write_cell("{points: 1, seed: 1}");  // 5 of 102 nA
  ASSERT_EQ(device({}).exit_code, 0);
  const Outcome lucky = gaincell({"verify", "d.h5", "--points", "20", "--seed", "4"});
  EXPECT_EQ(lucky.exit_code, 1) << lucky.out;
  EXPECT_THAT(lucky.out, HasSubstr("beyond 1.5 x stated"));
}

TEST_F(DeviceVerbs, TablesThatNoSimulationAloneCanDoubtAreLeftOutAndSaidSo) {
  std::filesystem::create_directory(folder_ / "cell");
  write("cell/threshold.yaml",
        "gaincell_bench: 1\nname: threshold\n"
        "conditions: {v_t: {unit: V, enumerate: [0.2, 0.4, 0.6]}}\n"
        "search: {over: v_in, unit: V, minimum: 0, maximum: 1, tolerance: 1m, passes: y > v_t}\n"
        "sources: {in: {net: in, dc: \"{v_in}\"}}\nelements: [R1 in 0 1k]\n"
        "analysis: {type: op}\nmeasurements: {y: {unit: V, value: v(in)}}\n"
        "tables: {threshold: {of: v_in, over: [v_t], interpolation: linear}}\n");
  ASSERT_EQ(device({}).exit_code, 0);
  const Outcome none = gaincell({"verify", "d.h5", "--points", "3", "--json"});
  EXPECT_EQ(none.exit_code, 1) << none.out << none.err;
  EXPECT_EQ(nlohmann::json::parse(none.out)["left_out"]["threshold"],
            "bench threshold has a search");
  EXPECT_THAT(gaincell({"verify", "d.h5"}).out, HasSubstr("left out: threshold: bench"));
}

TEST_F(DeviceVerbs, SamplesOfAFamilyStayApartWhateverItsFilesEndIn) {
  write_cell("{points: 3, seed: 1}");
  const Outcome made = gaincell(
      {"device", "cell", "-o", "d", "-q", "--no-cache", "--at", "v_dd=0.91", "--at", "v_dd=0.95"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  for (const auto& [name, top] : {std::pair{"d_0.91", 0.91}, {"d_0.95", 0.95}}) {
    EXPECT_EQ(json_of({"show", name, "--json"})["constants"]["v_top"]["value"], top);
    EXPECT_TRUE(std::filesystem::exists(folder_ / (std::string(name) + ".samples.h5")));
  }
}

TEST_F(DeviceVerbs, WhatNetlistsMayDoHoldsForBenchesThatAFolderNames) {
  write_cell("{points: 3, seed: 1}");
  write("cell/cell.cir", read_file(folder_ / "cell/cell.cir") + ".control\nset noaskquit\n.endc\n");
  EXPECT_EQ(device({}).exit_code, 2);
  const Outcome allowed = device({"--allow", "control"});
  EXPECT_EQ(allowed.exit_code, 0) << allowed.out << allowed.err;
}

TEST_F(DeviceVerbs, ANumberOfNoSignThatHasOneIsRefused) {
  for (const char* seed : {"-1", "18446744073709551616", "1.5", "0x1p3"}) {
    const Outcome refused = gaincell({"verify", "d.h5", "--seed", seed});
    EXPECT_EQ(refused.exit_code, 2) << seed;
    EXPECT_THAT(refused.err, HasSubstr("is no whole number from 0 to")) << seed;
  }
}

TEST_F(DeviceVerbs, AnImportedDeviceHasNothingToVerify) {
  ASSERT_EQ(gaincell({"import", "published", "-o", "p.h5"}).exit_code, 0);
  const Outcome refused = gaincell({"verify", "p.h5"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("holds no bench"));
}

TEST_F(BenchVerbs, MissedSpecificationFailsAfterTheFileIsWritten) {
  write("b.yaml", divider());
  const Outcome good = characterize({"b.yaml"});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  std::string text = divider();
  text.replace(text.find("maximum: 1.5"), 12, "maximum: 0.9");
  write("b.yaml", text);
  const Outcome bad = characterize({"b.yaml", "--datasheet", "page.md"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.out, HasSubstr("specification missed: divider.v_out: maximum 1 V > 900 mV"));
  const std::string page = read_file(folder_ / "page.md");
  EXPECT_THAT(page, HasSubstr(">= 0 V, typ 500 mV, <= 900 mV"));
  EXPECT_THAT(page, HasSubstr("fail |"));
  const Outcome sheet = gaincell({"datasheet", "s.h5"});
  EXPECT_EQ(sheet.exit_code, 1);
  EXPECT_EQ(sheet.out, page);
}

TEST_F(BenchVerbs, DatasheetHoldsFullPrecisionAndSpread) {
  write(
      "b.yaml",
      "gaincell_bench: 1\nname: drawn\nconditions: {r: {unit: Ohm, count: 1, draw: {uniform: [1k, "
      "2k]}}}\ndraws: {points: 50, seed: 2}\nsources: {in: {net: in, dc: 1}}\n"
      "elements: [\"R1 in 0 {r[0]}\"]\nanalysis: {type: op}\n"
      "measurements: {ohms: {unit: Ohm, formula: \"-1/amps\"}}\n");
  std::string text = read_file(folder_ / "b.yaml");
  text.replace(text.find("{ohms:"), 6, "{amps: {unit: A, value: i(in)}, ohms:");
  write("b.yaml", text);
  ASSERT_EQ(characterize({"b.yaml"}).exit_code, 0);
  const std::string page = gaincell({"datasheet", "s.h5"}).out;
  EXPECT_THAT(page, HasSubstr("Spread over 50 draws"));
  const json ohms = datasheet()["benches"]["drawn"]["measurements"]["ohms"];
  EXPECT_NEAR(ohms["mean"], 1500, 150);
  EXPECT_NEAR(ohms["sigma"], 1e3 / std::sqrt(12.0), 60);
  // People read four digits of it, programs all.
  EXPECT_THAT(
      page.substr(page.find("| ohms", page.find("Spread"))),
      StartsWith(fmt::format("| ohms      | {:.4g} kOhm", ohms["mean"].get<double>() / 1e3)));
  ASSERT_EQ(gaincell({"datasheet", "s.h5", "-o", "d.csv"}).exit_code, 0);
  EXPECT_THAT(read_file(folder_ / "d.csv"),
              HasSubstr("," + ohms["mean"].dump() + "," + ohms["sigma"].dump() + ","));
  ASSERT_EQ(gaincell({"datasheet", "s.h5", "-o", "d.json"}).exit_code, 0);
  EXPECT_EQ(json::parse(read_file(folder_ / "d.json")), datasheet());
}

TEST_F(BenchVerbs, DryRunAndFilterSayWhatWouldRun) {
  write("b.yaml", divider("holdout: {points: 3, seed: 1}\n"));
  const Outcome dry = characterize({"b.yaml", "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0);
  EXPECT_THAT(dry.out, HasSubstr("divider: 8 points (3 hold-out) in 8 simulations"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "s.h5"));
  EXPECT_THAT(characterize({"b.yaml", "--dry-run", "--filter", "v_in=1..2"}).out,
              HasSubstr("5 points (3 hold-out)"));
  const Outcome wrong = characterize({"b.yaml", "--filter", "v_im=1"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("no bench of this run has such a condition"));
}

TEST_F(BenchVerbs, FilterMayLeaveOneValueOfANestedSweep) {
  const std::string text =
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, minimum: 0, maximum: 2, step: linear, points: 3}\n"
      "  b: {unit: V, enumerate: [0.3, 0.5, 0.9]}\n"
      "sources: {a: {net: a, dc: 0}, b: {net: b, dc: 0}}\nelements: [R1 a b 1k]\n"
      "analysis: {type: dc, sweeps: [{source: b, condition: b}, {source: a, condition: a}]}\n"
      "measurements: {current: {unit: A, value: i(b)}}\n";
  write("b.yaml", text);
  const std::vector<std::vector<std::string>> filters{
      {"b=0.9"}, {"a=1"}, {"a=1", "b=0.3"}, {"b=0.3,0.9"}};
  for (const auto& some : filters) {
    std::vector<std::string> arguments{"b.yaml"};
    for (const std::string& one : some) {
      arguments.push_back("--filter");
      arguments.push_back(one);
    }
    const Outcome made = characterize(arguments);
    EXPECT_EQ(made.exit_code, 0) << some[0] << made.out << made.err;
  }
  // (1 - 0.3) / 1k
  characterize({"b.yaml", "--filter", "a=1", "--filter", "b=0.3"});
  EXPECT_THAT(gaincell({"datasheet", "s.h5"}).out, HasSubstr("| 700 u"));
}

TEST_F(BenchVerbs, CheckFindsWhatIsProbablyNotMeant) {
  write("b.yaml", divider("parameters: {spare: 3}\n"));
  const Outcome check = gaincell({"check", "b.yaml"});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  EXPECT_THAT(check.out, AllOf(HasSubstr("warning: parameters.spare: nothing uses it"),
                               HasSubstr("s of one simulator")));
  write("b.yaml",
        "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}, b: {net: a, dc: 2}}\n"
        "elements: [R1 a 0 1k]\nanalysis: {type: op}\n"
        "measurements: {v: {unit: V, value: v(a)}}\n");
  const Outcome failing = gaincell({"check", "b.yaml"});
  EXPECT_EQ(failing.exit_code, 1);
  EXPECT_THAT(failing.out, HasSubstr("probe failed: x: "));
  std::string text = divider();
  text.replace(text.find("value: v(out)"), 13, "value: v(uot)");
  text.replace(text.find("v_in: {unit: V"), 14, "v_in: {unit: volt");
  write("b.yaml", text);
  const Outcome misspelt = gaincell({"check", "b.yaml"});
  EXPECT_EQ(misspelt.exit_code, 2);
  EXPECT_THAT(misspelt.err, HasSubstr("the net `uot` is not in the circuit; did you mean `out`?"));
  text = divider();
  text.replace(text.find("v_in: {unit: V"), 14, "v_in: {unit: volt");
  write("b.yaml", text);
  EXPECT_THAT(gaincell({"check", "b.yaml"}).out,
              HasSubstr("warning: conditions.v_in.unit: `volt` is no unit that is known"));
}

TEST_F(BenchVerbs, CheckSaysWhereNoHoldOutPointLies) {
  const std::string bench =
      "gaincell_bench: 1\nname: r\nconditions: {v: {unit: V, minimum: 0, maximum: 1, step: linear, "
      "points: 41}}\nsources: {a: {net: a, dc: \"{v}\"}}\nelements: [R1 a 0 1k]\n"
      "analysis: {type: op}\nmeasurements: {current: {unit: A, value: -i(a)}}\n"
      "tables: {t: {of: current, over: [v]}}\nholdout: {points: ";
  write("b.yaml", bench + "40, seed: 1}\n");
  EXPECT_THAT(gaincell({"check", "b.yaml", "--probes", "0"}).out,
              HasSubstr("of the 40 intervals of `v` have no hold-out point"));
  write("b.yaml", bench + "160, seed: 1}\n");
  EXPECT_THAT(gaincell({"check", "b.yaml", "--probes", "0"}).out, Not(HasSubstr("warning")));
}

TEST_F(BenchVerbs, CheckNamesMeasurementsThatFailInItsProbes) {
  write(
      "b.yaml",
      "gaincell_bench: 1\nname: rc\nconditions: {v: {unit: V, enumerate: [1, 3]}}\n"
      "sources: {in: {net: in, pulse: {initial: 0, pulsed: \"{v}\", delay: 1n, rise: 1p, fall: 1p, "
      "width: 1}}}\nelements: [R1 in out 1k, C1 out 0 1p]\n"
      "analysis: {type: tran, step: 10p, stop: 20n, options: {chgtol: 1e-17}}\n"
      "measurements:\n  end: {unit: V, value: v(out)}\n"
      "  up: {unit: s, crossing: v(out), level: 2}\n"
      "  late: {unit: s, formula: up - 1n}\n");
  const Outcome check = gaincell({"check", "b.yaml"});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.out, AllOf(HasSubstr("probe failed: rc: v=1: up: "), HasSubstr("late: "),
                               Not(HasSubstr("v = 3 V")), Not(HasSubstr("end: "))));
}

TEST_F(BenchVerbs, WarningsAreSaidBeforeACampaignToo) {
  write("b.yaml", divider("parameters: {spare: 3}\n"));
  EXPECT_THAT(characterize({"b.yaml"}).err,
              HasSubstr("warning: divider: parameters.spare: nothing uses it"));
  EXPECT_THAT(characterize({"b.yaml", "--json"}).out,
              HasSubstr("{\"event\":\"warning\",\"bench\":\"divider\""));
  write("b.yaml", divider());
  EXPECT_EQ(characterize({"b.yaml"}).err, "");
}

// A samples file that somebody else made holds a bench and a netlist: texts like any other.
class ForeignSamples : public BenchVerbs {
 protected:
  Outcome replay(const std::string& bench, const std::string& netlist) {
    store::Writer writer(folder_ / "foreign.h5");
    store::Group root = writer.root();
    root.attribute("gaincell_format", "samples").attribute("format_version", 1);
    root.group("benches")
        .group("divider")
        .attribute("bench_text", bench)
        .attribute("netlist_text", netlist);
    writer.commit();
    return gaincell({"replay", "foreign.h5", "--point", "0", "-o", "r"});
  }
  static std::string replaced(std::string text, const std::string& what, const std::string& by) {
    return text.replace(text.find(what), what.size(), by);
  }
};

TEST_F(ForeignSamples, WriteNoDeckAndPrintNoCommandThatRunsMoreThanACircuit) {
  const std::vector<std::pair<std::string, std::string>> attacks{
      {"net: in", "net: \"in 0 1\\n.control\\nshell touch pwned\\n.endc\\nvzz n1\""},
      {"net: in", "count: 1, net: \"n{i} 0 1\\n*#shell touch pwned\\nvzz n1\""},
      {"R1 in out 3k", "\"R1 in out 3k\\n*#shell touch pwned\""},
      {"R1 in out 3k", "\".control\""},
      {"name: divider", "name: \"x; touch pwned\""},
      {"name: divider", "name: ../../x"},
      {"type: op", "type: op, options: {gmin: \"1\\n*#shell touch pwned\"}"},
      {"type: op", "type: op, options: {shell: 1}"},
      {"analysis: {type: op}", "analyses: {\"../x\": {type: op}}"},
      {"analysis: {type: op}", "analysis: {type: op}\nngbehavior: \"hs\\nshell touch pwned\""},
      {"analysis: {type: op}",
       "analysis: {type: op}\nstarting_guesses: {\"out)=0\\n*#shell touch pwned\": 0}"},
  };
  for (const auto& [what, by] : attacks) {
    const Outcome refused = replay(replaced(divider(), what, by), "");
    EXPECT_EQ(refused.exit_code, 2) << by << refused.out;
    EXPECT_EQ(refused.out, "") << by;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "r")) << by;
  }
  for (const char* netlist :
       {".control\nshell touch pwned\n.endc\n", ".include /etc/passwd\n", ".op\n", "R1 a 0 1k\n"}) {
    const Outcome refused = replay(divider(), netlist);
    EXPECT_EQ(refused.exit_code, 2) << netlist << refused.out;
    EXPECT_EQ(refused.out, "") << netlist;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "pwned"));
}

TEST_F(BenchVerbs, ReplayLeavesAFolderOfTheUsersAlone) {
  write("b.yaml", divider());
  characterize({"b.yaml"});
  const auto replay = [this](const std::string& folder) {
    return gaincell({"replay", "s.h5", "--point", "0", "-o", folder});
  };
  EXPECT_THAT(replay("r").out, HasSubstr("cd r && ngspice -b"));
  EXPECT_EQ(replay("r").exit_code, 0);  // its own it may replace
  write("r/.spiceinit", "set mine\n");
  const Outcome refused = replay("r");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("holds what `gaincell replay` did not write"));
  EXPECT_EQ(read_file(folder_ / "r/.spiceinit"), "set mine\n");
  EXPECT_THAT(replay("a b; c").out, HasSubstr("cd 'a b; c' && ngspice"));
}

// The vectors of a binary raw file, by name.
std::map<std::string, std::vector<double>> read_raw(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::istringstream head(bytes.substr(0, bytes.find("Binary:\n")));
  std::vector<std::string> names;
  std::size_t points = 0;
  bool variables = false;
  for (std::string line; std::getline(head, line);) {
    if (line.starts_with("No. Points:")) points = std::stoul(line.substr(11));
    if (variables) {
      std::istringstream words(line);
      std::string number, name;
      words >> number >> name;
      names.push_back(name);
    }
    if (line.starts_with("Variables:")) variables = true;
  }
  std::map<std::string, std::vector<double>> vectors;
  const char* at = bytes.data() + bytes.find("Binary:\n") + 8;
  for (std::size_t point = 0; point < points; ++point) {
    for (const std::string& name : names) {
      double value = 0;
      std::memcpy(&value, at, sizeof value);
      at += sizeof value;
      vectors[name].push_back(value);
    }
  }
  return vectors;
}

std::vector<std::vector<double>> read_csv(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::vector<std::vector<double>> columns;
  while (std::getline(in, line)) {
    std::istringstream cells(line);
    std::size_t column = 0;
    for (std::string one; std::getline(cells, one, ',');) {
      if (columns.size() <= column) columns.emplace_back();
      columns[column++].push_back(std::strtod(one.c_str(), nullptr));
    }
  }
  return columns;
}

TEST_F(BenchVerbs, ReplayedDeckGivesTheSameNumbersInPlainNgspice) {
  write("m.inc",
        ".model n nmos level=14 version=4.8.2 vth0=0.4\n"
        ".subckt inv a y vdd\nmn y a 0 0 n w=1u l=0.2u\nrl vdd y 20k\ncl y 0 5f\n.ends\n");
  write(
      "b.yaml",
      "gaincell_bench: 1\nname: inv\nmodels: [m.inc]\ncircuit: {subcircuit: inv}\nngbehavior: hs\n"
      "conditions: {w: {unit: s, enumerate: [1n, 2n, 3n]}, v_dd: {unit: V, typical: 1}}\n"
      "draws: {points: 4, seed: 5}\nmismatch: {devices: {n: {a_vt: 5m}}}\n"
      "sources:\n  vdd: {net: vdd, dc: \"{v_dd}\"}\n"
      "  a: {net: a, pulse: {initial: 0, pulsed: 1, delay: 1n, rise: 50p, fall: 50p, width: "
      "\"{w}\"}}\n"
      "analysis: {type: tran, step: 20p, stop: 6n, options: {chgtol: 1e-17}}\n"
      "measurements: {delay: {unit: s, delay: v(y), level: 0.5, after: v(a)}, q: {unit: C, charge: "
      "vdd}}\n");
  ASSERT_EQ(characterize({"b.yaml"}).exit_code, 0);
  // What the files say now is of no consequence: the samples hold all that a replay needs.
  std::filesystem::remove(folder_ / "m.inc");
  const Outcome replayed = gaincell({"replay", "s.h5", "--point", "6", "-o", "r"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.out << replayed.err;
  EXPECT_THAT(read_file(folder_ / "r/tran.log"), HasSubstr("No. of Data Rows"));
  EXPECT_THAT(read_file(folder_ / "r/.spiceinit"), HasSubstr("ngbehavior=hs"));
  const Outcome plain = run("/usr/bin/ngspice", {"-b", "-r", "out.raw", "tran.cir"}, folder_ / "r");
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  auto raw = read_raw(folder_ / "r/out.raw");
  const auto columns = read_csv(folder_ / "r/tran.csv");
  ASSERT_EQ(columns.size(), 4u);  // time, v(y), v(a), -(i(vvdd))
  // The simulator's last step ends a rounding beyond the stop, where the run is cut off.
  raw["time"].back() = std::min(raw["time"].back(), 6e-9);
  EXPECT_EQ(columns[0], raw["time"]);
  EXPECT_EQ(columns[1], raw["v(y)"]);
  EXPECT_EQ(columns[2], raw["v(a)"]);
  for (double& value : raw["i(vvdd)"]) value = -value;
  EXPECT_EQ(columns[3], raw["i(vvdd)"]);
  EXPECT_EQ(gaincell({"replay", "s.h5", "--point", "12"}).exit_code, 2);
}

// A library as SkyWater's are: sections that include folders of cells, corners' parameters in
// front, a subcircuit for each device with its own .param line, cards binned by size, mismatch
// behind a switch, and far more than a circuit needs.
class BinnedLibrary : public BenchVerbs {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "pdk/corners");
    std::filesystem::create_directories(folder_ / "pdk/cells/nfet");
    std::string sections = "* SPICE file\n.param mc_mm_switch=0\n.param mc_pr_switch=0\n";
    for (const std::string name : {"tt", "ss", "tt_mm"})
      sections += ".lib " + name + "\n.param MC_MM_SWITCH=" + (name == "tt_mm" ? "1" : "0") +
                  "\n.param mc_pr_switch=0\n.include \"corners/" + (name == "ss" ? "ss" : "tt") +
                  ".spice\"\n.include \"all.spice\"\n.lib 'passives.lib' typical\n.endl " + name +
                  "\n";
    write("pdk/process.lib.spice", sections);
    for (const std::string corner : {"tt", "ss"})
      write("pdk/corners/" + corner + ".spice",
            ".param nfet__vth0_diff=" + std::string(corner == "ss" ? "0.08" : "0") +
                "\n.include \"../cells/nfet/nfet.pm3.spice\"\n");
    write("pdk/all.spice",
          ".option scale=1.0u\n.include \"cells/others.spice\"\n.include \"cells/more.spice\"\n");
    write("pdk/passives.lib",
          ".lib typical\n.param r_sheet=48.2\n.include \"cells/poly.spice\"\n.endl\n"
          ".lib high\n.param r_sheet=60\n.include \"cells/poly.spice\"\n.endl\n");
    write("pdk/cells/poly.spice",
          ".func squares(l,w) {l/w}\n.subckt poly a b w=1 l=1\n"
          "r1 a b {r_sheet*squares(l,w)}\n.ends poly\n");
    const std::string bins[] = {"+ lmin = 1.45e-07 lmax = 5.0e-07",
                                "+ lmin = 5.0e-07 lmax = 2.0e-06"};
    std::string device =
        ".param nfet__vth0_slope = 0.0\n.param nfet__vth0_slope = 5.0e-03\n"
        ".subckt  NFET d g s b\n+ \n.param  l = 1 w = 1 nf = 1.0\n+ mult = 1\n"
        "mnfet d g s b nfet__model l = {l} w = {w} nf = {nf} m = {mult}\n";
    for (int bin = 0; bin < 2; ++bin)
      device +=
          ".model nfet__model." + std::to_string(bin) + " nmos\n* Model Flag Parameters\n" +
          bins[bin] +
          " wmin = 4.0e-07 wmax = 1.0e-04\n+ level = 54.0\n* DC\n+ version = 4.5\n+ vth0 = {" +
          (bin == 0 ? "0.5" : "0.6") +
          "+nfet__vth0_diff+MC_MM_SWITCH*AGAUSS(0,1.0,1)*(nfet__vth0_slope/sqrt(l*w*mult))}\n";
    write("pdk/cells/nfet/nfet.pm3.spice", device + ".ends nfet\n");
    std::string others;
    for (int k = 0; k < 200; ++k)
      others += ".param other" + std::to_string(k) + "__vth0=0.4\n.subckt other" +
                std::to_string(k) +
                " d g s b\n.param l=1 w=1\nm1 d g s b m l={l} w={w}\n.model m nmos "
                "level=54 vth0={other" +
                std::to_string(k) + "__vth0}\n.ends\n";
    write("pdk/cells/others.spice", others);
    write("pdk/cells/more.spice", ".include \"others2.spice\"\n");
    write("pdk/cells/others2.spice", ".subckt late a b\nxp a b poly l=3\n.ends\n");
    write("pair.cir",
          ".subckt pair d g s\nxshort d g s 0 nfet w=1 l=0.15\nxlong d g x 0 nfet w=2 l=1 mult=2\n"
          "xr x s poly l=10\n.ends\n");
  }
  std::string bench(const std::string& corner, const std::string& more) {
    return "gaincell_bench: 1\nname: pair\ncircuit: {netlist: pair.cir, subcircuit: pair, ports: "
           "{s: "
           "\"0\"}}\ncorners: {" +
           corner + ": [{file: pdk/process.lib.spice, section: " + corner +
           "}]}\nsources: {d: {net: d, dc: 1.8}, g: {net: g, dc: 1}}\nanalysis: {type: op}\n"
           "measurements: {current: {unit: A, value: -i(d)}}\n" +
           more;
  }
  json current() { return datasheet()["benches"].front()["measurements"]["current"]; }
};

TEST_F(BinnedLibrary, CutGivesTheNumbersOfTheWhole) {
  for (const std::string corner : {"tt", "ss"}) {
    write("b.yaml", bench(corner, ""));
    const Outcome made = characterize({"b.yaml"});
    ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
    ASSERT_EQ(gaincell({"replay", "s.h5", "--point", "0", "-o", corner}).exit_code, 0);
    const std::string deck = read_file(folder_ / corner / "op.cir");
    EXPECT_THAT(deck, AllOf(HasSubstr("nfet__model.0"), HasSubstr("nfet__model.1"),
                            HasSubstr("squares"), HasSubstr("scale=1.0u")));
    EXPECT_THAT(deck, AllOf(Not(HasSubstr("other7")), Not(HasSubstr("late"))));
    write("whole.cir", "* whole\n.lib 'pdk/process.lib.spice' " + corner +
                           "\n.include pair.cir\nvd d 0 1.8\nvg g 0 1\nxdut d g 0 pair\n.control\n"
                           "set num_threads=1\nset numdgt=15\nop\nprint i(vd)\n.endc\n.end\n");
    const Outcome plain = run("/usr/bin/ngspice", {"-b", "whole.cir"}, folder_.path());
    const std::size_t at = plain.out.find("i(vd) =");
    ASSERT_NE(at, std::string::npos) << plain.out << plain.err;
    const double whole = -std::strtod(plain.out.c_str() + at + 7, nullptr);
    EXPECT_GT(whole, 1e-6);
    EXPECT_NEAR(current()["minimum"], whole, 1e-9 * whole) << corner;
  }
}

TEST_F(BinnedLibrary, ItsOwnStatisticsAreDrawnBehindTheirSwitch) {
  const std::string drawn = "draws: {points: 30, seed: 3}\nmismatch: {library: true}\n";
  write("b.yaml", bench("tt", drawn));
  ASSERT_EQ(characterize({"b.yaml"}).exit_code, 0);
  EXPECT_EQ(current()["sigma"], 0);
  write("b.yaml", bench("tt_mm", drawn));
  const Outcome made = characterize({"b.yaml"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const double mean = current()["mean"], sigma = current()["sigma"];
  EXPECT_GT(sigma, 0.002 * mean);
  EXPECT_LT(sigma, 0.2 * mean);
}

// A process that is not ours, through the same keys. The data set is no part of the project.
TEST_F(BenchVerbs, CellInAFoundryLibraryRunsOverItsCorners) {
  const std::filesystem::path pdk = GAINCELL_SOURCE_DIR "/../shared/data/pdk/gf180mcu";
  if (!std::filesystem::exists(pdk / "sm141064.ngspice"))
    GTEST_SKIP() << "the GF180MCU library is not at " << pdk;
  write("gc.cir",
        ".subckt gc wbl wwl bl en sn vdd cs=20f\nmwrite wbl wwl sn 0 nmos_3p3 w=0.3u l=0.3u\n"
        "cstore sn 0 {cs}\nmp1 bl sn vdd vdd pmos_3p3 w=0.9u l=0.6u\n"
        "mn1 xn sn 0 0 nmos_3p3 w=0.3u l=0.6u\nmread bl en xn 0 nmos_3p3 w=0.3u l=0.3u\n.ends\n");
  const std::string library = (pdk / "sm141064.ngspice").string();
  write("gc.yaml",
        "gaincell_bench: 1\nname: gf\ncircuit: {netlist: gc.cir, subcircuit: gc}\nmodels: [" +
            (pdk / "design.ngspice").string() + "]\ncorners:\n  typical: [{file: " + library +
            ", section: typical}]\n  ss: [{file: " + library +
            ", section: ss}]\n  ff: [{file: " + library + ", section: ff}]\n" +
            "library_parameters: {sw_stat_global: 0, sw_stat_mismatch: 0}\n"
            "conditions: {v_store: {unit: V, enumerate: [0, 3.3]}, temperature: {unit: degC, "
            "enumerate: [-40, 125]}}\n"
            "sources: {vdd: {net: vdd, dc: 3.3}, bl: {net: bl, dc: 1.65}, en: {net: en, dc: 3.3}, "
            "wwl: {net: wwl, dc: 0}, wbl: {net: wbl, dc: 1.65}, sn: {net: sn, dc: 0}}\n"
            "analysis: {type: dc, sweeps: [{source: sn, condition: v_store}]}\n"
            "measurements: {current: {unit: A, value: -i(bl), spec: {minimum: -500u, maximum: "
            "500u}}}\n");
  const Outcome made = characterize({"gc.yaml"});
  EXPECT_EQ(made.exit_code, 0) << made.out << made.err;
  EXPECT_THAT(made.out, HasSubstr("gf: 12 points (0 hold-out) in 6 simulations"));
  EXPECT_THAT(gaincell({"datasheet", "s.h5"}).out, HasSubstr("typical, ss, ff"));
  // Stored high, the n branch takes current out of the bitline; stored low, the p branch puts it
  // in.
  const json current = datasheet()["benches"]["gf"]["measurements"]["current"];
  EXPECT_LT(current["minimum"], -20e-6);
  EXPECT_GT(current["maximum"], 20e-6);
}

// A resistive cell and an offset that spread as Pelgrom says: A/sqrt(2 w l), here of 1 um2.
TEST_F(BenchVerbs, SpreadsBecomeConstantsOfTheDevice) {
  write("cells.inc",
        ".subckt rcell a b w=1u l=1u shift=0 gain=1\nr1 a b {1k/gain}\n.ends\n"
        ".subckt vcell a b w=1u l=1u shift=0 gain=1\nv1 a b {0.1+shift}\n.ends\n");
  const std::string bench =
      "gaincell_bench: 1\nname: spread\nmodels: [cells.inc]\n"
      "elements: [X1 a 0 rcell w=1u l=1u, X2 b 0 vcell w=1u l=1u, R9 b 0 1k]\n"
      "sources: {a: {net: a, dc: 0.5}}\nanalysis: {type: op}\n"
      "mismatch: {devices: {rcell: {a_beta: 0.02, shift: shift, gain: gain},\n"
      "                     vcell: {a_vt: 5 mV*um, shift: shift, gain: gain}}}\n"
      "measurements: {current: {unit: A, value: -i(a)}, zero: {unit: V, value: v(b)}}\n"
      "spreads: {cell_gain: {of: current, relative: true}, cell_offset_v: {of: zero}}\n";
  write("s.yaml", bench + "draws: {points: 200, seed: 5}\n");
  const Outcome made = characterize({"s.yaml"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const Outcome compiled = gaincell({"compile", "s.h5", "-o", "d.h5"});
  ASSERT_EQ(compiled.exit_code, 0) << compiled.out << compiled.err;
  EXPECT_THAT(compiled.out, HasSubstr("over 200 draws"));
  const auto shown = nlohmann::json::parse(gaincell({"show", "d.h5", "--json"}).out);
  const auto& gain = shown["constants"]["spread_cell_gain"];
  const auto& offset = shown["constants"]["spread_cell_offset_v"];
  // The standard error of a sigma from 200 draws is 5 %.
  EXPECT_NEAR(gain["value"], 0.02 / std::sqrt(2.0), 0.15 * 0.02 / std::sqrt(2.0));
  EXPECT_NEAR(offset["value"], 5e-3 / std::sqrt(2.0), 0.15 * 5e-3 / std::sqrt(2.0));
  EXPECT_EQ(gain["units"], "1");
  EXPECT_EQ(offset["units"], "V");
  EXPECT_EQ(gain["bench"], "spread");
  EXPECT_THAT(gain["long_name"], HasSubstr("over 200 draws, seed 5"));

  write("none.yaml",
        bench.substr(0, bench.find("mismatch")) + bench.substr(bench.find("measurements")));
  EXPECT_THAT(characterize({"none.yaml"}).err,
              HasSubstr("a spread is over draws, and this bench has none"));
}

// kT/C, and a deviation that `total_noise` measures becomes the device's.
TEST_F(BenchVerbs, AMeasuredDeviationBecomesAConstantOfTheDevice) {
  const std::string head =
      "gaincell_bench: 1\nname: noise\nsources: {in: {net: in, dc: 0, ac: 1}}\n"
      "elements: [R1 in out 1k, C1 out 0 1p]\n"
      "conditions: {temperature: {unit: degC, typical: 27}}\n"
      "analysis: {type: noise, start: 1, stop: 1t, points_per_decade: 50, output: v(out), source: "
      "in}\nmeasurements:\n  v: {unit: V, total_noise: onoise}\n"
      "  q: {unit: C, formula: \"v*1p\"}\n";
  write("noise.yaml", head + "spreads: {relu_noise_c: {of: q, deviation: true}}\n");
  ASSERT_EQ(characterize({"noise.yaml"}).exit_code, 0);
  const auto compiled = gaincell({"compile", "s.h5", "-o", "d.h5"});
  ASSERT_EQ(compiled.exit_code, 0) << compiled.out << compiled.err;
  const auto shown = nlohmann::json::parse(gaincell({"show", "d.h5", "--json"}).out);
  const auto& noise = shown["constants"]["spread_relu_noise_c"];
  EXPECT_NEAR(noise["value"].get<double>(), std::sqrt(1.380649e-23 * 300.15 * 1e-12), 1e-17);
  EXPECT_EQ(noise["units"], "C");
  EXPECT_THAT(noise["long_name"], HasSubstr("standard deviation, measured as q"));
  std::string two = head +
                    "draws: {points: 2, seed: 1}\n"
                    "spreads: {n: {of: q, deviation: true}}\n";
  two.replace(two.find("dc: 0"), 5, "dc: \"{z[0]}\"");
  two.replace(two.find("conditions: {"), 13,
              "conditions: {z: {unit: V, count: 1, draw: {uniform: [0, 1]}}, ");
  write("two.yaml", two);
  EXPECT_THAT(characterize({"two.yaml"}).err, HasSubstr("over the draws, and this bench has some"));
  write("relative.yaml", head + "spreads: {n: {of: q, deviation: true, relative: true}}\n");
  EXPECT_THAT(characterize({"relative.yaml"}).err, HasSubstr("has no mean beside it"));
}

TEST_F(BenchVerbs, NothingThatACampaignReadsOrDidNotMakeIsWrittenOver) {
  write("m.inc", ".model rm r rsh=1\n");
  write("c.cir", ".subckt one a\n.include inner.inc\n.ends\n");
  write("inner.inc", "r1 a 0 rm l=1k w=1\n");
  write("b.yaml",
        "gaincell_bench: 1\nname: x\ncircuit: {netlist: c.cir, subcircuit: one}\nmodels: [m.inc]\n"
        "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
        "measurements: {cur: {unit: A, value: i(a)}}\n");
  std::filesystem::create_hard_link(folder_ / "inner.inc", folder_ / "hard");
  std::filesystem::create_symlink("m.inc", folder_ / "symbolic");
  for (const std::string output : {"b.yaml", "c.cir", "inner.inc", "m.inc", "hard", "symbolic"}) {
    const std::string before = read_file(folder_ / output);
    const Outcome outcome = gaincell({"characterize", "-q", "--no-cache", "b.yaml", "-o", output});
    EXPECT_EQ(outcome.exit_code, 2) << output << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr("would replace")) << output;
    EXPECT_EQ(read_file(folder_ / output), before);
  }
  EXPECT_EQ(characterize({"b.yaml", "--datasheet", "b.yaml"}).exit_code, 2);
  EXPECT_THAT(read_file(folder_ / "b.yaml"), HasSubstr("gaincell_bench"));
  write("notes.h5.journal", "a user's own");
  const Outcome outcome = gaincell({"characterize", "-q", "b.yaml", "-o", "notes.h5"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("notes.h5.journal: is a file of another kind"));
  EXPECT_EQ(gaincell({"characterize", "-q", "--fresh", "b.yaml", "-o", "notes.h5"}).exit_code, 2);
  EXPECT_EQ(read_file(folder_ / "notes.h5.journal"), "a user's own");
  ASSERT_EQ(characterize({"b.yaml"}).exit_code, 0);
  EXPECT_THAT(gaincell({"datasheet", "s.h5", "-o", "s.h5"}).err, HasSubstr("would replace"));
  EXPECT_EQ(gaincell({"show", "s.h5"}).exit_code, 0);
}

TEST_F(BenchVerbs, ReplayChoosesByConditionAndKeepsFoldersOfOthers) {
  write("b.yaml", divider());
  ASSERT_EQ(characterize({"b.yaml"}).exit_code, 0);
  const Outcome chosen = gaincell({"replay", "s.h5", "--at", "v_in=3", "-o", "r"});
  EXPECT_EQ(chosen.exit_code, 0) << chosen.err;
  EXPECT_THAT(chosen.out, HasSubstr("point 3 (v_in=3)"));
  EXPECT_EQ(gaincell({"replay", "s.h5", "--at", "v_in=3", "-o", "r"}).exit_code, 0);
  EXPECT_THAT(gaincell({"replay", "s.h5", "--at", "v_in=3.5"}).err, HasSubstr("there are 0, 1, 2"));
  EXPECT_EQ(gaincell({"replay", "s.h5"}).exit_code, 2);
  std::filesystem::create_directory(folder_ / "mine");
  write("mine/op.cir", "* a user's own\n");
  const Outcome refused = gaincell({"replay", "s.h5", "--point", "0", "-o", "mine"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("holds what `gaincell replay` did not write"));
  EXPECT_EQ(read_file(folder_ / "mine/op.cir"), "* a user's own\n");
}

TEST_F(BenchVerbs, MissedSpecificationsSayWhere) {
  write("b.yaml", divider());
  std::string text = read_file(folder_ / "b.yaml");
  const std::string spec = "minimum: 0, typical: 0.5, maximum: 1.5";
  text.replace(text.find(spec), spec.size(), "minimum: 0.1, maximum: 0.9");
  write("b.yaml", text);
  const Outcome outcome = characterize({"b.yaml", "--datasheet", "d.md"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("minimum 0 V < 100 mV, point 0 (v_in=0V)"),
                                 HasSubstr("maximum 1 V > 900 mV, point 4 (v_in=4V)")));
  EXPECT_THAT(read_file(folder_ / "d.md"),
              HasSubstr("least at point 0 (v_in=0V), greatest at point 4 (v_in=4V)"));
}

// Its journal would be descriptor 1, and the events would go into it.
TEST_F(BenchVerbs, ClosedStandardOutputGetsIntoNoFile) {
  write("b.yaml", divider());
  for (const std::string k : {"1", "2"}) {
    const Outcome shard = run(
        "/bin/sh",
        {"-c", "exec " GAINCELL_BINARY_DIR "/bin/gaincell characterize b.yaml --no-cache --json "
               "--shard " +
                   k + "/2 -o " + k + " >&-"},
        folder_.path());
    EXPECT_EQ(shard.exit_code, 0) << shard.err;
  }
  const Outcome merged = gaincell({"merge", "1", "2", "-o", "s.h5"});
  EXPECT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(gaincell({"merge", "1", "2", "-o", "2"}).exit_code, 2);
}

// Nothing that prints is worth a campaign: the file is there, and the exit code says what is not.
TEST_F(BenchVerbs, FullStandardOutputOrErrorLosesNoSamples) {
  write("b.yaml", divider());
  const auto behind = [&](const std::string& options, const std::string& redirection) {
    std::filesystem::remove(folder_ / "s.h5");
    const int code = run("/bin/sh",
                         {"-c", "exec " GAINCELL_BINARY_DIR
                                "/bin/gaincell characterize b.yaml --no-cache -o s.h5 " +
                                    options + " " + redirection},
                         folder_.path())
                         .exit_code;
    EXPECT_TRUE(std::filesystem::exists(folder_ / "s.h5")) << options << redirection;
    return code;
  };
  EXPECT_EQ(behind("--json", ">/dev/full"), 2);
  EXPECT_EQ(behind("", ">/dev/full"), 2);
  EXPECT_EQ(behind("", "2>/dev/full"), 0);
  EXPECT_EQ(behind("", "2>&-"), 0);
  EXPECT_EQ(behind("--json", "| head -1 >/dev/null"), 0);
}

}  // namespace
}  // namespace gaincell
