// Netlists and libraries in the dialects that people have (tests/spice/corpus), each simulated by
// plain `ngspice -b` and by a bench: the same numbers, or a refusal that docs/netlists.md explains.
// Lines that begin with `*:` say what surrounds the circuit:
//   x NETS... SUBCIRCUIT   the instance          v NET VOLT | i NET AMPERE | s NET VOLT HERTZ
//   op SIGNALS...  |  tran STEP STOP AT NETS...  what is compared
//   mode NGBEHAVIOR    models FILE SECTION|-     refused ROW OF THE PAGE
#include <fmt/format.h>

#include <cmath>
#include <regex>
#include <set>
#include <sstream>

#include "base/units.h"
#include "characterize/plan/plan.h"
#include "tests/characterize/support.h"
#include "tests/support/program.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(GAINCELL_SOURCE_DIR) / "tests/spice/corpus";
// Both print or hold all digits of the same program's numbers; what differs is the order of the
// lines of the deck, and with it the order of sums.
constexpr double kRelative = 1e-6;
constexpr double kFloor = 1e-12;  // V or A: below the simulator's own abstol

struct Case {
  std::string name;
  fs::path file;
  std::string instance, mode, refused;
  std::vector<std::string> sources;   // element lines
  std::vector<std::string> driven;    // the same, where they are constant, as sources of a bench
  std::vector<std::string> readings;  // v(net) or i(source)
  std::string models, section;
  std::string step, stop, at;  // of a transient
};

std::string rest_of(std::istringstream& words) {
  std::string rest;
  std::getline(words >> std::ws, rest);
  while (!rest.empty() && rest.back() == '\r') rest.pop_back();
  return rest;
}

void read_directive(const std::string& text, Case& one) {
  std::istringstream words(text);
  std::string kind, net, a, b;
  words >> kind;
  if (kind == "x") one.instance = "xdut " + rest_of(words);
  if (kind == "mode") one.mode = rest_of(words);
  if (kind == "refused") one.refused = rest_of(words);
  if (kind == "models") words >> one.models >> one.section;
  if (kind == "v" || kind == "i") {
    words >> net >> a;
    one.sources.push_back(kind == "v" ? fmt::format("v{0} {0} 0 dc {1}", net, a)
                                      : fmt::format("i{0} 0 {0} dc {1}", net, a));
    one.driven.push_back(fmt::format("{0}: {{kind: {1}, net: {0}, dc: {2}}}", net,
                                     kind == "v" ? "voltage" : "current", a));
  }
  if (kind == "s") {
    words >> net >> a >> b;
    one.sources.push_back(fmt::format("v{0} {0} 0 sin(0 {1} {2})", net, a, b));
  }
  if (kind == "tran") words >> one.step >> one.stop >> one.at;
  if (kind == "op" || kind == "tran") {
    while (words >> net)
      one.readings.push_back(net.find('(') != std::string::npos ? net : fmt::format("v({})", net));
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".cir") continue;
    Case one;
    one.name = entry.path().stem();
    one.file = entry.path();
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      const std::size_t at = line.find("*: ");
      if (at != std::string::npos && at <= 3) read_directive(line.substr(at + 3), one);
    }
    all.push_back(std::move(one));
  }
  std::sort(all.begin(), all.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
  return all;
}

using Values = std::vector<double>;  // one a reading; empty where there is none

// As a bench writes numbers into its decks: `50p` of ngspice is another number, by one bit.
std::string number(const std::string& text) {
  return format_exact(constant(text, "", {"corpus", text}));
}

// Times and values of `wrdata`, at one time.
double interpolated(const fs::path& file, double at) {
  std::ifstream text(file);
  double t0 = 0, y0 = 0, t = 0, y = 0;
  while (text >> t >> y) {
    if (t >= at) return t == t0 ? y : y0 + (y - y0) * (at - t0) / (t - t0);
    t0 = t, y0 = y;
  }
  return std::nan("");
}

Values plain(const Case& one) {
  const testing::ScratchFolder folder;
  fs::create_directory_symlink(kFolder / "parts", folder / "parts");
  std::string deck = "a title\n";
  if (!one.models.empty())
    deck += one.section == "-"
                ? fmt::format(".include \"{}\"\n", (kFolder / one.models).string())
                : fmt::format(".lib \"{}\" {}\n", (kFolder / one.models).string(), one.section);
  deck += fmt::format(".include \"{}\"\n{}\n{}\n.control\nset numdgt=15\n", one.file.string(),
                      one.instance, fmt::join(one.sources, "\n"));
  deck += one.stop.empty()
              ? "op\n"
              : fmt::format("tran {0} {1} 0 {0}\n", number(one.step), number(one.stop));
  for (std::size_t k = 0; k < one.readings.size(); ++k) {
    std::string signal = one.readings[k];
    if (signal.starts_with("i(")) signal.insert(2, "v");
    deck += one.stop.empty() ? fmt::format("print {}\n", signal)
                             : fmt::format("wrdata {}.txt {}\n", k, signal);
  }
  deck += ".endc\n.end\n";
  write_file(folder / "deck.cir", deck);
  write_file(folder / ".spiceinit",
             "set num_threads=1\n" + (one.mode.empty() ? "" : "set ngbehavior=" + one.mode + "\n"));
  const auto outcome = testing::run("/usr/bin/ngspice", {"-b", "deck.cir"}, folder.path());
  Values values;
  if (one.stop.empty()) {
    static const std::regex result(R"(\n[iv]\([^\n]*\) = ([-+0-9.e]+))");
    for (std::sregex_iterator at(outcome.out.begin(), outcome.out.end(), result), end; at != end;
         ++at)
      values.push_back(std::stod((*at)[1]));
  } else {
    for (std::size_t k = 0; k < one.readings.size(); ++k) {
      const double value =
          interpolated(folder / fmt::format("{}.txt", k), constant(one.at, "", {"corpus", "at"}));
      if (!std::isnan(value)) values.push_back(value);
    }
  }
  if (values.size() != one.readings.size()) values.clear();
  return values;
}

