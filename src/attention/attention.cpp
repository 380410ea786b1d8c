#include "attention/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"

namespace gaincell::attention {
namespace {

void require(bool holds, const std::string& key, const std::string& value,
             const std::string& rule) {
  if (!holds) throw Error({.place = "attention", .key = key, .value = value, .rule = rule});
}

void check(const Scalers& s, int heads) {
  for (const auto* list : {&s.a_q, &s.b_q, &s.a_k, &s.b_k, &s.a_v, &s.b_v, &s.a_o, &s.b_o})
    require(list->size() == static_cast<std::size_t>(heads), "scalers",
            std::to_string(list->size()), fmt::format("one value per head ({})", heads));
}

void add(Moments& to, double a, double b, const float* x, int n) {
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double y = a * x[i] + b;
    sum += y;
    squares += y * y;
  }
  to.count += n;
  to.sum += sum;
  to.sum_of_squares += squares;
}

}  // namespace

void Shape::check() const {
  constexpr int kMostHeads = 65536, kMostDim = 4096, kMostTokens = 65536;
  require(heads > 0 && heads <= kMostHeads, "heads", std::to_string(heads),
          fmt::format("must be from 1 to {}", kMostHeads));
  require(dim > 0 && dim <= kMostDim, "head dimension", std::to_string(dim),
          fmt::format("must be from 1 to {}", kMostDim));
  require(window > 0 && window <= kMostTokens, "window", std::to_string(window),
          fmt::format("must be from 1 to {} tokens", kMostTokens));
}

RangeReport& RangeReport::operator+=(const RangeReport& other) {
  if (heads.size() < other.heads.size()) heads.resize(other.heads.size());
  for (std::size_t h = 0; h < other.heads.size(); ++h) {
    constexpr double Head::*kCounts[] = {&Head::values, &Head::q,
                                         &Head::k,      &Head::v,
                                         &Head::cells,  &Head::stored_beyond,
                                         &Head::first,  &Head::first_beyond,
                                         &Head::second, &Head::second_beyond};
    for (const auto count : kCounts) heads[h].*count += other.heads[h].*count;
  }
  reads += other.reads;
  aged += other.aged;
  return *this;
}

RangeReport::Head RangeReport::all_heads() const {
  RangeReport sum;
  for (const Head& head : heads) sum += {{head}, 0, 0};
  return sum.heads.empty() ? Head{} : sum.heads.front();
}

Scalers Scalers::identity(int heads) {
  const std::vector<float> one(heads, 1.0f), zero(heads, 0.0f), middle(heads, 0.45f);
  return {one, zero, one, middle, one, middle, one, zero};
}

double Moments::mean() const { return count > 0 ? sum / count : 0.0; }

double Moments::standard_deviation() const {
  if (count <= 0) return 0.0;
  return std::sqrt(std::max(0.0, sum_of_squares / count - mean() * mean()));
}

Attention::Attention(Shape shape, Scalers scalers) : shape_(shape) {
  shape_.check();
  reset_ranges();
  set_scalers(std::move(scalers));
  reset_statistics();
}

void Attention::set_scalers(Scalers scalers) {
  check(scalers, shape_.heads);
  scalers_ = std::move(scalers);
}

void Attention::reset() {
  token_ = 0;
  reset_statistics();
  reset_ring();
}

void Attention::reset_statistics() {
  const std::vector<Moments> none(shape_.heads);
  statistics_ = {none, none, none, none};
}

void Attention::run(int tokens, const float* q, const float* k, const float* v, float* out) {
  const int heads = shape_.heads, dim = shape_.dim;
  const std::size_t width = static_cast<std::size_t>(heads) * dim;
  const std::size_t values = width * tokens;
  struct Input {
    const char* name;
    const float* data;
  };
  for (const Input input : {Input{"q", q}, Input{"k", k}, Input{"v", v}}) {
    // Whole numbers make this a vector loop; the search follows only where there is trouble.
    constexpr std::uint32_t kExponent = 0x7f800000;
    std::uint32_t trouble = 0;
    for (std::size_t i = 0; i < values; ++i)
      trouble |= (std::bit_cast<std::uint32_t>(input.data[i]) & kExponent) == kExponent;
    if (trouble == 0) continue;
    for (std::size_t i = 0; i < values; ++i)
      if (!std::isfinite(input.data[i]))
        throw Error({.place = place_,
                     .key = fmt::format("{}[token {}][head {}][{}]", input.name,
                                        token_ + static_cast<std::int64_t>(i / width),
                                        i % width / dim, i % dim),
                     .value = fmt::format("{}", input.data[i]),
                     .rule = "q, k and v must be finite",
                     .remedy = "look for an overflow or a damaged weight before this layer"});
  }
  run_checked(tokens, q, k, v, out);
  token_ += tokens;
  if (!collect_) return;
  for (int t = 0; t < tokens; ++t)
    for (int h = 0; h < heads; ++h) {
      const std::size_t at = t * width + static_cast<std::size_t>(h) * dim;
      add(statistics_.q[h], scalers_.a_q[h], scalers_.b_q[h], q + at, dim);
      add(statistics_.k[h], scalers_.a_k[h], scalers_.b_k[h], k + at, dim);
      add(statistics_.v[h], scalers_.a_v[h], scalers_.b_v[h], v + at, dim);
      add(statistics_.output[h], 1.0, 0.0, out + at, dim);
    }
}

}  // namespace gaincell::attention
