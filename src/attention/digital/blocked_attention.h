#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "attention/attention.h"
#include "attention/digital/sliding_buffer.h"

namespace gaincell::attention {

// Attention without circuits: dense products over blocks of queries, keys and values of the window
// in one buffer a head. What it holds of a token is `row_size` numbers.
class BlockedAttention : public Attention {
 public:
  energy::Activity activity() const final { return activity_; }

 protected:
  static constexpr int kBlock = 64;  // queries that share one matrix product

  BlockedAttention(Shape shape, Scalers scalers, int row_size)
      : Attention(shape, std::move(scalers)) {
    for (int array = 0; array < shape.arrays(); ++array) {
      keys_.emplace_back(row_size, shape.window - 1, kBlock);
      values_.emplace_back(row_size, shape.window - 1, kBlock);
    }
  }

  // At most kBlock tokens of one array; the pointers are those of array 0.
  virtual void store_block(int array, int block, const float* k, const float* v) = 0;
  // The same tokens' queries in one head, after its array has theirs; pointers of head 0.
  virtual void run_block(int head, int block, const float* q, float* out) = 0;

  int array_of(int head) const { return head / shape().group; }

  std::vector<SlidingBuffer> keys_, values_;  // one per array

 private:
  void reset_ring() final {
    for (auto& buffer : keys_) buffer.clear();
    for (auto& buffer : values_) buffer.clear();
    activity_ = {};
  }

  void run_checked(int tokens, const float* q, const float* k, const float* v, float* out) final {
    const int heads = shape().heads, arrays = shape().arrays();
    const std::size_t dim = shape().dim;
    for (int start = 0; start < tokens; start += kBlock) {
      const int block = std::min(kBlock, tokens - start);
      const std::size_t at = start * dim * heads, stored_at = start * dim * arrays;
      for (int array = 0; array < arrays; ++array) {
        store_block(array, block, k + stored_at, v + stored_at);
        for (int h = array * shape().group; array_of(h) == array; ++h)
          run_block(h, block, q + at, out + at);
      }
    }
    activity_.tokens += tokens;
    activity_.token_heads += static_cast<double>(tokens) * heads;
  }

  energy::Activity activity_;
};

}  // namespace gaincell::attention
