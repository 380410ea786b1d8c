#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/adaptation.h"
#include "cli/device_files.h"
#include "cli/inference.h"
#include "sweep/figures.h"
#include "sweep/plan.h"
#include "sweep/study.h"

namespace gaincell::cli {

// A study's runs, each as `gaincell infer` or `eval` does it by the run's own command line, on a
// model and a text that are read once.
class StudyRunner {
 public:
  // Reads the files and looks at every point. Throws Error for what no point could be run with.
  // `threads`: of one run.
  StudyRunner(const sweep::Study& study, int threads);
  ~StudyRunner();

  const sweep::StudyPlan& plan() const { return plan_; }
  // From any thread. Throws Error where the run fails, and sweep::Stopped.
  sweep::Figures evaluate(std::size_t run, const std::function<void()>& tick);

 private:
  struct Parsed;
  std::unique_ptr<Parsed> parsed(std::size_t run) const;
  std::unique_ptr<ModelRun> ready(std::size_t run, const ModelRunOptions& options);
  void read_outcome();
  void require_task() const;
  void require_fit(const Parsed& options) const;
  model::Model model_of(std::size_t run);
  model::Model adapted(std::size_t point);
  void add_hashes();
  void look_at_every_point() const;

  const sweep::Study& study_;
  const int threads_;
  model::Model model_;
  // The same for calibration: its text may take special tokens where the study's does not.
  model::Model calibrated_;
  InferenceText text_;  // none where there is a task
  sweep::StudyPlan plan_;
  mutable DeviceFiles devices_;  // all are read before the first run
  std::mutex mutex_;             // of devices_ and of fitting
  std::map<std::size_t, std::shared_ptr<const model::Weights>> adapted_;  // by point
};

}  // namespace gaincell::cli
