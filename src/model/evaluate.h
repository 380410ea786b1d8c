#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "energy/activity.h"
#include "model/layer_agreement.h"
#include "model/passages.h"
#include "model/transformer.h"

namespace gaincell::model {

struct EvaluationOptions {
  // Learned positions only: how far the window of n_positions tokens moves; each token but those of
  // the first window is then scored with at least n_positions - stride tokens before it. 0 =
  // n_positions / 2. A smaller stride costs time and gives every token more context. Rotary models
  // slide in one pass.
  int stride = 0;
  // Tokens between two calls of progress; also what the layers' pipeline is filled with at a time,
  // so small blocks keep threads idle.
  int block = 4096;
  // The same weights with another attention, beside which each token is looked at; may be null.
  Transformer* reference = nullptr;
  // Attention as the reference has it, one a layer: each layer is looked at as well. Or empty.
  std::vector<std::unique_ptr<attention::Attention>> beside = {};
  // Where windows are kept, so that an interrupted run goes on; may be null. Idle in one sliding
  // pass and beside a reference, which begin anew.
  RunStore* store = nullptr;
  // Called with the share done, 0 .. 1.
  std::function<void(double)> progress = {};
};

// What the model says of the next token beside what the reference says, by token scored.
struct Agreement {
  std::vector<double> same_top;        // 1 where both have the same token first, else 0
  std::vector<double> kl_nats;         // of this model from the reference: sum p_ref log(p_ref / p)
  std::vector<double> reference_nats;  // the reference's -log p of the text's token
  std::vector<LayerAgreement> layers;  // where they were looked at
};

struct EvaluationReport {
  std::int64_t tokens = 0;  // scored: all but the first
  std::int64_t tokens_run =
      0;           // that went through the model; more than the text's where windows overlap
  int stride = 0;  // used; 0 = one sliding pass
  double nats_per_token = 0;
  std::vector<double> nats = {};            // by token scored
  std::optional<Agreement> agreement = {};  // where there is a reference
  double seconds = 0;                       // the reference's time is not in it
  std::vector<energy::Activity> activity;   // one per layer, over all tokens run

  double perplexity() const;
  double tokens_per_second() const;
};

// Error where windows of learned positions would leave tokens out.
void require_stride(const Config& config, int stride);

// Mean of -log p(token | all before it in reach), teacher forced. Error where there are fewer than
// 2 tokens. The transformer is left at the end of the text.
EvaluationReport evaluate(Transformer& transformer, std::span<const int> tokens,
                          EvaluationOptions options = {});

}  // namespace gaincell::model
