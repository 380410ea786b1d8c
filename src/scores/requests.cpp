#include "scores/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "scores/json_lines.h"

namespace gaincell::scores {
namespace {

// The newest tokens that fit, the last of all being a target only.
RequestTokens fit(RequestTokens tokens, const model::Config& config) {
  if (config.positions != model::Positions::kLearned) return tokens;
  const auto most = static_cast<std::size_t>(config.n_positions) + 1;
  if (tokens.all.size() <= most) return tokens;
  const std::size_t lost = tokens.all.size() - most;
  tokens.all.erase(tokens.all.begin(), tokens.all.begin() + static_cast<std::ptrdiff_t>(lost));
  tokens.context -= std::min(lost, tokens.context);
  return tokens;
}

}  // namespace

RequestTokens tokens_of(const Request& request, model::Tokenizer& tokenizer) {
  const std::size_t end = request.context.find_last_not_of(" \t\n\r") + 1;
  RequestTokens tokens;
  tokens.context = tokenizer.encode(request.context.substr(0, end), request.place).size();
  tokens.all = tokenizer.encode(request.context + request.continuation, request.place);
  if (tokens.context == 0)
    throw Error({.place = request.place,
                 .key = "context",
                 .value = "\"" + request.context + "\"",
                 .rule = "the first token of a continuation needs one before it",
                 .remedy = "give a context, or score the text with `infer`"});
  if (tokens.all.size() <= tokens.context)
    throw Error({.place = request.place,
                 .key = "continuation",
                 .value = "\"" + request.continuation + "\"",
                 .rule = "gives no token of its own"});
  return tokens;
}

Answers answer(std::span<const Request> requests, model::Tokenizer& tokenizer,
               model::Transformer& transformer, const std::function<void(double)>& progress) {
  const model::Config& config = transformer.weights().config;
  Answers answers;
  answers.run.activity.resize(static_cast<std::size_t>(config.n_layer));
  double nats = 0;
  const auto start = std::chrono::steady_clock::now();
  for (const Request& request : requests) {
    const RequestTokens whole = tokens_of(request, tokenizer);
    const RequestTokens tokens = fit(whole, config);
    if (tokens.context == 0)
      throw Error({.place = request.place,
                   .key = "continuation",
                   .value = fmt::format("{} tokens", tokens.all.size()),
                   .rule = fmt::format(
                       "the model has {} learned positions, and no token of the context is left",
                       config.n_positions)});
    const std::span<const int> inputs = std::span(tokens.all).first(tokens.all.size() - 1);
    const std::span<const int> targets = std::span(tokens.all).subspan(1);
    const std::size_t first = tokens.context - 1;  // its target is the continuation's first token
    transformer.reset();
    transformer.run(inputs.first(first));
    std::vector<double> each(targets.size() - first);
    std::vector<int> likeliest(each.size());
    transformer.score(inputs.subspan(first), targets.subspan(first), each, likeliest);
    Answer& given = answers.each.emplace_back();
    for (const double one : each) given.log_likelihood -= one;
    given.greedy = std::equal(likeliest.begin(), likeliest.end(),
                              targets.begin() + static_cast<std::ptrdiff_t>(first));
    given.tokens = static_cast<int>(each.size());
    given.cut = tokens.all.size() < whole.all.size();
    nats -= given.log_likelihood;
    answers.run.tokens += given.tokens;
    answers.run.tokens_run += static_cast<std::int64_t>(inputs.size());
    for (int layer = 0; layer < config.n_layer; ++layer)
      answers.run.activity[static_cast<std::size_t>(layer)] +=
          transformer.attention(layer).activity();
    if (progress)
      progress(static_cast<double>(answers.each.size()) / static_cast<double>(requests.size()));
  }
  answers.run.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  answers.run.nats_per_token =
      answers.run.tokens > 0 ? nats / static_cast<double>(answers.run.tokens) : 0;
  return answers;
}

std::vector<Request> read_requests(const std::string& path) {
  std::vector<Request> requests;
  for (const JsonLine& line : read_json_lines(path)) {
    line.only({"context", "continuation"});
    requests.push_back({line.text("context"), line.text("continuation"), line.place});
  }
  return requests;
}

}  // namespace gaincell::scores
