// What tools that compute in matrices get: evaluated here in plain loops, beside the column level.
#include "attention/column_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "tests/attention/circuits.h"

namespace gaincell::attention {
namespace {

constexpr double kPeriodS = 4e-7;
constexpr Shape kShape{.heads = 1, .dim = 64, .window = 512};

AnalogOptions options() {
  AnalogOptions o;
  o.token_period_s = kPeriodS;
  return o;
}

struct Column {
  std::vector<int> level;
  std::vector<double> width;
  int middle_age = 0, off = 0;  // of the tables at hand, and of the query from there
};

double polynomial(const std::vector<double>& powers, double x) {
  double y = 0;
  for (auto power = powers.rbegin(); power != powers.rend(); ++power) y = y * x + *power;
  return y;
}

class Evaluation {
 public:
  Evaluation(const ColumnForm& form, const ColumnForm::Stage& stage)
      : form_(form), s_(stage), levels_(stage.u.size() / stage.slope_per_v.size() / stage.rank) {}

  double pulse(const Column& column) const {
    const auto sums = this->sums(column);
    const double x = s_.substeps == 0 ? closed(sums, start(column)) : stepped(sums, start(column));
    if (x >= s_.x_end) return s_.at_high;
    double y = s_.at_low;
    for (std::size_t i = 0; i < s_.knot.size(); ++i)
      y += s_.slope[i] * std::max(0.0, x - s_.knot[i]);
    return y;
  }

 private:
  double u(int r, int level, int age) const {
    return s_.u[(static_cast<std::size_t>(age - form_.youngest) * s_.rank + r) * levels_ + level];
  }
  double cell(int r, int level, const Column& c) const {
    if (r > 0) return u(r, level, c.middle_age);
    const int half = std::max(1, form_.age_block / 2);
    return u(r, level, c.middle_age) +
           c.off * (u(r, level, c.middle_age + half) - u(r, level, c.middle_age - half)) /
               (2.0 * half);
  }
  double start(const Column& c) const {
    return s_.pulse_x * static_cast<double>(std::count_if(c.width.begin(), c.width.end(),
                                                          [](double w) { return w > 0; }));
  }
  std::vector<std::vector<double>> sums(const Column& c) const {  // [segment][r]
    std::vector<double> lasts;
    for (const double w : c.width) lasts.push_back(w > 0 ? std::max(0.0, w + s_.pulse_delay) : 0);
    const double longest = *std::max_element(lasts.begin(), lasts.end());
    std::vector<std::vector<double>> sums(s_.segments, std::vector<double>(s_.rank, 0.0));
    for (int g = 0; g < s_.segments; ++g)
      for (std::size_t i = 0; i < lasts.size(); ++i) {
        const double time = std::clamp(lasts[i], s_.begin[g] * longest, s_.begin[g + 1] * longest) -
                            s_.begin[g] * longest;
        for (int r = 0; r < s_.rank; ++r) sums[g][r] += time * cell(r, c.level[i], c);
      }
    return sums;
  }
  double held(double x) const { return std::clamp(x, s_.x_low, s_.x_high); }
  double closed(const std::vector<std::vector<double>>& sums, double start) const {
    const std::vector<double>& k = s_.w[0];
    const double early = start + k[0] * sums[0][0];
    const double late = sums.size() > 1 ? early + k[0] * sums[1][0] : early;
    const double a = held(early), c = held(late), x = late + c * c * (k[1] + k[2] * c);
    if (sums.size() == 1) return x;
    return x + sums[0][1] * a * (k[3] + k[4] * a * a) +
           sums[1][1] * (k[5] * a + c * (k[6] + k[7] * c * c + k[8] * c * a));
  }
  double stepped(const std::vector<std::vector<double>>& sums, double x) const {
    std::vector<double> w;
    for (const auto& powers : s_.w) w.push_back(powers[0]);
    for (const auto& charge : sums)
      for (int step = 0; step < s_.substeps; ++step) {
        const auto increment = [&] {
          double sum = 0;
          for (int r = 0; r < s_.rank; ++r) sum += charge[r] * w[r] / s_.substeps;
          return sum;
        };
        const double middle = held(x + 0.5 * increment());
        for (int r = 0; r < s_.rank; ++r) w[r] = polynomial(s_.w[r], middle);
        x += increment();
      }
    return x;
  }

