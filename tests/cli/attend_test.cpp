// `gaincell import` and `gaincell attend` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/files.h"
#include "base/random.h"
#include "base/store/reader.h"
#include "base/store/writer.h"
#include "lut/gain_cell_device.h"
#include "tests/lut/example_device.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using ::testing::HasSubstr;

struct Shape {
  std::size_t batch = 2, head = 2, time = 20, dim = 16;
  std::size_t size() const { return batch * head * time * dim; }
};

std::vector<double> drawn(std::size_t n, std::uint64_t seed, double low, double high) {
  Random random(seed);
  std::vector<double> x(n);
  for (double& value : x) value = random.uniform(low, high);
  return x;
}

class Attend : public ::testing::Test {
 protected:
  void write_input(const std::string& name, const std::vector<double>& q,
                   const std::vector<double>& k, const std::vector<double>& v,
                   const std::vector<std::string>& dimensions = {"batch", "head", "time", "dim"},
                   const std::string& counts_from = "", const std::string& matlab_class = "") {
    store::Writer writer(folder_ / name);
    store::Group root = writer.root();
    std::vector<std::size_t> sizes{shape_.batch, shape_.head, shape_.time, shape_.dim};
    if (dimensions.front() != "batch") std::reverse(sizes.begin(), sizes.end());
    for (std::size_t d = 0; d < sizes.size(); ++d) root.dimension(dimensions[d], sizes[d]);
    for (const auto& [key, x] : {std::pair{"q", &q}, {"k", &k}, {"v", &v}}) {
      store::Node node = root.dataset(key, dimensions, *x);
      if (!counts_from.empty() && *key != 'q') node.attribute("counts_from", counts_from);
      if (!matlab_class.empty()) node.attribute("MATLAB_class", matlab_class);
    }
    writer.commit();
  }
  void write_random_input(const std::string& name) {
    write_input(name, drawn(shape_.size(), 1, 0, 1), drawn(shape_.size(), 2, 0, 0.9),
                drawn(shape_.size(), 3, 0, 0.9));
  }
  gaincell::testing::Outcome run(std::vector<std::string> arguments) {
    return gaincell::testing::run("gaincell", std::move(arguments), folder_.path());
  }
  store::Array<double> read(const std::string& file, const std::string& name) {
    return store::Reader(folder_ / file).root().dataset(name).read<double>();
  }
  void expect_refused(const std::vector<std::string>& arguments, const std::string& part) {
    const auto before = folder_.names();
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(folder_.names(), before);
  }

  Shape shape_;
  gaincell::testing::ScratchFolder folder_;
};

