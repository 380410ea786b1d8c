#include "model/generate.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/process.h"
#include "cli/commands.h"
#include "cli/model_run.h"

namespace gaincell::cli {
namespace {

struct GenerateOptions {
  ModelRunOptions run;
  std::string prompt;
  bool special_tokens = false;
  int tokens = 200;
  std::uint64_t seed = 1;
  model::SamplingOptions sampling;
};

int generate(const GenerateOptions& o) {
  if (o.tokens < 1) {
    throw Error(
        {.key = "--tokens", .value = std::to_string(o.tokens), .rule = "must be at least 1"});
  }
  ModelRun run(o.run);
  if (o.special_tokens) run.model.tokenizer->take_special_tokens();
  const auto prompt = run.model.tokenizer->encode(o.prompt, "--prompt");
  run.require_known_ages(static_cast<std::int64_t>(prompt.size()) + o.tokens);
  Random random(o.seed);
  // Nothing is printed before the first token, so that wrong input leaves no half output.
  bool started = false;
  model::generate(*run.transformer, prompt, o.tokens, o.sampling, random, [&](int token) {
    if (!started) {
      if (!o.sampling.greedy) {
        tell(fmt::format("seed {}, temperature {}{}\n", o.seed, o.sampling.temperature,
                         o.sampling.top_k > 0 ? fmt::format(", top {}", o.sampling.top_k) : ""));
      }
      fmt::print("{}", o.prompt);
      started = true;
    }
    fmt::print("{}", run.model.tokenizer->decode(std::vector<int>{token}));
    std::fflush(stdout);
  });
  fmt::print("\n");
  std::fflush(stdout);
  run.range_notes().warn();
  return 0;
}

}  // namespace

Run cmd_generate(Arguments& app) {
  auto options = std::make_shared<GenerateOptions>();
  declare(app, options->run);
  app.add_option("--prompt", options->prompt, "text to continue").required();
  app.add_flag("--special-tokens", options->special_tokens,
               "take special and added tokens that are written out in the prompt as themselves");
  app.add_option("--tokens", options->tokens, "length of the continuation");
  app.add_flag("--greedy", options->sampling.greedy, "always the likeliest token");
  app.add_option("--temperature", options->sampling.temperature, "below 1: closer to greedy");
  app.add_option("--top-k", options->sampling.top_k,
                 "draw from the k likeliest tokens only; 0 = all");
  app.add_option("--seed", options->seed, "of the draws");
  return [options] { return generate(*options); };
}

}  // namespace gaincell::cli