  const ColumnForm& form_;
  const ColumnForm::Stage& s_;
  std::size_t levels_;
};

Column draw(Random& random, const Circuit& circuit, const ColumnForm& form, bool is_signed) {
  Column column;
  const int half = form.age_block / 2;
  column.off = static_cast<int>(random.below(form.age_block)) - half;
  column.middle_age = half + static_cast<int>(random.below(kShape.window - 2 * half));
  for (int i = 0; i < 64; ++i) {
    column.level.push_back(static_cast<int>(random.below(circuit.kv_levels)));
    const double width = is_signed ? std::clamp(0.4 * random.normal(), 0.0, 1.0) : random.uniform();
    column.width.push_back(is_signed ? width : std::nearbyint(15 * width) / 15);
  }
  return column;
}

double error(const Circuit& circuit, const ColumnForm& form, bool is_signed) {
  const Circuit::Converter& converter = is_signed ? circuit.differential : circuit.relu;
  const Evaluation evaluation(form, is_signed ? form.second : form.first);
  Random random(7, "column form");
  constexpr int kColumns = 300;
  double squares = 0;
  for (int n = 0; n < kColumns; ++n) {
    const Column column = draw(random, circuit, form, is_signed);
    std::vector<double> v_store, width_s;
    for (std::size_t i = 0; i < column.level.size(); ++i) {
      const double target = circuit.v_max * column.level[i] / (circuit.kv_levels - 1);
      v_store.push_back(circuit.stored_v(target, (column.middle_age + column.off) * kPeriodS));
      width_s.push_back(column.width[i] * circuit.t_max_s);
    }
    const double charge = column_charge_c(circuit, converter, v_store, width_s);
    squares +=
        std::pow(evaluation.pulse(column) - converter.pulse_s(charge) / converter.full_scale_s, 2);
  }
  return std::sqrt(squares / kColumns);
}

TEST(ColumnForm, HoldsWhatItSaysOfItsErrorOnColumnsThatItHasNotSeen) {
  const Circuit circuit = smooth_circuit();
  const ColumnForm form = column_form(kShape, circuit, options());
  for (const bool is_signed : {false, true}) {
    const double stated = is_signed ? form.second.error : form.first.error;
    EXPECT_LT(stated, 2.2e-3);
    EXPECT_LT(error(circuit, form, is_signed), stated);
  }
  EXPECT_GE(form.age_block, 16);
}

TEST(ColumnForm, TheSlopeByVoltIsThatOfTheLevels) {
  const Circuit circuit = smooth_circuit();
  const ColumnForm form = column_form(kShape, circuit, options());
  const std::size_t now = static_cast<std::size_t>(-form.youngest);
  // 17 uA/V and the cubic's 9 uA/V^3, over +-0.45 V and 1.1 pC of full scale, 15 ns.
  EXPECT_NEAR(form.first.slope_per_v[now], 18.3e-6 * 15e-9 / 1.1e-12, 0.02);
  EXPECT_NEAR(form.second.slope_per_v[now] / form.first.slope_per_v[now], 2, 0.05);
  EXPECT_LT(form.first.slope_per_v.back(), 0.99 * form.first.slope_per_v[now]);
}

TEST(ColumnForm, RefusesWhatTheFastLevelRefuses) {
  AnalogOptions unquantised = options();
  unquantised.effects = unquantised.effects.without(Effect::kStorageQuantiser);
  EXPECT_THROW(column_form(kShape, smooth_circuit(), unquantised), Error);
  AnalogOptions unclipped = options();
  unclipped.effects = unclipped.effects.without(Effect::kClipping);
  EXPECT_THROW(column_form(kShape, smooth_circuit(), unclipped), Error);
}

}  // namespace
}  // namespace gaincell::attention
