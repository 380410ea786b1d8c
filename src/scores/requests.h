#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/evaluate.h"
#include "model/tokenizer.h"
#include "model/transformer.h"

// What the field asks a language model for, and what it makes of the answers.
namespace gaincell::scores {

// How likely is `continuation` after `context`? Neither is changed: a blank between words is part
// of one of them.
struct Request {
  std::string context, continuation;
  std::string place;  // in its file, for messages
};

struct Answer {
  double log_likelihood = 0;  // natural; the sum over the continuation's tokens
  bool greedy = false;  // each of its tokens is the most probable one, the lowest id among equals
  int tokens = 0;       // of the continuation
  bool cut = false;     // learned positions: the context lost its beginning
  std::vector<double> each = {};  // log-likelihood by token
};

// A request's tokens: those of context and continuation together, `context` of which are the
// context's. Blanks at the context's end go with the continuation, as in the harnesses that are in
// use, since no token of a trained model ends a word with one.
struct RequestTokens {
  std::vector<int> all;
  std::size_t context = 0;
};
// Error where the context or the continuation gives no token of its own.
RequestTokens tokens_of(const Request& request, model::Tokenizer& tokenizer);

struct Answers {
  std::vector<Answer> each;     // in the order of the requests
  model::EvaluationReport run;  // nats_per_token over all continuations
};

struct AnswerOptions {
  std::function<void(double share)> progress = {};
  // Told once, before anything is run: the tokens that the longest request runs.
  std::function<void(std::int64_t tokens)> longest = {};
  // Where answers are kept, so that an interrupted run goes on; may be null.
  model::RunStore* store = nullptr;
};
// Each request from an empty memory, all of them read before the first is run.
Answers answer(std::span<const Request> requests, model::Tokenizer& tokenizer,
               model::Transformer& transformer, const AnswerOptions& options = {});

// One JSON object a line with `context` and `continuation`; other keys are refused. Error with file
// and line.
std::vector<Request> read_requests(const std::string& path);

}  // namespace gaincell::scores
