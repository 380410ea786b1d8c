#include <fmt/format.h>

#include <memory>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/inference.h"
#include "cli/progress_bar.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct InferVerb {
  InferenceOptions inference;
  bool json = false;
};

Inference infer_with_bar(InferenceOptions options) {
  ProgressBar bar("infer");
  options.progress = [&](double share) { bar.show(share); };
  return infer(options);
}

int run_infer(const InferVerb& o) {
  const Inference report = infer_with_bar(o.inference);
  warn(report.warnings);
  if (o.json) {
    fmt::print("{}\n", json_text(report.to_json(), 2));
  } else {
    say("{}", report.brief());
  }
  return 0;
}

}  // namespace

Run cmd_infer(Arguments& app) {
  auto o = std::make_shared<InferVerb>();
  declare(app, o->inference);
  app.add_flag("--json", o->json, "as JSON");
  return [o] { return run_infer(*o); };
}

}  // namespace gaincell::cli
