#include "train/options.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <string>

#include "base/error.h"

namespace gaincell::train {
namespace {

constexpr double kLowestShare = 0.05;  // of the peak learning rate, at the end

template <class T>
void require(bool holds, const char* option, const T& value, const char* rule) {
  if (holds) return;
  throw Error({.place = "gaincell train",
               .key = option,
               .value = fmt::format("{}", value),
               .rule = rule,
               .remedy = "see `gaincell train --help`"});
}

}  // namespace

void check(const TrainOptions& o) {
  require(o.layers >= 1 && o.layers <= 1000, "--layers", o.layers, "must lie in 1 .. 1000");
  require(o.heads >= 1 && o.heads <= 1000, "--heads", o.heads, "must lie in 1 .. 1000");
  require(o.head_dim >= 2 && o.head_dim % 2 == 0 && o.head_dim <= 1024, "--head-dim", o.head_dim,
          "must be even, 2 .. 1024");
  require(o.window >= 64 && o.window % 64 == 0 && o.window <= 65536, "--window", o.window,
          "must be a multiple of 64, 64 .. 65536");
  require(o.context >= o.window && o.context % 64 == 0, "--context", o.context,
          "must be a multiple of 64 and at least the window");
  require(o.rotary_dims >= 2 && o.rotary_dims % 2 == 0 && o.rotary_dims <= o.head_dim,
          "--rotary-dims", o.rotary_dims, "must be even and at most the head dimension");
  require(o.rotary_base > 1, "--rotary-base", o.rotary_base, "must be greater than 1");
  require(o.steps >= 1, "--steps", o.steps, "must be at least 1");
  require(o.batch >= 1, "--batch", o.batch, "must be at least 1");
  require(o.lr > 0 && std::isfinite(o.lr), "--lr", o.lr, "must be greater than 0");
  require(o.warmup >= 0 && o.warmup < o.steps, "--warmup", o.warmup, "must lie in 0 .. steps-1");
  require(o.cooldown >= 0 && o.cooldown <= o.steps - o.warmup, "--cooldown", o.cooldown,
          "must lie in 0 .. steps - warmup");
  require(o.weight_decay >= 0 && o.weight_decay < 10, "--weight-decay", o.weight_decay,
          "must lie in 0 .. 10");
  require(o.dropout >= 0 && o.dropout < 1, "--dropout", o.dropout, "must lie in 0 .. below 1");
  require(o.clip > 0, "--clip", o.clip, "must be greater than 0");
  require(o.threads >= 1 && o.threads <= 1024, "--threads", o.threads, "must lie in 1 .. 1024");
  require(o.eval_every >= 1, "--eval-every", o.eval_every, "must be at least 1");
  require(o.checkpoint_every >= 1, "--checkpoint-every", o.checkpoint_every, "must be at least 1");
  require(o.attention != model::AttentionKind::kAnalog, "--attention",
          model::to_string(o.attention),
          "must be softmax or linear: weights are moved onto circuits by `gaincell adapt`");
  require(!o.out.empty(), "--out", "", "must name a folder");
}

double learning_rate(const TrainOptions& o, int step) {
  if (step < o.warmup) return o.lr * (step + 1) / o.warmup;
  if (o.cooldown > 0) {
    const int left = o.steps - step;  // 1 at the last step
    if (left >= o.cooldown) return o.lr;
    return o.lr * (kLowestShare + (1 - kLowestShare) * left / o.cooldown);
  }
  const double progress = static_cast<double>(step - o.warmup) / std::max(1, o.steps - o.warmup);
  return o.lr *
         (kLowestShare + (1 - kLowestShare) * 0.5 * (1 + std::cos(std::numbers::pi * progress)));
}

}  // namespace gaincell::train