TEST_F(Attend, WritesScoresPulsesOutputAndEnergy) {
  write_random_input("in.h5");
  const auto outcome = run({"attend", "--device", "published", "--input", "in.h5", "--output",
                            "out.h5", "--window", "8", "--no-quantise", "--decay", "0"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto s = read("out.h5", "S"), phi = read("out.h5", "phi"), q = read("in.h5", "q"),
             k = read("in.h5", "k");
  ASSERT_EQ(s.shape, (std::vector<std::size_t>{2, 2, 20, 20}));
  EXPECT_EQ(read("out.h5", "output").shape, q.shape);
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t t = 0; t < 20; ++t)
      for (std::size_t u = 0; u < 20; ++u) {
        double expected = 0;
        for (std::size_t d = 0; d < 16 && u <= t && t < u + 8; ++d) {
          const double z = k.values[(row * 20 + u) * 16 + d] - 0.45;
          expected += q.values[(row * 20 + t) * 16 + d] * 1e-6 *
                      (0.5213636139 + z * (13.612260634 + z * (-2.620445619 + z * 46.05483778)));
        }
        const std::size_t at = (row * 20 + t) * 20 + u;
        ASSERT_NEAR(s.values[at], expected, 2e-10) << t << " " << u;
        ASSERT_NEAR(phi.values[at], std::clamp(expected / 80e-6, 0.0, 1.0), 1e-5);
      }
  // 1,120 pJ a 1,024 columns in the first stage: 1 + 2 + .. + 8 + 12 x 8 columns a head and batch.
  EXPECT_NEAR(read("out.h5", "energy/first_array").values[0], 4 * 132 * 1120e-12 / 1024, 1e-15);
  const auto joules = [&](const std::string& part) {
    return read("out.h5", "energy/" + part).values[0];
  };
  EXPECT_EQ(joules("active"),
            joules("first_array") + joules("second_array") + joules("write_cells"));
  EXPECT_EQ(joules("digital"), joules("digital_control") + joules("write_dac"));
  // What the published device draws between tokens is not published, so no sum with it is known.
  for (const char* unknown : {"standing", "circuits", "total"})
    EXPECT_TRUE(std::isnan(joules(unknown))) << unknown;
}

TEST_F(Attend, RunsThePublishedDeviceAsTheAuthorsGoldenFilesHaveIt) {
  shape_ = {2, 1, 64, 64};
  write_random_input("in.h5");
  const auto q = read("in.h5", "q"), k = read("in.h5", "k"), v = read("in.h5", "v");
  const auto current_ua = [](double z) {
    return 0.5213636139 + 13.612260634 * z - 2.620445619 * z * z + 46.05483778 * z * z * z;
  };
  for (const auto& [words, sign] :
       {std::pair{"decay=product", 1.0}, {"decay=product,sign=minus", -1.0}}) {
    const auto outcome =
        run({"attend", "--device", "published", "--published-variant", words, "--input", "in.h5",
             "--output", "out.h5", "--no-quantise", "--decay", "1e-4"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("130 nA rms and 340 nA at most off their own SPICE data"));
    const auto s = read("out.h5", "S"), output = read("out.h5", "output");
    double worst_s = 0, worst_output = 0;
    for (std::size_t b = 0; b < 2; ++b)
      for (std::size_t t = 0; t < 64; ++t) {
        std::array<double, 64> sums{};
        for (std::size_t u = 0; u <= t; ++u) {
          const double fade = std::exp(-1e-4 * static_cast<double>(t - u));
          double sum = 0;
          for (std::size_t d = 0; d < 64; ++d)
            sum += q.values[(b * 64 + t) * 64 + d] *
                   current_ua(k.values[(b * 64 + u) * 64 + d] - 0.45);
          sum *= sign * fade;
          worst_s = std::max(worst_s, std::abs(1e6 * s.values[(b * 64 + t) * 64 + u] - sum));
          const double phi = std::clamp(sum / 80, 0.0, 1.0);
          for (std::size_t d = 0; d < 64; ++d)
            sums[d] += sign * fade * phi * current_ua(v.values[(b * 64 + u) * 64 + d] - 0.45);
        }
        for (std::size_t d = 0; d < 64; ++d)
          worst_output = std::max(worst_output, std::abs(output.values[(b * 64 + t) * 64 + d] -
                                                         std::clamp(sums[d] / 40, -1.0, 1.0)));
      }
    EXPECT_LE(worst_s, 1e-4) << words;
    EXPECT_LE(worst_output, 2e-6) << words;
    const auto settings =
        nlohmann::json::parse(store::Reader(folder_ / "out.h5").root().text_attribute("settings"));
    EXPECT_EQ(settings.at("published_variant"),
              (nlohmann::json{{"decay", "product"}, {"sign", sign > 0 ? "plus" : "minus"}}));
    // The same from a file.
    ASSERT_EQ(run({"import", "published", "--published-variant", words, "-o", "d.h5"}).exit_code,
              0);
    ASSERT_EQ(run({"attend", "--device", "d.h5", "--input", "in.h5", "--output", "out2.h5",
                   "--no-quantise", "--decay", "1e-4"})
                  .exit_code,
              0);
    EXPECT_EQ(read("out2.h5", "output").values, output.values);
  }
}

TEST_F(Attend, RefusesVariantsThatThereAreNot) {
  write_random_input("in.h5");
  lut::example_device().write(folder_ / "d.h5");
  const auto refused = [&](const std::string& device, const std::string& words,
                           const std::string& part) {
    expect_refused({"attend", "--device", device, "--published-variant", words, "--input", "in.h5",
                    "--output", "o.h5"},
                   part);
  };
  refused("published", "decay=once", "is no value of this key");
  refused("published", "decay", "is no value of this key");
  refused("published", "fade=product", "is no variant of the published device");
  refused("published", "sign=plus,sign=minus", "says the same key again");
  refused("d.h5", "decay=product", "--published-variant: d.h5 is a device file");
}

TEST_F(Attend, TakesKeysAndValuesFromWhatItIsTold) {
  const auto q = drawn(shape_.size(), 1, 0, 1);
  auto k = drawn(shape_.size(), 2, 0, 0.9), v = drawn(shape_.size(), 3, 0, 0.9);
  write_input("volts.h5", q, k, v);
  for (auto* x : {&k, &v})
    for (double& value : *x) value -= 0.45;
  write_input("signed.h5", q, k, v);
  write_input("said.h5", q, k, v, {"batch", "head", "time", "dim"}, "middle");
  const auto output = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"attend", "--device", "published", "--input", name, "--output",
                               "out.h5", "--datasets", "output"});
    const auto outcome = run(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read("out.h5", "output").values;
  };
  const auto volts = output("volts.h5", {});
  EXPECT_EQ(output("signed.h5", {"--keys-from", "middle", "--values-from", "middle"}), volts);
  EXPECT_EQ(output("said.h5", {}), volts);
  EXPECT_THAT(store::Reader(folder_ / "out.h5").root().text_attribute("settings"),
              HasSubstr("\"keys_from\":\"middle\""));
  EXPECT_NE(output("signed.h5", {}), volts);
}

