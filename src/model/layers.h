#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/matrix.h"

namespace gaincell::model {

// What a layer is composed of. Each knows its kind; rows are tokens, row-major, single precision.

struct Norm {
  NormKind kind = NormKind::kLayer;
  double epsilon = 1e-5;
  std::vector<float> weight, bias;  // bias: empty where there is none
};
void normalise(const Norm& norm, int rows, const float* x, float* y);

// y = x weight + bias.
struct Dense {
  Matrix weight;
  std::vector<float> bias;  // empty where there is none
};
// y[rows][outputs] = x W + bias.
void put(const Dense& dense, int rows, const float* x, float* y);
// y[rows][outputs] += x W + bias.
void add(const Dense& dense, int rows, const float* x, float* y);

struct Mlp {
  MlpKind kind = MlpKind::kPlain;
  Activation activation = Activation::kGeluTanh;
  Dense in, out;  // gated: the columns of `in` are the gate's, then those that it lets through
};
// y += mlp(x). inner: room for rows x in.outputs.
void add(const Mlp& mlp, int rows, const float* x, float* inner, float* y);

// Rotary positions (Su et al. 2021) on the first dims of each head, pairs half a range apart; none
// where the config has learned ones.
class Rotation {
 public:
  explicit Rotation(const Config& config);
  // Angles of `count` tokens from this position on.
  void set(std::int64_t position, int count);
  // Turns rows x[rows][heads * head_dim], which are tokens first and after of those set.
  void turn(int first, int rows, int heads, float* x) const;

 private:
  int pairs_, head_dim_;
  std::vector<double> frequency_;     // rad a token, [pairs]
  std::vector<float> cosine_, sine_;  // [token][pairs]
};

}  // namespace gaincell::model
