#include "train/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "base/random.h"

namespace gaincell::train {
namespace {

// Lengths around every vector width, so that no tail is left out.
constexpr int kLengths[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 1000};

std::vector<float> normal(int n, double deviation, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(deviation * random.normal());
  return values;
}

double gelu_new(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

TEST(Gelu, EqualsItsClosedFormAndSaturates) {
  for (const int n : kLengths) {
    std::vector<float> x = normal(n, 3, 1), y(n);
    x[0] = 40;
    if (n > 1) x[1] = -40;
    gelu(x.data(), y.data(), n);
    for (int i = 0; i < n; ++i) EXPECT_NEAR(y[i], gelu_new(x[i]), 2e-6 * (1 + std::fabs(x[i])));
  }
}

TEST(Gelu, GradientIsTheDerivative) {
  const int n = 1000;
  const std::vector<float> x = normal(n, 3, 2), dy = normal(n, 1, 3);
  std::vector<float> dx(n);
  gelu_gradient(x.data(), dy.data(), dx.data(), n);
  for (int i = 0; i < n; ++i) {
    const double h = 1e-4, xi = x[i];
    EXPECT_NEAR(dx[i], dy[i] * (gelu_new(xi + h) - gelu_new(xi - h)) / (2 * h), 1e-5) << x[i];
  }
}

TEST(Dropout, KeepsTheMeanAndItsMaskDependsOnTheKeyAlone) {
  const int n = 200'000;
  const std::vector<float> ones(n, 1.0f);
  std::vector<float> a(n), b(n), c(n);
  dropout(ones.data(), a.data(), n, 0.25f, 7);
  dropout(ones.data(), b.data(), n, 0.25f, 7);
  dropout(ones.data(), c.data(), n, 0.25f, 8);
  EXPECT_EQ(a, b);
  double sum = 0, both = 0;
  for (int i = 0; i < n; ++i) {
    EXPECT_TRUE(a[i] == 0.0f || a[i] == 1.0f / 0.75f);
    sum += a[i];
    both += a[i] > 0 && c[i] > 0;
  }
  EXPECT_NEAR(sum / n, 1.0, 5 * std::sqrt(1.0 / 3 / n));
  EXPECT_NEAR(both / n, 0.75 * 0.75, 0.01);  // masks of two keys are independent
}

TEST(Adamw, FirstStepMovesEveryValueByTheRateAgainstItsGradientAndDecays) {
  AdamwStep step{.lr = 0.01f,
                 .beta1 = 0.9f,
                 .beta2 = 0.99f,
                 .epsilon = 1e-12f,
                 .weight_decay = 0.5f,
                 .scale = 0.25f,
                 .correction1 = 0.1f,
                 .correction2 = 0.01f};
  for (const int n : kLengths) {
    const std::vector<float> gradient = normal(n, 1, 4);
    std::vector<float> value(n, 2.0f), mean(n), square(n);
    adamw(step, gradient.data(), value.data(), mean.data(), square.data(), n);
    for (int i = 0; i < n; ++i) {
      EXPECT_NEAR(value[i], 2 * (1 - 0.01 * 0.5) - std::copysign(0.01, gradient[i]), 1e-5);
      EXPECT_NEAR(mean[i], 0.1 * 0.25 * gradient[i], 1e-6);
    }
  }
}

TEST(SoftmaxRow, IsTheSoftmaxInsideItsRangeAndZeroOutside) {
  for (const int n : kLengths) {
    const std::vector<float> scores = normal(n, 20, 5);
    const int lo = n / 3, hi = n;
    std::vector<float> p = scores;
    softmax_row(p.data(), 0.125f, lo, hi, n);
    double sum = 0;
    for (int j = lo; j < hi; ++j) sum += std::exp(0.125 * scores[j]);
    for (int j = 0; j < n; ++j)
      EXPECT_NEAR(p[j], j < lo ? 0.0 : std::exp(0.125 * scores[j]) / sum, 1e-6);
  }
}

TEST(Quantise, RoundsToTheNearestMultipleInsideTheClampHalfToEven) {
  const std::vector<float> x{-3, 0, 0.24f, 0.26f, 0.25f, 0.75f, 1.25f, 9};
  std::vector<float> y(x.size());
  quantise(x.data(), y.data(), 0, 2, 0.5f, static_cast<std::int64_t>(x.size()));
  EXPECT_EQ(y, (std::vector<float>{0, 0, 0, 0.5f, 0, 1, 1, 2}));
}

}  // namespace
}  // namespace gaincell::train
