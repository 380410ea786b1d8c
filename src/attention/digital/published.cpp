#include "attention/published.h"

#include <Eigen/Core>
#include <cmath>

#include "attention/attention.h"
#include "attention/digital/blocked_attention.h"
#include "attention/quantise.h"
#include "attention/quantiser.h"
#include "base/error.h"

namespace gaincell::attention {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Strided = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

// With z = stored - v_zero, I(z) = sum_i p_i z^i and D = exp(-decay (t - s)):
//   S[t,s]  = sum_i p_i (q[t] . k_z[s]^i) D^i
//   phi     = clamp(S / S_sat1, 0, 1)
//   o_tile  = quantise(clamp(1/S_sat2 sum_s sum_i p_i phi[t,s] D^i v_z[s]^i, -1, 1))
//   out     = a_o sum_tiles o_tile + b_o
// Each power i is one matrix product over a block of queries; powers with p_i = 0 cost nothing.
class Published final : public BlockedAttention {
 public:
  Published(Shape shape, PublishedHardware hardware, Scalers scalers)
      // Newest rows of z, z^2, .. side by side.
      : BlockedAttention(
            shape, std::move(scalers),
            static_cast<int>(std::max<std::size_t>(1, powers_of(hardware).size())) * shape.dim),
        hw_(hardware),
        q_(0.0, 1.0, hw_.q_levels),
        keys_at_(hardware, hw_.k_levels, powers_of(hardware)),
        values_at_(hardware, hw_.v_levels, powers_of(hardware)),
        output_(-1.0, 1.0, hw_.output_levels),
        powers_(powers_of(hardware)) {
    // p_i D^i by age for both stages, 0 outside the window.
    for (const int power : powers_) {
      const std::size_t ages = shape.window + 2 * kBlock;
      std::vector<float> first(ages, 0.0f), second(ages, 0.0f);
      for (int age = 0; age < shape.window; ++age) {
        const double d = hw_.current_a[power] * std::exp(-hw_.decay_per_token * power * age);
        first[shape.window - 1 + kBlock - age] = static_cast<float>(d / hw_.s_sat_first_a);
        second[shape.window - 1 + kBlock - age] = static_cast<float>(d / hw_.s_sat_second_a);
      }
      first_fade_.push_back(std::move(first));
      second_fade_.push_back(std::move(second));
    }
  }

 private:
  // Of z, without the constant term.
  static std::vector<int> powers_of(const PublishedHardware& hardware) {
    std::vector<int> powers;
    for (int i = 1; i < 4; ++i)
      if (hardware.current_a[i] != 0.0) powers.push_back(i);
    return powers;
  }

  // What can be stored of keys, or of values.
  struct Stored {
    Stored(const PublishedHardware& hardware, int so_many, const std::vector<int>& powers)
        : levels(0.0, hardware.v_max, so_many), count(so_many) {
      for (const int power : powers)
        for (int level = 0; level < count; ++level)
          powers_of_level.push_back(
              static_cast<float>(std::pow(levels.value(level) - hardware.v_zero, power)));
    }
    Quantiser levels;
    int count;
    std::vector<float> powers_of_level;  // [power][level], of z
  };

  // Returns how many values lay outside the range.
  std::size_t write(const Stored& at, SlidingBuffer& buffer, const float* rows, int block, double a,
                    double b) {
    std::size_t outside = 0;
    const int dim = shape().dim, width = shape().arrays() * dim;
    const int powers = static_cast<int>(powers_.size());
    float* to = buffer.append(block);
    index_.resize(dim);
    for (int t = 0; t < block; ++t, rows += width) {
      if (hw_.quantise)
        outside += kernels::quantise(dim, rows, a, b, hw_.v_max, at.levels.steps_per_unit(),
                                     index_.data());
      else
        for (int d = 0; d < dim; ++d) outside += at.levels.outside(a * rows[d] + b);
      for (int p = 0; p < powers; ++p, to += dim) {
        const float* of_level = at.powers_of_level.data() + p * at.count;
        if (hw_.quantise)
          for (int d = 0; d < dim; ++d) to[d] = of_level[index_[d]];
        else
          for (int d = 0; d < dim; ++d)
            to[d] = static_cast<float>(
                std::pow(at.levels.clamp(a * rows[d] + b) - hw_.v_zero, powers_[p]));
      }
      if (powers == 0) to += dim;
    }
    return outside;
  }