std::string bench_of(const Case& one) {
  std::string text = fmt::format("gaincell_bench: 1\nname: {}\n", one.name);
  if (!one.mode.empty()) text += fmt::format("ngbehavior: {}\n", one.mode);
  if (!one.models.empty()) {
    const std::string file = (kFolder / one.models).string();
    text += one.section == "-"
                ? fmt::format("models: [\"{}\"]\n", file)
                : fmt::format("models: [{{file: \"{}\", section: {}}}]\n", file, one.section);
  }
  text += fmt::format("circuit: {{netlist: \"{}\"}}\nelements:\n  - {}\n", one.file.string(),
                      one.instance);
  // The bench has no sine among its sources.
  for (const std::string& source : one.sources) {
    if (source.find("sin(") != std::string::npos) text += fmt::format("  - {}\n", source);
  }
  if (!one.driven.empty()) text += fmt::format("sources:\n  {}\n", fmt::join(one.driven, "\n  "));
  text += one.stop.empty()
              ? "analysis: {type: op}\n"
              : fmt::format("analysis: {{type: tran, step: {}, stop: {}}}\n", one.step, one.stop);
  text += "measurements:\n";
  for (std::size_t k = 0; k < one.readings.size(); ++k)
    text += fmt::format("  y{}: {{unit: {}, value: \"{}\"{}}}\n", k,
                        one.readings[k][0] == 'i' ? "A" : "V", one.readings[k],
                        one.stop.empty() ? "" : ", at: " + one.at);
  return text;
}

// The rows of the table "Refused": name and message.
std::map<std::string, std::string> documented() {
  std::ifstream page(fs::path(GAINCELL_SOURCE_DIR) / "docs/netlists.md");
  std::map<std::string, std::string> rows;
  bool table = false;
  for (std::string line; std::getline(page, line);) {
    if (line == "## Refused") table = true;
    if (!table || !line.starts_with("| ") || line.starts_with("| what ")) continue;
    const std::size_t second = line.find(" | ");
    const std::size_t third = line.find(" | ", second + 3);
    rows[line.substr(2, second - 2)] = line.substr(second + 3, third - second - 3);
  }
  return rows;
}

// All in one run of the pool, as benches of one campaign are: what a circuit leaves behind in the
// simulator would reach the next.
class Corpus : public BenchTest {
 protected:
  struct Ours {
    std::string complaint;  // where it was refused
    std::unique_ptr<const Bench> bench;
    Plan plan;
    std::vector<JobResult> results;
  };
  Ours prepare(const Case& one) {
    Ours ours;
    try {
      ours.bench = read_bench(file(one.name + ".yaml", bench_of(one)).string());
      ours.plan = make_plan(*ours.bench, bench_points(*ours.bench));
    } catch (const Error& error) {
      ours.complaint = error.what();
    }
    return ours;
  }
  static void simulate(std::vector<Ours>& all) {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    std::vector<const Job*> jobs;
    for (std::size_t k = 0; k < all.size(); ++k) {
      all[k].results.resize(all[k].plan.jobs.size());
      for (std::size_t j = 0; j < all[k].plan.jobs.size(); ++j) {
        all[k].plan.jobs[j].id = places.size();
        places.emplace_back(k, j);
        jobs.push_back(&all[k].plan.jobs[j]);
      }
    }
    PoolOptions options;
    options.worker = real_worker();
    PoolListener listener;
    listener.tick = [] { return true; };
    listener.done = [&](const Job& job, JobResult result) {
      const auto [k, j] = places[job.id];
      all[k].results[j] = std::move(result);
    };
    Pool(options).run(jobs, listener);
  }
};

TEST_F(Corpus, EveryNetlistGivesTheNumbersOfPlainNgspiceOrADocumentedRefusal) {
  const auto rows = documented();
  const std::vector<Case> all = cases();
  EXPECT_GE(all.size(), 100u);
  std::vector<Ours> ours;
  for (const Case& one : all) ours.push_back(prepare(one));
  simulate(ours);
  for (std::size_t k = 0; k < all.size(); ++k) {
    const Case& one = all[k];
    SCOPED_TRACE(one.name);
    if (!one.refused.empty()) {
      ASSERT_TRUE(rows.contains(one.refused)) << one.refused;
      EXPECT_THAT(ours[k].complaint, ::testing::HasSubstr(rows.at(one.refused)));
      continue;
    }
    EXPECT_EQ(ours[k].complaint, "");
    if (!ours[k].complaint.empty()) continue;
    const Values expected = plain(one);
    EXPECT_FALSE(expected.empty()) << "plain ngspice gives nothing";
    const PointResult got = collect(*ours[k].bench, ours[k].plan, ours[k].results).front();
    EXPECT_TRUE(got.ok) << got.reason;
    for (std::size_t r = 0; got.ok && r < expected.size(); ++r)
      EXPECT_NEAR(got.values[r], expected[r], kRelative * std::abs(expected[r]) + kFloor)
          << one.readings[r];
  }
}

TEST_F(Corpus, EveryDocumentedRefusalHasItsNetlist) {
  std::set<std::string> shown;
  for (const Case& one : cases()) shown.insert(one.refused);
  const auto rows = documented();
  EXPECT_GE(rows.size(), 10u);
  for (const auto& [name, message] : rows) EXPECT_TRUE(shown.contains(name)) << name;
}

}  // namespace
}  // namespace gaincell::characterize
