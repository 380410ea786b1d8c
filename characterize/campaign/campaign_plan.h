#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "characterize/plan/bisection.h"
#include "characterize/plan/plan.h"

namespace gaincell::characterize {

// The benches of one campaign with all their simulations. Job numbers go on from bench to bench,
// and from round to round of those that search.
struct CampaignPlan {
  struct Unit {
    std::unique_ptr<const Bench> bench;
    Plan plan;
    std::optional<Bisection> search;    // of a bench that searches: its plan grows by rounds
    std::vector<JobResult> results;     // one a job of the plan
    std::vector<std::string> warnings;  // what is allowed and probably not meant
  };
  struct Place {
    std::size_t unit;
    std::size_t job;  // in the unit's plan
  };
  std::vector<Unit> units;
  std::vector<Place> places;      // by job number
  std::vector<std::string> keys;  // Job::key, by job number

  const Job& job(std::uint64_t id) const;
  JobResult& result(std::uint64_t id);
  // Gives the new jobs of a unit their numbers.
  void number_jobs(std::size_t unit);
  // Plans what follows from the results of all jobs so far; false where nothing does.
  bool go_on();
  // Equal fingerprints: the same samples file, where program and simulator are the same.
  std::string fingerprint() const;
};

// Throws Error for wrong benches, for two of one name, and for a filter that applies to none.
CampaignPlan plan_campaign(const std::vector<std::string>& benches,
                           const std::vector<std::string>& filters = {},
                           const std::vector<std::string>& allow = {},
                           const std::vector<std::string>& at = {},
                           const std::vector<AddedNode>& added_nodes = {},
                           const std::vector<AxisValues>& axis_values = {});

}  // namespace gaincell::characterize