TEST_F(Attend, TakesNoMeaningFromASingleNegativeNumber) {
  const auto q = drawn(shape_.size(), 1, 0, 1);
  auto k = drawn(shape_.size(), 2, 0, 0.9);
  const auto v = drawn(shape_.size(), 3, 0, 0.9);
  k[7] = 0;
  write_input("a.h5", q, k, v);
  k[7] = -1e-12;
  write_input("b.h5", q, k, v);
  for (const std::string name : {"a", "b"})
    ASSERT_EQ(run({"attend", "--device", "published", "--input", name + ".h5", "--output",
                   name + "_out.h5"})
                  .exit_code,
              0);
  EXPECT_EQ(read("a_out.h5", "output").values, read("b_out.h5", "output").values);
}

// q, k and v in another order, by names, by MATLAB's mark, by --order, and packed.
TEST_F(Attend, TakesDimensionsByNameAndNotByPlace) {
  const auto q = drawn(shape_.size(), 1, 0, 1), k = drawn(shape_.size(), 2, 0, 0.9),
             v = drawn(shape_.size(), 3, 0, 0.9);
  write_input("straight.h5", q, k, v);
  // [batch][head][time][dim] -> [dim][time][head][batch]
  const auto reversed = [&](const std::vector<double>& x) {
    std::vector<double> y;
    for (std::size_t d = 0; d < shape_.dim; ++d)
      for (std::size_t t = 0; t < shape_.time; ++t)
        for (std::size_t h = 0; h < shape_.head; ++h)
          for (std::size_t b = 0; b < shape_.batch; ++b)
            y.push_back(x[((b * shape_.head + h) * shape_.time + t) * shape_.dim + d]);
    return y;
  };
  const auto rq = reversed(q), rk = reversed(k), rv = reversed(v);
  write_input("named.h5", rq, rk, rv, {"dim", "time", "head", "batch"});
  write_input("unnamed.h5", rq, rk, rv, {"w", "x", "y", "z"});
  write_input("matlab.h5", rq, rk, rv, {"w", "x", "y", "z"}, "", "double");
  const auto output = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"attend", "--device", "published", "--input", name, "--output",
                               "out.h5", "--datasets", "output"});
    const auto outcome = run(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read("out.h5", "output").values;
  };
  const auto straight = output("straight.h5", {});
  EXPECT_EQ(output("named.h5", {}), straight);
  EXPECT_EQ(output("matlab.h5", {}), straight);
  EXPECT_EQ(output("unnamed.h5", {"--order", "dim,time,head,batch"}), straight);
  expect_refused({"attend", "--device", "published", "--input", "unnamed.h5", "--output", "o.h5",
                  "--order", "dim,time"},
                 "q has 4 dimensions");
}

