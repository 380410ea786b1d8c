#include "scores/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "scores/json_lines.h"
#include "scores/tasks.h"

namespace gaincell::scores {
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

namespace {

// What is run of a request: the newest tokens that fit, the last of all being a target only.
std::size_t first_that_fits(const RequestTokens& tokens, const Request& request,
                            const model::Config& config) {
  if (config.positions != model::Positions::kLearned) return 0;
  const auto most = static_cast<std::size_t>(config.n_positions) + 1;
  const std::size_t lost = tokens.all.size() > most ? tokens.all.size() - most : 0;
  if (lost >= tokens.context)
    throw Error({.place = request.place,
                 .key = "continuation",
                 .value = fmt::format("{} tokens", tokens.all.size() - tokens.context),
                 .rule = fmt::format("the model has {} learned positions, and no token of the "
                                     "context is left before it",
                                     config.n_positions),
                 .remedy = "cut the continuation, or score a long text with `infer`"});
  return lost;
}

// A request as it goes through the model, with room for what comes out.
struct Prepared {
  RequestTokens tokens;
  std::size_t lost;  // of the context
  std::vector<double> nats;
  std::vector<int> likeliest;

  model::Transformer::Passage passage() {
    return {.tokens = std::span(tokens.all).subspan(lost),
            .scored_from = tokens.context - lost,
            .nats = nats,
            .likeliest = likeliest};
  }
  Answer answer() const {
    Answer given{.tokens = static_cast<int>(nats.size()), .cut = lost > 0};
    for (const double one : nats) {
      given.log_likelihood -= one;
      given.each.push_back(-one);
    }
    given.greedy = std::equal(likeliest.begin(), likeliest.end(),
                              tokens.all.begin() + static_cast<std::ptrdiff_t>(tokens.context));
    return given;
  }
};

std::vector<Prepared> prepare(std::span<const Request> requests, model::Tokenizer& tokenizer,
                              const model::Config& config) {
  std::vector<Prepared> all;
  all.reserve(requests.size());
  for (const Request& request : requests) {
    RequestTokens tokens = tokens_of(request, tokenizer);
    const std::size_t lost = first_that_fits(tokens, request, config);
    const std::size_t scored = tokens.all.size() - tokens.context;
    all.push_back({std::move(tokens), lost, std::vector<double>(scored), std::vector<int>(scored)});
  }
  return all;
}

}  // namespace

Answers answer(std::span<const Request> requests, model::Tokenizer& tokenizer,
               model::Transformer& transformer, const AnswerOptions& options) {
  Answers answers;
  answers.run.activity.resize(static_cast<std::size_t>(transformer.weights().config.n_layer));
  std::vector<Prepared> all = prepare(requests, tokenizer, transformer.weights().config);
  if (options.longest) {
    std::size_t longest = 0;
    for (const Prepared& one : all) longest = std::max(longest, one.tokens.all.size() - one.lost);
    options.longest(static_cast<std::int64_t>(longest) - 1);
  }
  std::vector<model::Transformer::Passage> passages;
  for (Prepared& one : all) passages.push_back(one.passage());
  answers.run.seconds = model::run_passages(
      transformer, passages, answers.run.activity,
      {.progress =
           [&](std::size_t done) {
             if (options.progress)
               options.progress(static_cast<double>(done) / static_cast<double>(all.size()));
           },
       .store = options.store});
  double nats = 0;
  for (const Prepared& one : all) {
    answers.each.push_back(one.answer());
    nats -= answers.each.back().log_likelihood;
    answers.run.tokens += answers.each.back().tokens;
    answers.run.tokens_run += static_cast<std::int64_t>(one.tokens.all.size() - one.lost) - 1;
  }
  answers.run.nats_per_token =
      answers.run.tokens > 0 ? nats / static_cast<double>(answers.run.tokens) : 0;
  return answers;
}

std::vector<Request> read_requests(const std::string& path) {
  std::vector<Request> requests;
  const std::vector<JsonLine> lines = read_json_lines(path);
  require_requests(lines.front());
  for (const JsonLine& line : lines) {
    line.only({"context", "continuation"});
    requests.push_back({line.text("context"), line.text("continuation"), line.place});
  }
  return requests;
}

}  // namespace gaincell::scores
