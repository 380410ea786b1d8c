#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "attention/attention.h"
#include "model/transformer.h"

namespace gaincell::model {

// Where a model under one attention goes away from the same weights under another, layer by layer,
// over all tokens run. A layer's own loss is what the other attention would have made of the same
// q, k and v, so that nothing is in it that came from the layers before.
struct LayerAgreement {
  struct Loss {
    double of_stream = 0;     // rms of what it puts on the residual stream, over the stream's
    double relative_rms = 0;  // before the output matrix: over the rms of what the reference makes
    double cosine = 0;        // likewise: 1 where both differ by a factor alone
  };
  Loss loss;
  // Of the stream behind the layer in both runs: all that is lost so far, rms of the difference
  // over the reference's.
  double stream_relative_rms = 0;
  std::vector<Loss> heads;
};

// Looks at two transformers of the same weights, which run the same tokens: the reference first, a
// block ahead. Any of their threads may tell it of a layer, each layer by one at a time.
class LayerComparison {
 public:
  // `beside`: attention as the reference has it, one a layer.
  LayerComparison(Transformer& own, Transformer& reference,
                  std::vector<std::unique_ptr<attention::Attention>> beside);
  ~LayerComparison();
  LayerComparison(const LayerComparison&) = delete;
  LayerComparison& operator=(const LayerComparison&) = delete;

  // With both transformers at rest and at the same position, before so many tokens.
  void begin_block(std::size_t tokens);
  void reset();  // with both transformers
  std::vector<LayerAgreement> found() const;

 private:
  struct Layer;
  void keep(const Transformer::LayerView& view);
  void compare(const Transformer::LayerView& view);

  Transformer &own_, &reference_;
  std::int64_t begin_ = 0;  // of the block
  std::vector<Layer> layers_;
};

}  // namespace gaincell::model
