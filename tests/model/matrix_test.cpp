#include "model/matrix.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace gaincell::model {
namespace {

using ::testing::HasSubstr;

std::vector<float> numbers(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

struct Sizes {
  int rows, inputs, outputs;
};
constexpr Sizes kSizes[] = {{1, 1, 1},    {1, 17, 31}, {2, 5, 130},  {3, 64, 1},
                            {7, 100, 65}, {33, 31, 7}, {64, 32, 96}, {65, 129, 67}};

bool is_there(Arithmetic arithmetic) {
  try {
    parse_arithmetic(to_string(arithmetic), "--digital");
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Of its numbers' size: the roots of the sums of squares, which rounding errors grow with.
double bound(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kF32:
      return 1e-6;
    case Arithmetic::kBf16:
      return 8e-3;  // 2^-9 for either number, and the worst of many
    case Arithmetic::kInt8:
      return 5e-2;  // half a step of 1/255 of a row's range, and of 1/127
  }
  return 0;
}

class Products : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    if (!is_there(GetParam())) GTEST_SKIP() << "not on this processor";
  }
};

TEST_P(Products, AreThoseOfPlainLoopsInEveryShape) {
  for (const auto [rows, inputs, outputs] : kSizes) {
    SCOPED_TRACE(::testing::Message() << rows << " x " << inputs << " x " << outputs);
    const auto w = numbers(static_cast<std::size_t>(inputs) * outputs, 1),
               x = numbers(static_cast<std::size_t>(rows) * inputs, 2),
               before = numbers(static_cast<std::size_t>(rows) * outputs, 3);
    std::vector<float> turned(w.size());
    for (int in = 0; in < inputs; ++in)
      for (int out = 0; out < outputs; ++out) turned[out * inputs + in] = w[in * outputs + out];
    const Matrix by_input(inputs, outputs, w, Matrix::Layout::kByInput, GetParam()),
        by_output(inputs, outputs, turned, Matrix::Layout::kByOutput, GetParam());
    std::vector<float> y(before.size(), std::numeric_limits<float>::quiet_NaN()), again = y,
                                                                                  added = before;
    by_input.multiply(rows, x.data(), y.data());
    by_output.multiply(rows, x.data(), again.data());
    by_input.multiply_add(rows, x.data(), added.data());
    EXPECT_EQ(y, again);
    for (int r = 0; r < rows; ++r)
      for (int out = 0; out < outputs; ++out) {
        double sum = 0, squares = 0;
        for (int in = 0; in < inputs; ++in) {
          const double term = double{x[r * inputs + in]} * w[in * outputs + out];
          sum += term;
          squares += double{x[r * inputs + in]} * x[r * inputs + in];
        }
        const double size = bound(GetParam()) * (std::sqrt(squares) + 1) * 3;
        EXPECT_NEAR(y[r * outputs + out], sum, size);
        EXPECT_NEAR(added[r * outputs + out], sum + before[r * outputs + out], size);
      }
  }
}

TEST_P(Products, PassOnWhatIsNotFinite) {
  constexpr int kRows = 3, kInputs = 40, kOutputs = 33;
  const Matrix matrix(kInputs, kOutputs, numbers(kInputs * kOutputs, 1), Matrix::Layout::kByInput,
                      GetParam());
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto x = numbers(kRows * kInputs, 2);
    std::vector<float> whole(kRows * kOutputs), y = whole;
    matrix.multiply(kRows, x.data(), whole.data());
    x[kInputs + 7] = bad;
    matrix.multiply(kRows, x.data(), y.data());
    for (int i = 0; i < kRows * kOutputs; ++i) {
      if (i / kOutputs == 1)
        EXPECT_FALSE(std::isfinite(y[i])) << i;
      else
        EXPECT_EQ(y[i], whole[i]) << i;
    }
  }
}

TEST_P(Products, AreTheSameBytesFromEveryThread) {
  constexpr int kRows = 64, kInputs = 96, kOutputs = 130;
  const Matrix matrix(kInputs, kOutputs, numbers(kInputs * kOutputs, 1), Matrix::Layout::kByInput,
                      GetParam());
  const auto x = numbers(kRows * kInputs, 2);
  std::vector<std::vector<float>> y(4, std::vector<float>(kRows * kOutputs));
  {
    std::vector<std::jthread> threads;
    for (auto& own : y)
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) matrix.multiply(kRows, x.data(), own.data());
      });
  }
  for (const auto& own : y)
    EXPECT_EQ(std::memcmp(own.data(), y[0].data(), own.size() * sizeof(float)), 0);
}

TEST_P(Products, OfRowsOfZerosAreZero) {
  const Matrix matrix(10, 5, std::vector<float>(50), Matrix::Layout::kByInput, GetParam());
  std::vector<float> y(10, 1.0f);
  matrix.multiply(2, std::vector<float>(20).data(), y.data());
  EXPECT_EQ(y, std::vector<float>(10));
}

INSTANTIATE_TEST_SUITE_P(InEach, Products,
                         ::testing::Values(Arithmetic::kF32, Arithmetic::kBf16, Arithmetic::kInt8),
                         [](const auto& one) { return to_string(one.param); });

TEST(ArithmeticOfTheDigitalLayers, IsRefusedByNameWhereThereIsNoSuch) {
  EXPECT_EQ(parse_arithmetic("f32", "--digital"), Arithmetic::kF32);
  try {
    parse_arithmetic("fp4", "--digital");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--digital = fp4: must be f32, bf16 or int8"));
  }
}

}  // namespace
}  // namespace gaincell::model
