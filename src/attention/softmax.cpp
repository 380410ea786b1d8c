#include <Eigen/Core>
#include <cmath>

#include "attention/attention.h"
#include "attention/sliding_buffer.h"

namespace gaincell::attention {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
constexpr int kBlock = 64;  // queries that share one matrix product

class Softmax final : public Attention {
 public:
  explicit Softmax(Shape shape) : Attention(shape, Scalers::identity(shape.heads)) {
    for (int h = 0; h < shape.heads; ++h) {
      keys_.emplace_back(shape.dim, shape.window - 1, kBlock);
      values_.emplace_back(shape.dim, shape.window - 1, kBlock);
    }
  }

  const energy::Activity& activity() const override { return activity_; }

 private:
  void reset_ring() override {
    for (auto& buffer : keys_) buffer.clear();
    for (auto& buffer : values_) buffer.clear();
    activity_ = {};
  }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int heads = shape().heads, width = heads * shape().dim;
    for (int start = 0; start < tokens; start += kBlock) {
      const int block = std::min(kBlock, tokens - start);
      const std::size_t at = static_cast<std::size_t>(start) * width;
      for (int h = 0; h < heads; ++h) run_block(h, block, q + at, k + at, v + at, out + at);
    }
    activity_.tokens += tokens;
    activity_.token_heads += static_cast<double>(tokens) * heads;
  }

  void run_block(int head, int block, const float* q, const float* k, const float* v, float* out) {
    const int dim = shape().dim, width = shape().heads * dim, window = shape().window;
    const Eigen::OuterStride<> stride(width);
    const Map queries(q + head * dim, block, dim, stride);
    const auto store = [&](SlidingBuffer& buffer, const float* rows) {
      Eigen::Map<Matrix>(buffer.append(block), block, dim) =
          Map(rows + head * dim, block, dim, stride);
    };
    store(keys_[head], k);
    store(values_[head], v);
    const std::int64_t end = keys_[head].end(), now = end - block;
    const std::int64_t from = std::max(keys_[head].first(), now - (window - 1));
    const int seen = static_cast<int>(end - from);
    const Eigen::Map<const Matrix> all_keys(keys_[head].row(from), seen, dim);
    const Eigen::Map<const Matrix> all_values(values_[head].row(from), seen, dim);

    scores_.noalias() = queries * all_keys.transpose();
    const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
    for (int b = 0; b < block; ++b) {
      // Row b sees tokens now+b-window+1 .. now+b.
      const int last = static_cast<int>(now + b - from);
      const int first = std::max(0, last - (window - 1));
      auto row = scores_.row(b).array();
      auto in_window = row.segment(first, last - first + 1);
      in_window = ((in_window - in_window.maxCoeff()) * scale).exp();
      in_window /= in_window.sum();
      row.head(first).setZero();
      row.tail(seen - last - 1).setZero();
    }
    Eigen::Map<Matrix, 0, Eigen::OuterStride<>>(out + head * dim, block, dim, stride).noalias() =
        scores_ * all_values;
  }

  std::vector<SlidingBuffer> keys_, values_;  // one per head
  Matrix scores_;
  energy::Activity activity_;
};

}  // namespace

std::unique_ptr<Attention> make_softmax(Shape shape) { return std::make_unique<Softmax>(shape); }

}  // namespace gaincell::attention
