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

void check(const Scalers& s, const Shape& shape) {
  for (const auto* list : {&s.a_q, &s.b_q, &s.a_o, &s.b_o})
    require(list->size() == static_cast<std::size_t>(shape.heads), "scalers",
            std::to_string(list->size()), fmt::format("one value per head ({})", shape.heads));
  for (const auto* list : {&s.a_k, &s.b_k, &s.a_v, &s.b_v})
    require(list->size() == static_cast<std::size_t>(shape.arrays()), "scalers",
            std::to_string(list->size()),
            fmt::format("one value per array of keys and values ({})", shape.arrays()));
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
  require(group > 0 && heads % group == 0, "heads", std::to_string(heads),
          fmt::format("must be a multiple of the {} that read one array", group));
  require(dim > 0 && dim <= kMostDim, "head dimension", std::to_string(dim),
          fmt::format("must be from 1 to {}", kMostDim));
  require(window > 0 && window <= kMostTokens, "window", std::to_string(window),
          fmt::format("must be from 1 to {} tokens", kMostTokens));
}

namespace {
using Head = RangeReport::Head;
constexpr double Head::*kRangeCounts[] = {&Head::values, &Head::q,
                                          &Head::k,      &Head::v,
                                          &Head::cells,  &Head::stored_beyond,
                                          &Head::first,  &Head::first_beyond,
                                          &Head::second, &Head::second_beyond};
}  // namespace

std::vector<double*> RangeReport::counts() {
  std::vector<double*> all{&reads, &aged};
  for (Head& head : heads)
    for (const auto count : kRangeCounts) all.push_back(&(head.*count));
  return all;
}

RangeReport& RangeReport::operator+=(const RangeReport& other) {
  if (heads.size() < other.heads.size()) heads.resize(other.heads.size());
  for (std::size_t h = 0; h < other.heads.size(); ++h) {
    for (const auto count : kRangeCounts) heads[h].*count += other.heads[h].*count;
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

Scalers Scalers::identity(int heads, int group) {
  const std::vector<float> one(heads, 1.0f), zero(heads, 0.0f);
  const std::vector<float> stored(heads / group, 1.0f), middle(heads / group, 0.45f);
  return {one, zero, stored, middle, stored, middle, one, zero};
}

double Moments::mean() const { return count > 0 ? sum / count : 0.0; }

double Moments::standard_deviation() const {
  if (count <= 0) return 0.0;
  return std::sqrt(std::max(0.0, sum_of_squares / count - mean() * mean()));
}

Moments& Moments::operator+=(const Moments& other) {
  count += other.count;
  sum += other.sum;
  sum_of_squares += other.sum_of_squares;
  return *this;
}

Statistics& Statistics::operator+=(const Statistics& other) {
  const auto add = [](std::vector<Moments>& to, const std::vector<Moments>& more) {
    to.resize(std::max(to.size(), more.size()));
    for (std::size_t h = 0; h < more.size(); ++h) to[h] += more[h];
  };
  add(q, other.q);
  add(k, other.k);
  add(v, other.v);
  add(output, other.output);
  return *this;
}

Attention::Attention(Shape shape, Scalers scalers) : shape_(shape) {
  shape_.check();
  reset_ranges();
  set_scalers(std::move(scalers));
  reset_statistics();
}

void Attention::set_scalers(Scalers scalers) {
  check(scalers, shape_);
  scalers_ = std::move(scalers);
}

void Attention::reset() {
  token_ = 0;
  reset_statistics();
  reset_ring();
}

void Attention::go_on_from(std::int64_t tokens, RangeReport ranges) {
  require(ranges.heads.size() == ranges_.heads.size(), "ranges",
          std::to_string(ranges.heads.size()), fmt::format("one a head ({})", shape_.heads));
  ranges_ = std::move(ranges);
  pass_over(tokens);
}

void Attention::reset_statistics() {
  const std::vector<Moments> heads(shape_.heads), arrays(shape_.arrays());
  statistics_ = {heads, arrays, arrays, heads};
}

void Attention::run(int tokens, const float* q, const float* k, const float* v, float* out) {
  const int dim = shape_.dim;
  struct Input {
    const char* name;
    const float* data;
    int heads;
  };
  for (const Input input : {Input{"q", q, shape_.heads}, Input{"k", k, shape_.arrays()},
                            Input{"v", v, shape_.arrays()}}) {
    const std::size_t width = static_cast<std::size_t>(input.heads) * dim;
    const std::size_t values = width * tokens;
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
  const auto collect = [&](std::vector<Moments>& to, const float* rows, const auto& a,
                           const auto& b) {
    for (int t = 0; t < tokens; ++t)
      for (std::size_t h = 0; h < to.size(); ++h, rows += dim) add(to[h], a(h), b(h), rows, dim);
  };
  const auto of = [](const std::vector<float>& list) {
    return [&list](std::size_t h) { return static_cast<double>(list[h]); };
  };
  const auto constant = [](double value) { return [value](std::size_t) { return value; }; };
  collect(statistics_.q, q, of(scalers_.a_q), of(scalers_.b_q));
  collect(statistics_.k, k, of(scalers_.a_k), of(scalers_.b_k));
  collect(statistics_.v, v, of(scalers_.a_v), of(scalers_.b_v));
  collect(statistics_.output, out, constant(1.0), constant(0.0));
}

}  // namespace gaincell::attention