  void store_block(int array, int block, const float* k, const float* v) override {
    const int dim = shape().dim, group = shape().group;
    const Scalers& s = scalers();
    const auto outside_k = static_cast<double>(
        write(keys_at_, keys_[array], k + array * dim, block, s.a_k[array], s.b_k[array]));
    const auto outside_v = static_cast<double>(
        write(values_at_, values_[array], v + array * dim, block, s.a_v[array], s.b_v[array]));
    for (int h = array * group; h < (array + 1) * group; ++h) {
      ranges_.heads[h].k += outside_k;
      ranges_.heads[h].v += outside_v;
    }
  }

  void run_block(int head, int block, const float* q, float* out) override {
    const int dim = shape().dim, width = shape().heads * dim;
    const Scalers& s = scalers();
    ranges_.heads[head].values += static_cast<double>(block) * dim;
    set_queries(head, block, q);

    const SlidingBuffer& keys = keys_[array_of(head)];
    const std::int64_t end = keys.end(), now = end - block;
    const Seen seen{std::max(keys.first(), now - (shape().window - 1)), now, end};
    run_first(head, block, seen);
    const Matrix sum = run_second(head, block, seen);
    const double unit = s.a_o[head] * (hw_.quantise ? output_.step() : 1.0);
    Strided(out + head * dim, block, dim, Eigen::OuterStride<>(width)).array() =
        (sum.array().cast<double>() * unit + static_cast<double>(s.b_o[head])).cast<float>();
  }

  void set_queries(int head, int block, const float* q) {
    const int dim = shape().dim, width = shape().heads * dim;
    const Scalers& s = scalers();
    RangeReport::Head& ranges = ranges_.heads[head];
    queries_.resize(block, dim);
    index_.resize(dim);
    for (int b = 0; b < block; ++b) {
      const float* row = q + b * width + head * dim;
      if (hw_.quantise) {
        ranges.q += static_cast<double>(kernels::quantise(dim, row, s.a_q[head], s.b_q[head], 1.0,
                                                          hw_.q_levels - 1, index_.data()));
        for (int d = 0; d < dim; ++d) queries_(b, d) = static_cast<float>(q_.value(index_[d]));
      } else {
        for (int d = 0; d < dim; ++d) {
          const double share = static_cast<double>(s.a_q[head]) * row[d] + s.b_q[head];
          ranges.q += q_.outside(share);
          queries_(b, d) = static_cast<float>(q_.clamp(share));
        }
      }
    }
  }

  // Tokens that a block's queries see: from .. end - 1, the block's own from `now` on.
  struct Seen {
    std::int64_t from, now, end;
    int count() const { return static_cast<int>(end - from); }
  };

  Eigen::Map<const Matrix, 0, Eigen::OuterStride<>> power(const SlidingBuffer& buffer,
                                                          std::size_t p, const Seen& seen) const {
    const int dim = shape().dim;
    const int row = std::max(1, static_cast<int>(powers_.size())) * dim;
    return {buffer.row(seen.from) + p * dim, seen.count(), dim, Eigen::OuterStride<>(row)};
  }

  // Into phi_: row b sees tokens now+b-window+1 .. now+b; outside these its phi is 0.
  void run_first(int head, int block, const Seen& seen) {
    const std::int64_t newest = seen.now - seen.from;
    const auto constant = static_cast<float>(hw_.current_a[0] / hw_.s_sat_first_a);
    phi_.setZero(block, seen.count());
    if (constant != 0.0f)
      for (int b = 0; b < block; ++b) {
        const int last = static_cast<int>(newest + b);
        const int first = std::max(0, last - (shape().window - 1));
        phi_.row(b).segment(first, last - first + 1).setConstant(constant * queries_.row(b).sum());
      }
    for (std::size_t p = 0; p < powers_.size(); ++p) {
      product_.noalias() = queries_ * power(keys_[array_of(head)], p, seen).transpose();
      for (int b = 0; b < block; ++b)
        phi_.row(b).array() +=
            product_.row(b).array() * fade(first_fade_[p], b, newest, seen.count());
    }
    phi_ = phi_.array().max(0.0f).min(1.0f);
  }

