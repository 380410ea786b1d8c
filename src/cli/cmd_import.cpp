#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "cli/commands.h"
#include "lut/current_csv.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"

namespace gaincell::cli {
namespace {

struct Options {
  std::string source;
  std::filesystem::path output;
  std::optional<double> v_in, s_sat_first_a, s_sat_second_a;
  lut::IdealPeriphery periphery;
};

// Published full scales of the converters over the published cell's slope: 80 and 40 uA over
// 19.3 uA/V.
constexpr double kFirstFullScaleV = 80 / 19.3, kSecondFullScaleV = 40 / 19.3;

lut::DeviceFile imported(Options& o) {
  const lut::CurrentSurface surface = lut::read_current_csv(o.source);
  require_output(o.output);
  const lut::CellCurrent current = surface.at(o.v_in.value_or(surface.highest_v_in()));
  lut::IdealPeriphery& p = o.periphery;
  const double slope = lut::slope_a_per_v(current, p.v_zero);
  if (!(slope > 0) && !(o.s_sat_first_a && o.s_sat_second_a))
    throw Error({.place = o.source,
                 .key = "I",
                 .value = fmt::format("slope {}", format_si(slope, "A/V")),
                 .rule = "the current must rise with V_store for the converters to be scaled by it",
                 .remedy = "turn its sign (positive is out of the bitline), or give "
                           "--s-sat-first and --s-sat-second"});
  p.s_sat_first_a = o.s_sat_first_a.value_or(kFirstFullScaleV * slope);
  p.s_sat_second_a = o.s_sat_second_a.value_or(kSecondFullScaleV * slope);
  lut::DeviceFile device = lut::ideal_device(current, p);
  fmt::print("{}: {} stored voltages, slope {}, full scales {} and {}\n", current.comment,
             current.v_store.size(), format_si(slope, "A/V"), format_si(p.s_sat_first_a, "A"),
             format_si(p.s_sat_second_a, "A"));
  return device;
}

int import(Options& o) {
  for (const auto& [value, name] : {std::pair{o.periphery.t_max_s, "--t-max"},
                                    {o.periphery.v_dd, "--v-dd"},
                                    {o.periphery.v_zero, "--v-zero"},
                                    {o.periphery.retention_tau_s, "--tau"},
                                    {o.periphery.latency_s, "--latency"},
                                    {o.s_sat_first_a.value_or(1), "--s-sat-first"},
                                    {o.s_sat_second_a.value_or(1), "--s-sat-second"}})
    if (!(value > 0))
      throw Error({.key = name, .value = fmt::format("{}", value), .rule = "must be positive"});
  lut::DeviceFile device = o.source == "published" ? lut::published_device() : imported(o);
  device.write(o.output);
  fmt::print("wrote {}\n", o.output.string());
  return 0;
}

}  // namespace

Run cmd_import(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.add_option("source", o->source,
                 "CSV with columns V_store, V_in (V) and I (A, positive out of the bitline); or "
                 "`published`: the authors' cubic")
      ->required();
  app.add_option("-o,--output", o->output, "device file to write")->required();
  app.add_option("--v-in", o->v_in, "read voltage, V (default: the highest in the table)");
  app.add_option("--s-sat-first", o->s_sat_first_a,
                 "full scale of the first converter, A (default: 4.145 V x the current's slope)");
  app.add_option("--s-sat-second", o->s_sat_second_a,
                 "full scale of the second converter, A (default: 2.073 V x the slope)");
  app.add_option("--tau", o->periphery.retention_tau_s, "time constant of the stored voltage, s")
      ->capture_default_str();
  app.add_option("--t-max", o->periphery.t_max_s, "longest input pulse, s")->capture_default_str();
  app.add_option("--v-dd", o->periphery.v_dd, "supply, V")->capture_default_str();
  app.add_option("--v-zero", o->periphery.v_zero, "stored voltage that means zero, V")
      ->capture_default_str();
  app.add_option("--latency", o->periphery.latency_s, "both stages of one token, s")
      ->capture_default_str();
  app.footer(
      "The device has the given current and ideal surroundings: a bitline that does not move, "
      "converters\nthat are clamps, exact writes. Energies are the published figures.");
  return [o] { return import(*o); };
}

}  // namespace gaincell::cli
