#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "base/process.h"
#include "train/trainer.h"

namespace {

int run(int argc, char** argv) {
  using gaincell::train::Precision;
  gaincell::train::TrainOptions o;
  std::string attention = "softmax", precision = "f32";
  CLI::App app{"Trains a GPT-2-architecture character model whose loss knows the hardware",
               "gaincell train"};
  app.footer("From a checkpoint, on any GPU of PyTorch: gaincell train --from DIR --help.");
  app.option_defaults()->always_capture_default();
  app.add_option("--text", o.text, "text to train on")->required();
  app.add_option("--held-out", o.held_out, "text to validate on (default: last 10 % of --text)");
  app.add_option("--encoding", o.encoding,
                 "of both: utf-8, utf-16le, utf-16be or latin-1 (default: by their marks, else "
                 "UTF-8)");
  app.add_option("--out", o.out, "model folder to write")->required();
  app.add_option("--attention", attention, "softmax, or linear (the hardware model)")->required();
  app.add_option("--layers", o.layers, "transformer blocks");
  app.add_option("--heads", o.heads, "attention heads");
  app.add_option("--head-dim", o.head_dim, "dimensions of a head");
  app.add_option("--context", o.context, "tokens of a training sequence, multiple of 64");
  app.add_option("--window", o.window, "tokens attended to, multiple of 64");
  app.add_option("--rotary-dims", o.rotary_dims, "dimensions of a head that carry position");
  app.add_option("--rotary-base", o.rotary_base, "rotary base");
  app.add_option("--steps", o.steps, "optimiser steps");
  app.add_option("--batch", o.batch, "sequences a step");
  app.add_option("--lr", o.lr, "peak learning rate");
  app.add_option("--warmup", o.warmup, "steps of linear rise");
  app.add_option("--cooldown", o.cooldown,
                 "0: cosine to 5 %; else hold the rate, linear to 5 % over so many last steps");
  app.add_option("--weight-decay", o.weight_decay, "on matrices");
  app.add_option("--dropout", o.dropout, "share of activations dropped");
  app.add_option("--clip", o.clip, "largest norm of the gradient");
  app.add_option("--seed", o.seed, "of weights, batches and dropout");
  app.add_option("--threads", o.threads, "threads");
  app.add_option("--precision", precision,
                 "f32, or bf16 for the factors of matrix products (fast with AVX512-BF16)");
  app.add_option("--eval-every", o.eval_every, "steps between looks at the held-out text");
  app.add_option("--checkpoint-every", o.checkpoint_every, "steps between resumable states");
  app.add_flag("--resume", o.resume, "go on from OUT.state where it exists");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    throw gaincell::Error(
        {.place = "gaincell train", .rule = error.what(), .remedy = "see `gaincell train --help`"});
  }
  const auto one_of = [](const char* option, const std::string& value, const char* first,
                         const char* second) {
    if (value == first || value == second) return;
    throw gaincell::Error({.place = "gaincell train",
                           .key = option,
                           .value = value,
                           .rule = fmt::format("must be {} or {}", first, second)});
  };
  one_of("--attention", attention, "softmax", "linear");
  one_of("--precision", precision, "f32", "bf16");
  o.attention = attention == "linear" ? gaincell::model::AttentionKind::kLinear
                                      : gaincell::model::AttentionKind::kSoftmax;
  o.precision = precision == "bf16" ? Precision::kBf16 : Precision::kF32;
  o.progress = [](const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  gaincell::train::train(o);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return gaincell::run_guarded([&] { return run(argc, argv); });
}
