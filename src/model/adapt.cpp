#include "model/adapt.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/attention_choice.h"

namespace gaincell::model {
namespace {

using attention::Moments;
using attention::Statistics;

std::array<const std::vector<Moments>*, 4> parts(const Statistics& s) {
  return {&s.q, &s.k, &s.v, &s.output};
}

struct Coefficients {
  std::vector<float>&a, &b;
};
std::array<Coefficients, 4> coefficients(attention::Scalers& s) {
  return {{{s.a_q, s.b_q}, {s.a_k, s.b_k}, {s.a_v, s.b_v}, {s.a_o, s.b_o}}};
}

}  // namespace

AdaptReport adapt(Transformer& target, Transformer& device, const Batch& batch,
                  const AdaptOptions& options) {
  const Config& config = device.weights().config;
  const Collecting collect_target(target), collect_device(device);
  AdaptReport report;
  const BatchReport wanted = run_batch(target, batch);
  report.nats_target = wanted.nats_per_token;
  const std::array<double, 4> units{1, options.volts, options.volts, 1};  // of q, k, v, output

  if (options.start_from_identity) {
    report.nats_before = run_batch(device, batch).nats_per_token;
    for (int l = 0; l < config.n_layer; ++l)
      device.attention(l).set_scalers(
          with_volts(attention::Scalers::identity(config.n_head, config.group()), options.volts));
  }
  for (int step = 0;; ++step) {
    // Those of the last pass remain, with the scalers that it leaves.
    for (int l = 0; l < config.n_layer; ++l) device.attention(l).reset_ranges();
    const BatchReport found = run_batch(device, batch);
    const double ramp = std::min(1.0, static_cast<double>(step) / options.ramp_steps);
    const double alpha = options.alpha_first + (options.alpha_last - options.alpha_first) * ramp;
    AdaptStep now{.step = step, .alpha = alpha, .nats_per_token = found.nats_per_token};
    double squares = 0, count = 0;
    std::vector<attention::Scalers> next;
    for (int l = 0; l < config.n_layer; ++l) {
      attention::Scalers scalers = device.attention(l).scalers();
      const auto list = coefficients(scalers);
      for (std::size_t p = 0; p < list.size(); ++p) {
        for (std::size_t h = 0; h < list[p].a.size(); ++h) {
          const Moments& goal = (*parts(wanted.layers[l])[p])[h];
          const Moments& have = (*parts(found.layers[l])[p])[h];
          const double unit = units[p];
          const double mean_error = unit * goal.mean() - have.mean();
          const double wanted_deviation = unit * goal.standard_deviation();
          const double deviation_error = wanted_deviation - have.standard_deviation();
          now.worst_mean_error = std::max(now.worst_mean_error, std::abs(mean_error));
          now.worst_deviation_error =
              std::max(now.worst_deviation_error, std::abs(deviation_error));
          squares += mean_error * mean_error + deviation_error * deviation_error;
          count += 2;
          // A scaler whose signal does not vary has no gain to be found.
          if (std::abs(deviation_error) > options.tolerance && have.standard_deviation() > 0) {
            const double ratio = wanted_deviation / have.standard_deviation();
            list[p].a[h] = static_cast<float>(list[p].a[h] * (alpha * ratio + 1 - alpha));
          }
          if (std::abs(mean_error) > options.tolerance)
            list[p].b[h] = static_cast<float>(list[p].b[h] + alpha * mean_error);
        }
      }
      next.push_back(std::move(scalers));
    }
    now.rms_error = std::sqrt(squares / count);
    report.steps.push_back(now);
    report.nats_after = now.nats_per_token;
    if (step == 0 && !options.start_from_identity) report.nats_before = now.nats_per_token;
    if (options.progress) options.progress(now);
    report.converged =
        std::max(now.worst_mean_error, now.worst_deviation_error) <= options.tolerance;
    if (report.converged || step == options.steps) break;
    for (int l = 0; l < config.n_layer; ++l) device.attention(l).set_scalers(std::move(next[l]));
  }
  for (int l = 0; l < config.n_layer; ++l)
    report.scalers.push_back(with_volts(device.attention(l).scalers(), 1 / options.volts));
  return report;
}

}  // namespace gaincell::model