TEST_F(Attend, RunsAnImportedDevice) {
  std::string csv = "V_store,V_in,I\n";
  for (int i = 0; i <= 9; ++i)
    csv += std::to_string(0.1 * i) + ",0.9," + std::to_string(2 * i - 9) + "e-6\n";
  write_file(folder_ / "iv.csv", csv);
  const auto imported = run({"import", "iv.csv", "-o", "device.h5"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("slope 20 uA/V"));
  write_random_input("in.h5");
  ASSERT_EQ(run({"attend", "--device", "device.h5", "--input", "in.h5", "--output", "out.h5",
                 "--no-quantise", "--decay", "0", "--datasets", "S"})
                .exit_code,
            0);
  const auto s = read("out.h5", "S"), q = read("in.h5", "q"), k = read("in.h5", "k");
  double first = 0;
  for (std::size_t d = 0; d < 16; ++d) first += q.values[d] * 20e-6 * (k.values[d] - 0.45);
  EXPECT_NEAR(s.values[0], first, 1e-10);
  EXPECT_FALSE(store::Reader(folder_ / "out.h5").root().has("phi"));
}

TEST_F(Attend, MeetsTheSameMismatchAndNoiseAtBothLevels) {
  write_random_input("in.h5");
  const auto phi = [&](const std::string& level, const std::string& seed) {
    const auto outcome =
        run({"attend", "--device", "published", "--input", "in.h5", "--output", "out.h5", "--level",
             level, "--spread-seed", seed, "--spread",
             "cell_gain=0.05,cell_offset_v=0.01,relu_gain=0.05,relu_noise_c=1e-14"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read("out.h5", "phi").values;
  };
  const auto fast = phi("fast", "1"), column = phi("column", "1"), other = phi("fast", "2");
  ASSERT_EQ(fast.size(), column.size());
  double squares = 0, between_seeds = 0;
  for (std::size_t i = 0; i < fast.size(); ++i) {
    squares += std::pow(fast[i] - column[i], 2);
    between_seeds += std::pow(fast[i] - other[i], 2);
  }
  EXPECT_LT(std::sqrt(squares), 0.1 * std::sqrt(between_seeds));
}

// What a device file states is drawn where nothing is said, and a cell's noise as that of a column.
TEST_F(Attend, DrawsTheMismatchAndNoiseThatADeviceStates) {
  write_random_input("in.h5");
  lut::DeviceFile device = lut::example_device();
  const auto state = [&](const char* name, const char* unit, double value) {
    device.add(lut::Constant{{name, unit, "one standard deviation"}, value, "bench"});
  };
  device.write(folder_ / "plain.h5");
  state("spread_cell_gain", "1", 0.05);
  state("spread_relu_noise_c", "C", 3e-15);
  state("spread_cell_noise_c", "C", 1e-15);
  device.write(folder_ / "device.h5");
  const auto phi = [&](const std::string& file, std::vector<std::string> more,
                       const std::string& level = "column") {
    more.insert(more.begin(), {"attend", "--device", file, "--input", "in.h5", "--output", "out.h5",
                               "--level", level});
    const auto outcome = run(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read("out.h5", "phi").values;
  };
  const auto settings = [&] {
    return nlohmann::json::parse(
        store::Reader(folder_ / "out.h5").root().text_attribute("settings"));
  };
  const auto plain = phi("plain.h5", {});
  EXPECT_EQ(settings().at("spread").at("cell_gain"), 0);
  const auto drawn = phi("device.h5", {});
  const double tile = lut::GainCellDevice(lut::example_device()).tile;
  EXPECT_EQ(settings().at("spread").at("cell_gain"), 0.05);
  EXPECT_NEAR(settings().at("spread").at("relu_noise_c").get<double>(),
              1e-15 * std::sqrt(9 + tile / 2), 1e-21);
  EXPECT_NEAR(settings().at("spread").at("signed_noise_c").get<double>(),
              1e-15 * std::sqrt(tile / 2), 1e-21);
  EXPECT_EQ(settings().at("spread_seed"), 1);
  EXPECT_EQ(settings().at("noise_seed"), 1);
  EXPECT_NE(drawn, plain);
  EXPECT_EQ(drawn, phi("device.h5", {"--spread", "device"}));
  EXPECT_EQ(plain, phi("device.h5", {"--without", "mismatch,read_noise"}));
  EXPECT_NE(drawn, phi("device.h5", {"--spread-seed", "2"}));
  EXPECT_NE(drawn, phi("device.h5", {"--noise-seed", "2"}));
  // Noise alone moves what mismatch alone does not, and each has its own seed.
  EXPECT_EQ(phi("device.h5", {"--without", "mismatch"}),
            phi("device.h5", {"--without", "mismatch", "--spread-seed", "2"}));
  EXPECT_EQ(phi("device.h5", {"--without", "read_noise"}),
            phi("device.h5", {"--without", "read_noise", "--noise-seed", "2"}));
  EXPECT_EQ(phi("device.h5", {"--spread", "cell_gain=0"}), plain);
  expect_refused({"attend", "--device", "plain.h5", "--input", "in.h5", "--output", "o.h5",
                  "--noise-seed", "2"},
                 "no mismatch and no noise is drawn");
  lut::DeviceFile wrong = lut::example_device();
  wrong.add(lut::Constant{{"spread_cell_noise_c", "V", ""}, 1e-15, "bench"});
  wrong.write(folder_ / "wrong.h5");
  expect_refused({"attend", "--device", "wrong.h5", "--input", "in.h5", "--output", "o.h5"},
                 "spread_cell_noise_c@units = V: must be C");
}

TEST_F(Attend, SaysWhatTheFastLevelReachedOfItsLimit) {
  write_random_input("in.h5");
  for (const auto& [limit, named] :
       {std::pair<double, std::string>{1e-3, "0.001"}, {1e-2, "0.01"}}) {
    const auto outcome = run({"attend", "--device", "published", "--input", "in.h5", "--output",
                              "out.h5", "--level", "fast", "--error-limit", std::to_string(limit)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string begin = "fast level: error ";
    const auto at = outcome.out.find(begin);
    ASSERT_NE(at, std::string::npos) << outcome.out;
    char* end = nullptr;
    const double first = std::strtod(outcome.out.c_str() + at + begin.size(), &end);
    ASSERT_TRUE(std::string_view(end).starts_with(" and ")) << outcome.out;
    const double second = std::strtod(end + 5, &end);
    EXPECT_THAT(end,
                ::testing::MatchesRegex(" rms of full scale on random columns \\(limit " + named +
                                        "\\), .* where rows change slowly, at most .*\n.*"));
    for (const double error : {first, second}) {
      EXPECT_GT(error, 0);
      EXPECT_LE(error, limit);
    }
  }
}

TEST_F(Attend, RefusesOptionsThatDoNothing) {
  write_random_input("in.h5");
  const std::vector<std::vector<std::string>> fast{{"--error-limit", "1e-3"}},
      spread{{"--spread-seed", "2"}, {"--noise-seed", "2"}},
      spice{{"--benches", "."}, {"--jobs", "1"}, {"--cache", "."}};
  const auto outcome_of = [&](const std::string& level, const std::vector<std::string>& option,
                              bool with_spread) {
    std::vector<std::string> words{"attend",   "--device", "published", "--input", "in.h5",
                                   "--output", "out.h5",   "--level",   level};
    words.insert(words.end(), option.begin(), option.end());
    if (with_spread) words.insert(words.end(), {"--spread", "cell_gain=0.01"});
    return run(words);
  };
  for (const std::string level : {"fast", "column"})
    for (const auto& [options, heeded] :
         {std::pair{fast, level == "fast"}, {spread, false}, {spice, false}})
      for (const auto& option : options) {
        const auto outcome = outcome_of(level, option, false);
        EXPECT_EQ(outcome.exit_code, heeded ? 0 : 2) << level << " " << option.front();
        if (heeded) continue;
        EXPECT_THAT(outcome.err, ::testing::HasSubstr(option.front()));
      }
  for (const std::string level : {"fast", "column"})
    for (const auto& option : spread) EXPECT_EQ(outcome_of(level, option, true).exit_code, 0);
}

// The same sequence twice, on the same chip: other noise, at both levels, and the seed of the noise
// is not the chip's.
TEST_F(Attend, BatchEntriesMeetNewNoise) {
  shape_.batch = 1;
  const auto q = drawn(shape_.size(), 1, 0, 1), k = drawn(shape_.size(), 2, 0, 0.9),
             v = drawn(shape_.size(), 3, 0, 0.9);
  shape_.batch = 2;
  const auto twice = [](std::vector<double> x) {
    x.insert(x.end(), x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size()));
    return x;
  };
  write_input("in.h5", twice(q), twice(k), twice(v));
  const auto phi = [&](const std::string& level, const std::string& spread,
                       const std::string& noise_seed) {
    const auto outcome =
        run({"attend", "--device", "published", "--input", "in.h5", "--output", "out.h5", "--level",
             level, "--spread", spread, "--noise-seed", noise_seed});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read("out.h5", "phi").values;
  };
  const auto halves_differ = [](const std::vector<double>& x) {
    return !std::equal(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2),
                       x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2));
  };
  for (const std::string level : {"fast", "column"}) {
    const auto noisy = phi(level, "relu_noise_c=2e-14", "1");
    EXPECT_TRUE(halves_differ(noisy)) << level;
    EXPECT_EQ(noisy, phi(level, "relu_noise_c=2e-14", "1")) << level;
    EXPECT_NE(noisy, phi(level, "relu_noise_c=2e-14", "2")) << level;
    const auto chip = phi(level, "cell_gain=0.05,relu_gain=0.05", "1");
    EXPECT_FALSE(halves_differ(chip)) << level;
    EXPECT_EQ(chip, phi(level, "cell_gain=0.05,relu_gain=0.05", "2")) << level;
  }
}

TEST_F(Attend, SaysAndKeepsWhatItClips) {
  const std::size_t n = shape_.size();
  auto q = drawn(n, 1, 0, 1), k = drawn(n, 2, 0, 0.9), v = drawn(n, 3, 0, 0.9);
  const auto ranges = [&](const std::string& level) {
    const auto outcome = run({"attend", "--device", "published", "--input", "in.h5", "--output",
                              "out.h5", "--level", level});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto json =
        nlohmann::json::parse(store::Reader(folder_ / "out.h5").root().text_attribute("ranges"));
    return std::pair(outcome.err, json);
  };
  write_input("in.h5", q, k, v);
  for (const std::string level : {"fast", "column"}) {
    const auto [err, json] = ranges(level);
    // The authors' cubic has its zero there.
    EXPECT_EQ(err,
              "warning: half of the range means zero, but is read as 0.051 of a full weight, and "
              "no scaler mends that; levels that are written 38 mV lower would (the device's "
              "write_offset)\n");
    EXPECT_EQ(json.at("clipped").at("q"), 0);
  }
  // Two of 640 q of head 1 in each of two batch entries; 5 % of all v.
  const std::size_t head = shape_.time * shape_.dim;
  for (const std::size_t batch : {0, 1}) q[batch * 2 * head + head + 7] = 1.5;
  for (std::size_t i = 0; i < n; i += 20) v[i] = 2;
  write_input("in.h5", q, k, v);
  for (const std::string level : {"fast", "column"}) {
    const auto [err, json] = ranges(level);
    EXPECT_THAT(err, ::testing::StartsWith(
                         "clipped to the circuits' ranges: 0.16 % of q, 0 % of k, 5 % of v"));
    EXPECT_EQ(json.at("clipped_by_head").at(1).at("q").get<double>(), 2.0 / 640) << level;
    EXPECT_EQ(json.at("clipped").at("v").get<double>(), 0.05) << level;
  }
  for (double& x : k) x = 3;
  write_input("in.h5", q, k, v);
  EXPECT_THAT(ranges("fast").first, HasSubstr("warning: clipped to the circuits' ranges"));
}

// example_device() knows retention up to 10 ms.
TEST_F(Attend, RefusesAgesBeyondTheRetentionTableAndReportsFew) {
  lut::example_device().write(folder_ / "device.h5");
  write_random_input("in.h5");
  const auto with = [](std::vector<std::string> more) {
    std::vector<std::string> all{"attend",   "--device", "device.h5", "--input", "in.h5",
                                 "--output", "out.h5",   "--level",   "column"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  for (const std::string period : {"0.1", "1e6", "0.001"})
    expect_refused(with({"--token-period", period}), "cell_retention = known to an age of 10 ms: ");
  EXPECT_EQ(run(with({"--token-period", "1e6", "--without", "retention"})).exit_code, 0);
  EXPECT_EQ(run(with({"--token-period", "0.001", "--window", "11"})).exit_code, 0);
  // One token in 20 is 19 periods old once: 1 of 210 reads.
  const auto few = run(with({"--token-period", "5.4e-4"}));
  EXPECT_EQ(few.exit_code, 0) << few.err;
  EXPECT_THAT(few.err, HasSubstr("ends at an age of 10 ms: 0.48 % of the reads"));
}

// What `attend` says of an imported device whose current is a straight line in the stored voltage.
class AttendOnAStraightLine : public Attend {
 protected:
  std::string said(double amperes_per_step, double zero_steps) {
    write_random_input("in.h5");
    std::string csv = "V_store,V_in,I\n";  // a step is 0.1 V
    for (int i = 0; i <= 9; ++i)
      csv += std::to_string(0.1 * i) + ",0.9," +
             std::to_string(amperes_per_step * 1e6 * (i - zero_steps)) + "e-6\n";
    write_file(folder_ / "iv.csv", csv);
    EXPECT_EQ(run({"import", "iv.csv", "-o", "device.h5", "--s-sat-first", "80e-6",
                   "--s-sat-second", "40e-6"})
                  .exit_code,
              0);
    const auto outcome =
        run({"attend", "--device", "device.h5", "--input", "in.h5", "--output", "out.h5"});
    EXPECT_EQ(outcome.exit_code, 0);
    return outcome.err;
  }
};

TEST_F(AttendOnAStraightLine, SaysWhereCurrentsAndFullScalesDoNotGoTogether) {
  EXPECT_THAT(said(0.2e-6, 4.5), HasSubstr("stay near zero"));
  EXPECT_THAT(said(160e-6, 4.5), HasSubstr("are saturated"));
}

// A zero that is 25 mV above half of the range weighs a share of 25 of 450.
TEST_F(AttendOnAStraightLine, SaysWhereHalfOfTheRangeIsNotReadAsZero) {
  EXPECT_THAT(said(2e-6, 4.5), ::testing::Not(HasSubstr("half of the range")));
  EXPECT_THAT(
      said(2e-6, 4.75),
      HasSubstr("warning: half of the range means zero, but is read as -0.056 of a full weight, "
                "and no scaler mends that; levels that are written 25 mV higher would (the "
                "device's write_offset)"));
}

TEST_F(Attend, RefusesWrongInputInOneLine) {
  write_random_input("in.h5");
  const std::vector<std::string> good{"attend", "--device", "published", "--input",
                                      "in.h5",  "--output", "out.h5"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), good.begin(), good.end());
    return more;
  };
  for (const std::string window : {"0", "-1", "65537", "2147483647"})
    expect_refused(with({"--window", window}), "--window = " + window + ": must be from 1");
  expect_refused(with({"--window", "9223372036854775808"}), "--window");
  expect_refused(with({"--decay", "-1"}), "--decay = -1: must be 0 or more");
  expect_refused(with({"--token-period", "1e-9"}),
                 "--token-period = 1e-09: must be at least 65 ns, which a token's attention in a "
                 "layer needs");
  expect_refused(with({"--without", "nosie"}), "nosie: is no effect");
  expect_refused(with({"--datasets", "T"}), "there are S, phi and output");
  expect_refused(with({"--level", "fast", "--no-quantise"}), "storage_quantiser");
  expect_refused(with({"--level", "exact"}), "--level = exact: must be fast, column or spice");
  expect_refused(with({"--level", "spice"}), "is equations and has no transistors");
  expect_refused(with({"--level", "fast", "--without", "clipping"}), "choose the column level");
  expect_refused({"attend", "--device", "none.h5", "--input", "in.h5", "--output", "o.h5"},
                 "none.h5");
  auto q = drawn(shape_.size(), 1, 0, 1);
  q[(1 * 20 + 3) * 16 + 5] = std::nan("");
  write_input("nan.h5", q, q, drawn(shape_.size(), 1, 0, 1));
  expect_refused({"attend", "--device", "published", "--input", "nan.h5", "--output", "o.h5"},
                 "nan.h5: q[batch 0][head 1][token 3][dim 5] = nan");
  expect_refused({"import", "in.h5", "-o", "o.h5"}, "in.h5");
}

}  // namespace
}  // namespace gaincell
