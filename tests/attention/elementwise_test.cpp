#include "attention/elementwise.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "attention/fast/kernels.h"
#include "base/random.h"

namespace gaincell::attention {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Every instruction set that this processor and the code have.
template <class Test>
void with_every_instruction_set(const Test& test) {
  for (const std::int64_t target : kernels::instruction_sets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    test();
  }
  hwy::SetSupportedTargetsForTest(0);
}

std::vector<float> numbers(std::size_t n, double scale) {
  Random random(n);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(scale * random.normal());
  return values;
}

constexpr std::size_t kLengths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 63, 65, 513, 1000};

TEST(Elementwise, ActivationsAreThoseOfTheirFormulas) {
  with_every_instruction_set([] {
    for (const std::size_t n : kLengths) {
      auto x = numbers(n, 4);
      x[0] = 300;
      if (n > 1) x[n - 1] = -300;
      auto gelu = x, gated = x;
      gelu_tanh(n, gelu.data());
      silu(n, gated.data());
      for (std::size_t i = 0; i < n; ++i) {
        const double v = x[i];
        const double u = std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v);
        const double expected = v / (1 + std::exp(-2 * u));
        EXPECT_NEAR(gelu[i], expected, 2e-6 * (std::abs(expected) + 0.1)) << v;
        EXPECT_NEAR(gated[i], v / (1 + std::exp(-v)), 2e-6 * (std::abs(v) + 0.1)) << v;
      }
    }
  });
}

TEST(Elementwise, ActivationsPassOnWhatIsNotANumber) {
  with_every_instruction_set([] {
    for (const std::size_t at : {0u, 18u}) {
      auto x = numbers(19, 1);
      x[at] = kNan;
      auto gelu = x, gated = x;
      gelu_tanh(x.size(), gelu.data());
      silu(x.size(), gated.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(std::isnan(gelu[i]), i == at);
        EXPECT_EQ(std::isnan(gated[i]), i == at);
      }
    }
  });
}

TEST(Elementwise, HighestAndSumOfExpAreThoseOfPlainLoops) {
  with_every_instruction_set([] {
    for (const std::size_t n : kLengths) {
      auto x = numbers(n, 5);
      const float most = *std::max_element(x.begin(), x.end());
      EXPECT_EQ(highest(n, x.data()), most);
      double sum = 0;
      for (const float value : x) sum += std::exp(double{value} - double{most});
      EXPECT_NEAR(sum_of_exp(n, x.data(), most), sum, 1e-6 * sum);
      x[n / 2] = kNan;
      EXPECT_TRUE(std::isnan(highest(n, x.data())));
      EXPECT_TRUE(std::isnan(sum_of_exp(n, x.data(), 0)));
    }
  });
}

TEST(Elementwise, SoftmaxIsThatOfPlainLoops) {
  with_every_instruction_set([] {
    for (const std::size_t n : kLengths) {
      auto x = numbers(n, 20);
      const float most = *std::max_element(x.begin(), x.end());
      auto y = x;
      softmax(n, 0.125f, y.data());
      double sum = 0;
      for (const float value : x) sum += std::exp(0.125 * (double{value} - double{most}));
      for (std::size_t i = 0; i < n; ++i)
        EXPECT_NEAR(y[i], std::exp(0.125 * (double{x[i]} - double{most})) / sum, 1e-6);
      x[n - 1] = kNan;
      softmax(n, 0.125f, x.data());
      for (const float value : x) EXPECT_TRUE(std::isnan(value));
    }
    std::vector<float> far{0, -kInf, -1e30f};
    softmax(3, 1, far.data());
    EXPECT_EQ(far, (std::vector<float>{1, 0, 0}));
  });
}

TEST(Elementwise, BytesAreWithinHalfAStepAndZeroIsExact) {
  with_every_instruction_set([] {
    for (const std::size_t n : kLengths) {
      auto x = numbers(n, 3);
      if (n > 4) x[3] = 0;
      std::vector<std::uint8_t> bytes(n);
      const ByteScale of = to_bytes(n, x.data(), bytes.data());
      for (std::size_t i = 0; i < n; ++i) {
        const float back = of.scale * (static_cast<float>(bytes[i]) - of.zero);
        EXPECT_NEAR(back, x[i], 1.001f * of.scale);  // half for it, half for where 0 lies
        if (x[i] == 0) {
          EXPECT_EQ(back, 0);
        }
      }
      std::vector<float> y(bytes.begin(), bytes.end()), to(n, 2.0f);
      const std::vector<float> ones(n, 1.0f);
      add_scaled_back(n, of.scale, of.zero, ones.data(), y.data(), to.data());
      scale_back(n, of.scale, of.zero, ones.data(), y.data());
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(y[i], x[i], 1.001f * of.scale);
        EXPECT_NEAR(to[i], 2 + y[i], 1e-6);
      }
      x[n - 1] = n % 2 == 0 ? kNan : -kInf;
      EXPECT_TRUE(std::isnan(to_bytes(n, x.data(), bytes.data()).scale));
      std::fill(x.begin(), x.end(), 0.0f);
      EXPECT_EQ(to_bytes(n, x.data(), bytes.data()).scale, 0);
    }
  });
}

}  // namespace
}  // namespace gaincell::attention
