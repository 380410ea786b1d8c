#include "characterize/pool/pool.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/installation.h"
#include "base/sha256.h"
#include "base/version.h"
#include "characterize/pool/scheduler.h"

namespace gaincell::characterize {

Pool::Pool(PoolOptions options) : options_(std::move(options)) {
  if (::access("/proc/self/stat", R_OK) != 0)
    throw Error({.place = "/proc",
                 .rule = "is not mounted: without it nobody sees what time and memory a simulator "
                         "takes",
                 .remedy = "mount -t proc proc /proc"});
  if (options_.workers == 0) options_.workers = 1;
}

PoolReport& PoolReport::operator+=(const PoolReport& other) {
  workers_started += other.workers_started;
  workers_lost += other.workers_lost;
  workers_recycled += other.workers_recycled;
  jobs_repeated += other.jobs_repeated;
  jobs_aided += other.jobs_aided;
  simulator_s += other.simulator_s;
  wall_s += other.wall_s;
  if (ngspice_version.empty()) ngspice_version = other.ngspice_version;
  if (unconfined.empty()) unconfined = other.unconfined;
  for (const auto& [reason, count] : other.losses) losses[reason] += count;
  worker_growth_bytes = std::max(worker_growth_bytes, other.worker_growth_bytes);
  return *this;
}

PoolReport Pool::run(std::span<const Job* const> jobs, const PoolListener& listener) {
  return Scheduler(options_, jobs, listener, simulator_).run();
}

std::string Pool::ngspice_version() {
  const PoolListener nobody;
  if (simulator_.empty()) Scheduler(options_, {}, nobody, simulator_).greet();
  return simulator_;
}

std::string Pool::identity() {
  return fmt::format("gaincell {} ngspice {} worker {} allow {}", kVersion, ngspice_version(),
                     sha256(read_file(options_.worker)), fmt::join(options_.allow, " "));
}

std::filesystem::path worker_program() { return sibling_program("gaincell-worker"); }

}  // namespace gaincell::characterize
