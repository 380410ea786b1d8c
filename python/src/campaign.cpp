#include "python/src/campaign.h"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "characterize/campaign/campaign_plan.h"
#include "characterize/campaign/check.h"
#include "characterize/campaign/progress.h"
#include "characterize/campaign/stop_signals.h"
#include "characterize/results/cache.h"
#include "characterize/results/datasheet.h"
#include "cli/campaign_run.h"
#include "cli/datasheet_page.h"
#include "python/src/running.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

using Words = std::vector<std::string>;

// Tells Python the events of `gaincell characterize --json`. What the callback or a signal's
// handler raises stops the campaign, as Ctrl-C does, and is raised behind it.
class Listener : public characterize::Progress {
 public:
  explicit Listener(const nb::object& callback)
      : callback_(callback),
        events_(characterize::json_progress([this](const std::string& event) { tell(event); })) {}

  void warning(const std::string& bench, const std::string& text) override {
    events_->warning(bench, text);
  }
  void begin(const characterize::ProgressCount& count, std::size_t from_journal,
             std::size_t from_cache) override {
    events_->begin(count, from_journal, from_cache);
    if (raised) characterize::ask_stop();
  }
  void failed(const std::string& bench, const std::string& point,
              const characterize::JobResult& result) override {
    events_->failed(bench, point, result);
  }
  void worker_lost(const std::string& reason) override { events_->worker_lost(reason); }
  void tick(const characterize::ProgressCount& count) override {
    events_->tick(count);
    catching([] { heed_signals(); });
    if (raised) characterize::ask_stop();
  }
  void end() override { events_->end(); }

  std::optional<nb::python_error> raised;

 private:
  void tell(const std::string& event) {
    if (callback_.is_none() || raised) return;
    catching([&] {
      const nb::gil_scoped_acquire acquire;
      callback_(event);
    });
  }

  template <typename Call>
  void catching(const Call& call) {
    try {
      call();
    } catch (nb::python_error& error) {
      if (!raised) raised.emplace(std::move(error));
    }
  }

  nb::handle callback_;  // the caller's
  std::unique_ptr<characterize::Progress> events_;
};

// Signals are the process' own, and so a campaign has it for itself.
std::mutex& only_one() {
  static std::mutex mutex;
  return mutex;
}

// The event `end`, and the refinement where it was asked for.
std::tuple<std::string, std::optional<std::string>> run(const cli::CampaignRequest& request,
                                                        const nb::object& progress) {
  const std::unique_lock<std::mutex> alone(only_one(), std::try_to_lock);
  if (!alone)
    throw Error({.place = "Bench.run",
                 .rule = "a campaign runs in this process already",
                 .remedy = "wait for its end, or begin the other one in a process of its own"});
  Listener listener(progress);
  std::optional<cli::CampaignOutcome> outcome;
  {
    const nb::gil_scoped_release release;
    outcome.emplace(cli::run_campaign(request, &listener));
  }
  if (listener.raised) throw nb::python_error(std::move(*listener.raised));
  if (outcome->report.interrupted) {
    PyErr_SetString(PyExc_KeyboardInterrupt,
                    "stopped; the journal is kept: the same call goes on from here");
    nb::raise_python_error();
  }
  std::optional<std::string> refinement;
  if (outcome->refinement) refinement = json_text(outcome->refinement->to_json());
  return {outcome->report.to_json(), refinement};
}

// What a campaign would run.
std::string outline(const Words& benches, const Words& filters, const Words& at,
                    const Words& allow) {
  const nb::gil_scoped_release release;
  auto all = nlohmann::ordered_json::array();
  const auto campaign = characterize::plan_campaign(benches, filters, allow, at);
  for (const auto& unit : campaign.units) {
    const auto bench = characterize::outline(unit);
    all.push_back({{"name", bench.name},
                   {"path", bench.path},
                   {"description", unit.bench->description},
                   {"points", bench.points},
                   {"draws", bench.draws},
                   {"holdout", bench.holdout},
                   {"simulations", bench.simulations},
                   {"axes", bench.axes},
                   {"warnings", bench.warnings}});
  }
  return json_text(all);
}

}  // namespace

void bind_campaign(nb::module_& module) {
  module.def("outline", outline, nb::arg("benches"), nb::arg("filters"), nb::arg("at"),
             nb::arg("allow"));
  module.def("default_cache", [] { return characterize::default_cache_folder().string(); });
  module.def(
      "run_campaign",
      [](Words benches, Words filters, Words at, Words allow, std::string output, unsigned jobs,
         std::size_t memory_mib, const std::string& cache, bool fresh, bool keep_going, bool refine,
         const std::filesystem::path& worker, const nb::object& progress) {
        return run({.benches = std::move(benches),
                    .filters = std::move(filters),
                    .at = std::move(at),
                    .output = std::move(output),
                    .jobs = jobs,
                    .memory_mib = memory_mib,
                    .cache = cache,
                    .allow = std::move(allow),
                    .fresh = fresh,
                    .keep_going = keep_going,
                    .refine = refine,
                    .worker = worker},
                   progress);
      },
      nb::arg("benches"), nb::kw_only(), nb::arg("filters"), nb::arg("at"), nb::arg("allow"),
      nb::arg("output"), nb::arg("jobs"), nb::arg("memory_mib"), nb::arg("cache"), nb::arg("fresh"),
      nb::arg("keep_going"), nb::arg("refine"), nb::arg("worker"), nb::arg("progress").none());
  module.def(
      "datasheet_json",
      [](const std::filesystem::path& samples) {
        return cli::datasheet_json(characterize::read_datasheet(samples));
      },
      nb::arg("samples"));
}

}  // namespace gaincell::python