  // One sub-tile (slots first .. first+tile-1 of the ring) after the other: tokens of one sub-tile
  // are one or two runs of consecutive tokens.
  Matrix run_second(int head, int block, const Seen& seen) {
    const int dim = shape().dim, window = shape().window;
    weighted_.resize(powers_.size());
    for (std::size_t p = 0; p < powers_.size(); ++p) {
      weighted_[p].resize(block, seen.count());
      for (int b = 0; b < block; ++b)
        weighted_[p].row(b) =
            phi_.row(b).array() * fade(second_fade_[p], b, seen.now - seen.from, seen.count());
    }
    const auto constant = static_cast<float>(hw_.current_a[0] / hw_.s_sat_second_a);
    Matrix sum = Matrix::Zero(block, dim);
    for (int first_slot = 0; first_slot < window; first_slot += hw_.tile) {
      const int slots = std::min(hw_.tile, window - first_slot);
      tile_.setZero(block, dim);
      for (std::int64_t lap = seen.from / window; lap * window < seen.end; ++lap) {
        const std::int64_t run_begin = std::max(seen.from, lap * window + first_slot);
        const std::int64_t run_end = std::min(seen.end, lap * window + first_slot + slots);
        const int n = static_cast<int>(run_end - run_begin),
                  at = static_cast<int>(run_begin - seen.from);
        if (n <= 0) continue;
        if (constant != 0.0f) tile_.colwise() += phi_.middleCols(at, n).rowwise().sum() * constant;
        for (std::size_t p = 0; p < powers_.size(); ++p)
          tile_.noalias() += weighted_[p].middleCols(at, n) *
                             power(values_[array_of(head)], p, seen).middleRows(at, n);
      }
      kernels::count_output(tile_.size(), tile_.data(),
                            hw_.quantise ? static_cast<float>(output_.steps_per_unit()) : 0.0f,
                            sum.data());
    }
    return sum;
  }

  // By column: column c of row b is the token that is `newest + b - c` old.
  Eigen::Map<const Eigen::Array<float, 1, Eigen::Dynamic>> fade(const std::vector<float>& table,
                                                                int b, std::int64_t newest,
                                                                int columns) const {
    return {table.data() + (shape().window - 1 + kBlock - newest - b), columns};
  }

  PublishedHardware hw_;
  Quantiser q_;
  Stored keys_at_, values_at_;
  Quantiser output_;
  std::vector<int> powers_;
  std::vector<std::vector<float>> first_fade_, second_fade_;  // [power][window-1+kBlock-age]
  std::vector<std::uint8_t> index_;
  Matrix queries_, phi_, product_, tile_;
  std::vector<Matrix> weighted_;
};

}  // namespace

PublishedHardware PublishedHardware::cubic() {
  PublishedHardware hardware;
  for (std::size_t i = 0; i < hardware.current_a.size(); ++i)
    hardware.current_a[i] = 1e-6 * lut::kPublished.current_ua[i];
  return hardware;
}

std::unique_ptr<Attention> make_published(Shape shape, PublishedHardware hardware,
                                          Scalers scalers) {
  const auto possible = [](int levels) { return levels >= 2 && levels <= 256; };
  if (!possible(hardware.q_levels) || !possible(hardware.k_levels) ||
      !possible(hardware.v_levels) || hardware.output_levels < 2 || hardware.tile < 1)
    throw Error({.place = "attention",
                 .key = "levels and tile",
                 .value = "q_levels, k_levels, v_levels, output_levels or tile",
                 .rule = "2 to 256 levels and a tile of at least 1"});
  return std::make_unique<Published>(shape, hardware, std::move(scalers));
}

}  // namespace gaincell::attention
