#include <Eigen/Core>
#include <cmath>

#include "attention/attention.h"
#include "attention/digital/blocked_attention.h"

namespace gaincell::attention {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

class Softmax final : public BlockedAttention {
 public:
  explicit Softmax(Shape shape)
      : BlockedAttention(shape, Scalers::identity(shape.heads), shape.dim) {}

 private:
  void run_block(int head, int block, const float* q, const float* k, const float* v,
                 float* out) override {
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

  Matrix scores_;
};

}  // namespace

std::unique_ptr<Attention> make_softmax(Shape shape) { return std::make_unique<Softmax>(shape); }

}  // namespace gaincell::attention
