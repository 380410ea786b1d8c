#include "characterize/campaign/noise_shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <string_view>

#include "base/units.h"
#include "characterize/circuit/topology.h"
#include "characterize/plan/deck.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kDevicesWithParts = 40;  // the greatest
constexpr std::size_t kShown = 10;

// What the simulator's models call their sources of noise.
constexpr std::string_view kParts[] = {
    "thermal", "1overf", "id",   "ig",   "ib",  "ic",  "rb",   "rc",      "re",   "rd",
    "rs",      "rg",     "rbi",  "rbx",  "rci", "rcx", "iavl", "flicker", "shot", "rbdb",
    "rbpb",    "rbpd",   "rbps", "rbsb", "igs", "igd", "igb",  "corl"};

std::vector<std::string> devices_of(const Evaluation& at) {
  std::vector<CircuitLine> lines = circuit_lines(at);
  for (const BenchSource& source : bench_sources(at))
    lines.push_back({fmt::format("{} {} {}", source.element, source.net, source.reference),
                     source.where.place});
  const Topology topology(at.library(), lines);
  return {topology.devices().begin(), topology.devices().end()};
}

MeasureCall total_of(const std::string& signal) { return {"total_noise", {signal}, {}, {}, {}}; }

std::optional<JobResult> run(const Job& job, const PoolOptions& options) {
  std::optional<JobResult> result;
  PoolListener listener;
  listener.tick = [] { return true; };
  listener.done = [&](const Job&, JobResult one) { result = std::move(one); };
  const std::vector<const Job*> jobs{&job};
  Pool(options).run(jobs, listener);
  if (result && !result->ok) result.reset();
  return result;
}

}  // namespace

std::optional<NoiseShares> noise_shares(const Evaluation& at, const Job& job, bool aided,
                                        const PoolOptions& pool) {
  Job all = job;
  all.id = 0;
  all.waveforms.clear();
  if (aided && all.aids) all.body += *all.aids;
  const std::vector<std::string> devices = devices_of(at);
  all.calls = {total_of("onoise")};
  for (const std::string& device : devices)
    all.calls.push_back(total_of(fmt::format("onoise({})", device)));
  const auto result = run(all, pool);
  if (!result || !result->reasons[0].empty()) return std::nullopt;
  NoiseShares shares;
  shares.total_rms = result->values[0];
  const auto share_of = [&](double rms) {
    return shares.total_rms > 0 ? std::pow(rms / shares.total_rms, 2) : 0;
  };
  for (std::size_t k = 0; k < devices.size(); ++k) {
    const double rms = result->values[k + 1];
    if (result->reasons[k + 1].empty() && rms > 0)
      shares.devices.push_back({devices[k], rms, share_of(rms), "", 0});
  }
  std::stable_sort(shares.devices.begin(), shares.devices.end(),
                   [](const auto& a, const auto& b) { return a.rms > b.rms; });
  const std::span greatest =
      std::span(shares.devices).first(std::min(kDevicesWithParts, shares.devices.size()));
  all.calls.clear();
  for (const NoiseShares::Share& one : greatest) {
    for (const std::string_view part : kParts) {
      for (const char between : {'_', '.'})
        all.calls.push_back(total_of(fmt::format("onoise({}{}{})", one.device, between, part)));
    }
  }
  const auto parts = all.calls.empty() ? std::nullopt : run(all, pool);
  for (std::size_t k = 0; parts && k < parts->values.size(); ++k) {
    NoiseShares::Share& of = greatest[k / (2 * std::size(kParts))];
    if (!parts->reasons[k].empty() || share_of(parts->values[k]) <= of.part_share) continue;
    of.part = kParts[k / 2 % std::size(kParts)];
    of.part_share = share_of(parts->values[k]);
  }
  return shares;
}

std::string csv(const NoiseShares& shares) {
  std::string text = "device,rms_v,share,greatest_part,its_share\n";
  for (const NoiseShares::Share& one : shares.devices)
    text += fmt::format("{},{},{:.6f},{},{:.6f}\n", one.device, format_exact(one.rms), one.share,
                        one.part, one.part_share);
  return text;
}

std::string brief(const NoiseShares& shares) {
  std::string text = fmt::format("{}: {} rms at the output, of\n", shares.analysis,
                                 format_si(shares.total_rms, "V"));
  double rest = 1;
  for (std::size_t k = 0; k < std::min(kShown, shares.devices.size()); ++k) {
    const NoiseShares::Share& one = shares.devices[k];
    rest -= one.share;
    text += fmt::format(
        "  {:5.1f} %  {:>10}  {}{}\n", 100 * one.share, format_si(one.rms, "V"), one.device,
        one.part.empty() ? "" : fmt::format("  ({} {:.1f} %)", one.part, 100 * one.part_share));
  }
  if (shares.devices.size() > kShown)
    text += fmt::format("  {:5.1f} %  of {} others\n", 100 * std::max(rest, 0.0),
                        shares.devices.size() - kShown);
  else if (rest > 1e-3)
    text += fmt::format("  {:5.1f} %  of no device by name\n", 100 * rest);
  return text;
}

}  // namespace gaincell::characterize
