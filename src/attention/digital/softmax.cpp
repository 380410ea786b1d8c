#include <Eigen/Core>
#include <cmath>

#include "attention/attention.h"
#include "attention/digital/blocked_attention.h"
#include "attention/elementwise.h"

namespace gaincell::attention {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

class Softmax final : public BlockedAttention {
 public:
  explicit Softmax(Shape shape)
      : BlockedAttention(shape, Scalers::identity(shape.heads, shape.group), shape.dim) {}

 private:
  void store_block(int array, int block, const float* k, const float* v) override {
    const int dim = shape().dim;
    const Eigen::OuterStride<> stride(shape().arrays() * dim);
    const auto store = [&](SlidingBuffer& buffer, const float* rows) {
      Eigen::Map<Matrix>(buffer.append(block), block, dim) =
          Map(rows + array * dim, block, dim, stride);
    };
    store(keys_[array], k);
    store(values_[array], v);
  }

  void run_block(int head, int block, const float* q, float* out) override {
    const SlidingBuffer &keys = keys_[array_of(head)], &values = values_[array_of(head)];
    const int dim = shape().dim, width = shape().heads * dim, window = shape().window;
    const Eigen::OuterStride<> stride(width);
    const Map queries(q + head * dim, block, dim, stride);
    const std::int64_t end = keys.end(), now = end - block;
    const std::int64_t from = std::max(keys.first(), now - (window - 1));
    const int seen = static_cast<int>(end - from);
    const Eigen::Map<const Matrix> all_keys(keys.row(from), seen, dim);
    const Eigen::Map<const Matrix> all_values(values.row(from), seen, dim);

    scores_.noalias() = queries * all_keys.transpose();
    const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
    for (int b = 0; b < block; ++b) {
      // Row b sees tokens now+b-window+1 .. now+b.
      const int last = static_cast<int>(now + b - from);
      const int first = std::max(0, last - (window - 1));
      auto row = scores_.row(b).array();
      softmax(static_cast<std::size_t>(last - first + 1), scale, row.data() + first);
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
