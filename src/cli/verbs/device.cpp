#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/process.h"
#include "characterize/bench/bench.h"
#include "characterize/campaign/campaign.h"
#include "characterize/campaign/campaign_plan.h"
#include "characterize/circuit/netlist.h"
#include "characterize/results/cache.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/refinement.h"
#include "cli/say.h"
#include "lut/compile.h"
#include "lut/refine.h"

namespace gaincell::cli {
namespace {

namespace fs = std::filesystem;

struct DeviceOptions {
  std::vector<std::string> circuits;
  std::vector<std::string> at;
  fs::path output;
  unsigned jobs = 0;
  std::string cache = characterize::default_cache_folder();
  bool no_cache = false;
  bool keep_going = false;
  bool refine = false;
  std::vector<std::string> allow;
  bool quiet = false;
  bool json = false;
};

// One device of a family.
struct Member {
  std::vector<std::string> at;  // "corner=slow", ...
  std::string name;             // as given: "corner=slow,v_dd=0.81"; "" = the benches' own
  fs::path device, samples;
};

// What became of it.
struct Made {
  lut::CompileReport tables;
  std::size_t simulations = 0, from_cache = 0, from_journal = 0, failed = 0;
  bool written = false;
  std::vector<std::string> reasons;  // why not
  std::vector<characterize::AddedNode> added_nodes;
  std::optional<Refinement> refinement;
};

bool makes_a_device(const std::string& path, const std::vector<std::string>& allow) {
  const auto bench = characterize::read_bench(path, {{}, {}, {allow.begin(), allow.end()}});
  return !bench->tables.empty() || !bench->constants.empty() || !bench->spreads.empty();
}

// Of a folder those benches that stand beside the netlist and make something of a device.
std::vector<std::string> benches_of(const DeviceOptions& o) {
  std::vector<std::string> benches;
  for (const std::string& circuit : o.circuits) {
    if (!fs::is_directory(circuit)) {
      benches.push_back(circuit);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(circuit))
      if (entry.path().extension() == ".yaml" && makes_a_device(entry.path().string(), o.allow))
        found.push_back(entry.path().string());
    if (found.empty())
      throw Error({.place = circuit,
                   .rule = "holds no bench that makes a table, a constant or a spread",
                   .remedy = "name a circuit's folder, such as netlists/gain_cell_a, or a bench"});
    std::sort(found.begin(), found.end());
    benches.insert(benches.end(), found.begin(), found.end());
  }
  return benches;
}

std::vector<std::string> settings_of(const std::string& text) {
  std::vector<std::string> settings;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    settings.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return settings;
}

// Several conditions make a file each: d.h5 becomes d_slow_-40_0.81.h5, by the values as given.
fs::path member_path(const fs::path& output, const std::vector<std::string>& settings) {
  std::string stem = output.stem().string();
  for (const std::string& setting : settings) {
    std::string value = setting.substr(std::min(setting.find('=') + 1, setting.size()));
    std::replace(value.begin(), value.end(), '/', '_');
    stem += "_" + value;
  }
  return output.parent_path() / (stem + output.extension().string());
}

std::vector<Member> members_of(const DeviceOptions& o) {
  std::vector<Member> members;
  std::set<fs::path> paths;
  if (o.at.empty()) members.push_back({{}, "", o.output, {}});
  for (const std::string& text : o.at) {
    Member member{settings_of(text), text, o.output, {}};
    if (o.at.size() > 1) member.device = member_path(o.output, member.at);
    members.push_back(std::move(member));
  }
  for (Member& member : members) {
    if (!paths.insert(member.device).second)
      throw Error({.place = "--at",
                   .value = member.name,
                   .rule = fmt::format("would be written to {} as well", member.device.string()),
                   .remedy = "give each condition once, with the same keys"});
    // Only its own ending goes: d_0.81 and d_0.85 are no two endings of one name.
    member.samples = member.device;
    if (member.samples.extension() == ".h5") member.samples.replace_extension();
    member.samples += ".samples.h5";
  }
  return members;
}

std::unique_ptr<characterize::Progress> progress(const DeviceOptions& o) {
  if (o.json || o.quiet) return characterize::quiet_progress(stderr);
  return characterize::text_progress(stderr);
}

// So often are nodes added where tables miss their limits.
constexpr int kRefinements = 3;
// The largest of new points is larger than that of these, and there are few rounds.
constexpr lut::CutRule kBoldly{.aim = 0.5, .most_parts = 8, .share = 1};

// Of all tables of one axis that miss a limit; none where nothing can be done about it.
std::vector<characterize::AddedNode> missing_nodes(const lut::Compiled& compiled,
                                                   const characterize::CampaignPlan& campaign) {
  std::vector<characterize::AddedNode> added;
  for (const lut::TableReport& report : compiled.report.tables) {
    const lut::TableEntry* entry = compiled.device.find_table(report.name);
    if (report.problems.empty() || entry == nullptr || entry->bench != report.bench ||
        entry->table.dimensions() != 1)
      continue;
    for (const lut::MissingNode& node :
         lut::missing_nodes(*entry, kBoldly, {}, swept_inside(campaign, report.bench))) {
      const characterize::AddedNode one{report.bench, node.axis, node.value};
      if (std::find(added.begin(), added.end(), one) == added.end()) added.push_back(one);
    }
  }
  return added;
}

// One run of the benches, into `made`; false where it was interrupted.
bool simulate(const characterize::CampaignOptions& campaign, Made& made) {
  const characterize::CampaignReport report = characterize::characterize(campaign);
  made.simulations = report.simulations;
  made.from_cache = report.from_cache;
  made.from_journal = report.from_journal;
  made.failed = report.failed_simulations;
  made.reasons.clear();
  if (report.interrupted) return false;
  if (!report.ok())
    for (const characterize::BenchReport& bench : report.benches)
      for (const auto& [reason, failure] : bench.failures)
        made.reasons.push_back(fmt::format("{}: {} of {} points: {}", bench.name, failure.points,
                                           bench.points, reason));
  return true;
}

// False where it was interrupted.
bool make(const DeviceOptions& o, const std::vector<std::string>& benches, const Member& member,
          Made& made) {
  const auto watcher = progress(o);
  characterize::CampaignOptions campaign;
  campaign.benches = benches;
  campaign.at = member.at;
  campaign.output = member.samples;
  campaign.pool.worker = characterize::worker_program();
  campaign.pool.workers = o.jobs > 0 ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  campaign.pool.allow = o.allow;
  campaign.keep_going = o.keep_going;
  if (!o.no_cache) campaign.cache = o.cache;
  campaign.progress = watcher.get();
  const characterize::CampaignPlan plan =
      characterize::plan_campaign(benches, {}, o.allow, member.at);
  if (o.refine) made.refinement.emplace(plan);
  std::optional<lut::Compiled> made_of;
  for (int added = 0;;) {
    if (made.refinement) campaign.axis_values = made.refinement->axes();
    campaign.added_nodes = made.added_nodes;
    if (!simulate(campaign, made)) return false;
    made_of = lut::compile({lut::SamplesFile::read(member.samples)});
    if (made.refinement) {
      if (made.refinement->add(*made_of)) continue;
      break;
    }
    const auto missing = missing_nodes(*made_of, plan);
    if (missing.empty() || added++ == kRefinements) break;
    made.added_nodes.insert(made.added_nodes.end(), missing.begin(), missing.end());
  }
  const lut::Compiled& compiled = *made_of;
  made.tables = compiled.report;
  for (const lut::TableReport& table : compiled.report.tables)
    for (const std::string& problem : table.problems)
      made.reasons.push_back(fmt::format("{}: {}", table.name, problem));
  for (const lut::SpreadReport& spread : compiled.report.spreads)
    for (const std::string& problem : spread.problems)
      made.reasons.push_back(fmt::format("{}: {}", spread.name, problem));
  if (compiled.report.tables.empty() && compiled.report.spreads.empty())
    made.reasons.emplace_back("no bench asks for a table or a spread");
  if (compiled.report.ok() && !compiled.report.tables.empty()) {
    compiled.device.write(member.device);
    made.written = true;
  }
  return true;
}

std::string at_text(const Member& member) {
  return member.name.empty() ? "the benches' own conditions" : member.name;
}

// "relu_conversion.charge" -> its added values
std::map<std::string, std::vector<double>> by_axis(
    const std::vector<characterize::AddedNode>& added) {
  std::map<std::string, std::vector<double>> axes;
  for (const characterize::AddedNode& node : added)
    axes[node.bench + "." + node.condition].push_back(node.value);
  for (auto& [axis, nodes] : axes) std::sort(nodes.begin(), nodes.end());
  return axes;
}

void say_made(const Member& member, const Made& made) {
  say("{}: {} simulations", at_text(member), made.simulations);
  if (made.from_cache > 0) say(", {} from the cache", made.from_cache);
  if (made.from_journal > 0) say(", {} from an interrupted run", made.from_journal);
  say("\n");
  if (made.refinement) say("{}", made.refinement->brief(made.simulations));
  for (const auto& [axis, nodes] : by_axis(made.added_nodes))
    say("  {}: {} values added, where a table missed its limit\n", axis, nodes.size());
  for (const std::string& reason : made.reasons) say("  {}\n", reason);
  if (made.written) {
    say("{}wrote {}\n", made.tables.brief(), member.device.string());
  } else {
    say("  {} not written; the samples are in {}\n", member.device.string(),
        member.samples.string());
  }
}

nlohmann::json member_json(const Member& member, const Made& made) {
  nlohmann::json at = nlohmann::json::object();
  for (const std::string& setting : member.at) {
    const std::size_t equals = setting.find('=');
    at[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  nlohmann::json json = made.tables.to_json();
  json["at"] = at;
  json["output"] = made.written ? nlohmann::json(member.device.string()) : nlohmann::json();
  json["samples"] = member.samples.string();
  json["simulations"] = made.simulations;
  json["added_nodes"] = by_axis(made.added_nodes);
  if (made.refinement) json["refinement"] = made.refinement->to_json();
  json["failed_simulations"] = made.failed;
  json["from_cache"] = made.from_cache;
  json["reasons"] = made.reasons;
  json["ok"] = made.written;
  return json;
}

int run(const DeviceOptions& o) {
  const std::vector<std::string> benches = benches_of(o);
  const std::vector<Member> members = members_of(o);
  // Wrong conditions are found before the first simulation.
  for (const Member& member : members) {
    (void)characterize::plan_campaign(benches, {}, o.allow, member.at);
    require_output(member.device);
    require_output(member.samples);
  }
  nlohmann::json json = nlohmann::json::array();
  std::size_t written = 0;
  for (const Member& member : members) {
    Made made;
    if (!make(o, benches, member, made)) {
      note("stopped; the same command goes on from here\n");
      return kInterrupted;
    }
    if (made.written) ++written;
    if (o.json) {
      json.push_back(member_json(member, made));
    } else {
      say_made(member, made);
    }
  }
  if (o.json) {
    fmt::print("{}\n",
               json_text(nlohmann::json{{"ok", written == members.size()}, {"devices", json}}, 2));
  } else if (members.size() > 1) {
    say("{} of {} devices written\n", written, members.size());
  }
  return written == members.size() ? 0 : 1;
}

}  // namespace

Run cmd_device(Arguments& app) {
  auto o = std::make_shared<DeviceOptions>();
  app.add_option("circuit", o->circuits,
                 "circuits' folders (of each the benches beside its netlist that make tables), or "
                 "bench files")
      .required();
  app.add_option("-o,--output", o->output, "device file to write").required();
  app.add_option("--at", o->at,
                 "fixed conditions at other values than the benches' own: "
                 "corner=slow,temperature=-40,v_dd=0.81; several --at make a file each")
      .one_at_a_time();
  app.add_option("-j,--jobs", o->jobs, "simulators at a time; 0 = as many as cores");
  app.add_option("--cache", o->cache, "folder with results of earlier simulations");
  app.add_flag("--no-cache", o->no_cache, "simulate everything");
  app.add_option(
         "--allow", o->allow,
         "what netlists may do beyond being circuits: control, shell, source, codemodel, write")
      .one_of(std::vector<std::string>(characterize::kPermissions.begin(),
                                       characterize::kPermissions.end()));
  app.add_flag("--refine", o->refine, kRefineHelp);
  app.add_flag("--keep-going", o->keep_going,
               "run all of a bench, also where none of its first simulations works");
  app.add_flag("-q,--quiet", o->quiet, "no progress, warnings alone");
  app.add_flag("--json", o->json, "the report as JSON");
  app.footer(
      "`characterize` and `compile` in one. Every bench must have every condition of --at, fixed. "
      "The samples\nstay beside the device: d.samples.h5. Several --at make a family: of -o d.h5 "
      "and "
      "--at corner=slow,v_dd=0.81\nthe file is d_slow_0.81.h5. An interrupted run goes on by the "
      "same command. Where a table of one axis misses its limit, the axis gets values there, up to "
      "three times. Exits with 1 where a device\nis not written: a table misses its limit or "
      "lacks "
      "points.");
  return [o] { return run(*o); };
}

}  // namespace gaincell::cli
