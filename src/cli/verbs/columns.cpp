#include <fmt/format.h>

#include <memory>

#include "audit/column_audit.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct ColumnsOptions {
  std::string samples;
  std::string device;
  std::string bench = "column_relu";
  std::string stage = "first";
  std::string output;
  bool json = false;
};

int columns(const ColumnsOptions& o) {
  if (o.stage != "first" && o.stage != "second") {
    throw Error({.place = "--stage", .value = o.stage, .rule = "must be first or second"});
  }
  const audit::ColumnAudit audit = audit::audit_columns(
      o.samples, o.bench, lut::GainCellDevice::read(o.device),
      o.stage == "first" ? attention::ArrayStage::kFirst : attention::ArrayStage::kSecond);
  if (!o.output.empty()) audit.write(o.output);
  if (o.json) {
    fmt::print("{}\n", json_text(audit.to_json(), 2));
  } else {
    say("{}: {} columns of transistors, output pulse in percent of the longest\n"
        "column level  {:.3f} rms, {:.3f} max\nstatic sum    {:.3f} rms\n",
        audit.bench, audit.spice_pulse_s.size(), audit.rms_percent(), audit.max_percent(),
        audit.static_rms_percent());
    if (audit.failed_simulations > 0)
      say("{} simulations had failed and are left out\n", audit.failed_simulations);
  }
  return 0;
}

}  // namespace

Run cmd_columns(Arguments& app) {
  auto o = std::make_shared<ColumnsOptions>();
  app.add_option("samples", o->samples, "samples of a column bench (netlists/column)").required();
  app.add_option("--device", o->device, "device tables").required();
  app.add_option("--bench", o->bench, "name of the bench in the samples");
  app.add_option("--stage", o->stage, "first: ReLU converter; second: signed converter");
  app.add_option("-o,--output", o->output, "write every column's pulses to this HDF5 file");
  app.add_flag("--json", o->json, "as JSON");
  return [o] { return columns(*o); };
}

}  // namespace gaincell::cli
