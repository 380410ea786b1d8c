#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/json.h"
#include "base/units.h"
#include "energy/energy_model.h"
#include "energy/published.h"
#include "page/sections.h"
#include "plot/energy_chart.h"

namespace gaincell::page {
namespace {

using nlohmann::json;
using report::Run;

std::string setting(const Run& run, const char* key) {
  const json& settings = run.inference.at("settings");
  const auto found = settings.find(key);
  if (found == settings.end() || found->is_null()) return "-";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_float()) return fmt::format("{:.6g}", found->get<double>());
  return brief_json(*found);
}

bool has_circuits(const Run& run) { return run.inference.at("latency_s_per_token").is_number(); }

std::string perplexities(const std::vector<Run>& runs) {
  Table rows({"run", "attention", "perplexity", "nats a token", "perplexity beside the first",
              "tokens", "window", "simulated tokens a second"});
  const double first = runs.front().inference.at("perplexity").get<double>();
  for (const Run& run : runs) {
    const json& j = run.inference;
    const double perplexity = j.at("perplexity").get<double>();
    rows.row({code(run.label),
              words(setting(run, "attention")),
              number(perplexity, "", 5),
              number(j.at("nats_per_token").get<double>(), "", 5),
              {.html = fmt::format("{:+.2f} %", 100 * (perplexity / first - 1)),
               .number = 100 * (perplexity / first - 1),
               .unit = "%"},
              number(j.at("tokens").get<double>(), "", 10),
              number(j.at("settings").at("window").get<double>(), "", 10),
              number(j.at("tokens_per_second").get<double>(), "", 3)});
  }
  return rows.html();
}

// Whether numbers of these runs may be compared, and what else they differ in.
std::string like_for_like(const std::vector<Run>& runs) {
  constexpr std::array kSame{"text_sha256", "tokens_run", "stride", "positions", "window"};
  constexpr std::array kShown{"model",         "model_sha256", "attention",  "device",
                              "device_sha256", "level",        "text",       "text_sha256",
                              "tokens_run",    "stride",       "positions",  "window",
                              "layers",        "heads",        "scalers",    "token_period_s",
                              "effects",       "spread_seed",  "noise_seed", "program_version"};
  const auto differ = [&](const char* key) {
    return std::any_of(runs.begin(), runs.end(), [&](const Run& run) {
      return setting(run, key) != setting(runs.front(), key);
    });
  };
  std::vector<std::string> unlike;
  for (const char* key : kSame)
    if (differ(key)) unlike.emplace_back(key);
  std::string text;
  if (runs.size() > 1)
    text += unlike.empty()
                ? paragraph(
                      "Like for like: all runs predict the same tokens of the same text, at "
                      "one window and with the same positions.")
                : paragraph(fmt::format("Not like for like: the runs differ in {}.",
                                        fmt::join(unlike, ", ")));
  std::vector<std::string> head{"setting"};
  for (const Run& run : runs) head.push_back(run.label);
  if (runs.size() > 1) head.emplace_back("differs");
  Table rows(head);
  for (const char* key : kShown) {
    std::vector<Cell> cells{code(key)};
    for (const Run& run : runs) {
      const std::string value = setting(run, key);
      cells.push_back(std::string_view(key).ends_with("_sha256") ? hash(value) : words(value));
    }
    if (runs.size() > 1) cells.push_back(words(differ(key) ? "yes" : ""));
    rows.row(std::move(cells));
  }
  return text + rows.html();
}

Cell joules(const json& value, double heads) {
  return value.is_number() ? number(value.get<double>() / heads, "J") : words("not known");
}

// Of what a run says: parts in the engine's order, then sums.
std::vector<std::string> parts_of(const Run& run) {
  const json& joules_of = run.inference["energy_j_per_token"];
  std::vector<std::string> parts;
  const auto add = [&](const std::string& part) {
    if (joules_of.contains(part) && std::find(parts.begin(), parts.end(), part) == parts.end())
      parts.push_back(part);
  };
  const json& settings = run.inference["settings"];
  if (settings.contains("energy_items") && settings["energy_items"].is_array())
    for (const json& item : settings["energy_items"])
      if (item.is_object()) add(item.value("part", ""));
  for (const char* sum : {"active", "standing", "circuits", "digital", "total"}) add(sum);
  for (const auto& [part, value] : joules_of.items()) add(part);
  return parts;
}

// Parts and sums of what a run says, of one token and head.
std::string energies(const std::vector<Run>& runs, const std::optional<plot::EnergyBars>& uniform) {
  std::vector<std::string> head{"energy of one token and head", "published, window 1024"};
  if (uniform) head.push_back(uniform->label);
  std::vector<std::string> parts;
  for (const Run& run : runs) {
    if (!has_circuits(run)) continue;
    head.push_back(fmt::format("{}, window {}, period {}", run.label, setting(run, "window"),
                               run.inference["settings"].contains("token_period_s") &&
                                       run.inference["settings"]["token_period_s"].is_number()
                                   ? format_si(run.inference["settings"]["token_period_s"], "s")
                                   : "not stated"));
    for (const std::string& part : parts_of(run))
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
  }
  if (parts.empty()) return paragraph("No run has circuits, so none has an energy.");
  Table rows(head);
  for (const std::string& part : parts) {
    const std::optional<double> published = energy::published_j(part);
    std::vector<Cell> cells{code(part), published ? number(*published, "J") : none()};
    if (uniform) {
      const auto found = std::find_if(uniform->parts.begin(), uniform->parts.end(),
                                      [&](const auto& one) { return one.first == part; });
      cells.push_back(found == uniform->parts.end() ? none() : number(found->second, "J"));
    }
    for (const Run& run : runs) {
      if (!has_circuits(run)) continue;
      const json& settings = run.inference["settings"];
      const double heads = settings["layers"].get<double>() * settings["heads"].get<double>();
      cells.push_back(joules(run.inference["energy_j_per_token"].value(part, json()), heads));
    }
    rows.row(std::move(cells));
  }
  std::vector<plot::EnergyBars> bars;
  if (uniform) bars.push_back(*uniform);
  for (const Run& run : runs)
    if (has_circuits(run)) bars.push_back(plot::energy_bars(run.inference, run.label));
  std::string said = "active and standing are simulated, circuits is their sum.";
  if (const std::string published = plot::said_of_published(bars); !published.empty())
    said += " " + published + "; total has this too.";
  return rows.html() + paragraph(said);
}

std::string latencies(const std::vector<Run>& runs, const std::optional<lut::DeviceFile>& device) {
  Table rows({"attention of one token", "latency"});
  constexpr double kPublishedS = 65e-9;
  rows.row({words("published, one layer"), number(kPublishedS, "s")});
  if (device && plot::has_energies(*device)) {
    const energy::EnergyModel model{lut::GainCellDevice(*device)};
    rows.row({words("this device, one layer"), number(model.layer_latency_s(), "s")});
  }
  for (const Run& run : runs)
    if (has_circuits(run))
      rows.row({words(fmt::format("{}, all {} layers", run.label, setting(run, "layers"))),
                number(run.inference.at("latency_s_per_token").get<double>(), "s")});
  return rows.html();
}

std::string not_counted(const std::vector<Run>& runs) {
  Table rows({"not counted", "from", "to", "of", "how known"});
  for (const Run& run : runs) {
    const auto found = run.inference.find("energy_not_counted");
    if (found == run.inference.end() || !found->is_array() || !rows.empty()) continue;
    for (const json& one : *found) {
      if (!one.is_object()) continue;
      const std::string unit = one.value("unit", "");
      const auto value = [&](const char* key) {
        return one.contains(key) && one[key].is_number() ? number(one[key].get<double>(), unit)
                                                         : words("not known");
      };
      rows.row({words(one.value("what", "")), value("low"), value("high"),
                words(one.value("per", "")), words(one.value("source", ""))});
    }
  }
  return rows.empty() ? "" : heading(3, "Not counted") + rows.html();
}

std::string steps(const report::Comparison& comparison) {
  Table rows({"step", "wall clock"});
  for (const auto& [step, seconds] : comparison.seconds)
    rows.row({words(step), number(seconds, "s")});
  return rows.empty() ? "" : heading(3, "Run times") + rows.html();
}

}  // namespace

Section inference_section(const report::Comparison& comparison,
                          const std::optional<lut::DeviceFile>& device, const std::string& id) {
  const std::vector<Run>& runs = comparison.runs;
  std::optional<plot::EnergyBars> uniform;
  if (device && plot::has_energies(*device)) uniform = plot::energy_bars(*device);
  std::vector<plot::EnergyBars> bars;
  if (uniform) bars.push_back(*uniform);
  for (const Run& run : runs) {
    plot::EnergyBars one = plot::energy_bars(run.inference, run.label);
    if (!one.parts.empty()) bars.push_back(std::move(one));
  }
  std::string body = heading(3, "Perplexity") + perplexities(runs);
  body += heading(3, "Energy") + energies(runs, uniform);
  if (!bars.empty()) {
    Gallery gallery(id);
    gallery.add(plot::energy_chart(bars));
    body += gallery.html();
  }
  body += heading(3, "Latency") + latencies(runs, device);
  body += heading(3, "Like for like") + like_for_like(runs);
  body += not_counted(runs) + steps(comparison);
  return {.id = id, .title = "Inference", .body = std::move(body)};
}

}  // namespace gaincell::page
