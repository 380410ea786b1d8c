// The study file: what is read, what is refused, and the points that come of it.
#include "sweep/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "sweep/command.h"
#include "sweep/design.h"
#include "sweep/plan.h"
#include "tests/lut/example_device.h"
#include "tests/support/program.h"

namespace gaincell::sweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class StudyFile : public ::testing::Test {
 protected:
  testing::ScratchFolder folder;

  void SetUp() override {
    std::filesystem::create_directories(folder / "model");
    write_file(folder / "text.txt", "abc");
    device("a.h5", "slow", "-40 degC");
    device("b.h5", "slow", "85 degC");
    device("c.h5", "fast", "-40 degC");
  }
  void device(const std::string& name, const std::string& corner, const std::string& temperature) {
    lut::DeviceFile file = lut::example_device();
    lut::Provenance made{"more", {}};
    made.attributes[lut::kFixed] = "corner " + corner + "\ntemperature " + temperature + "\n";
    file.add(made);
    file.write(folder / name);
  }
  Study read(const std::string& rest) {
    write_file(folder / "study.yaml",
               "gaincell_study: 1\nname: s\nmodel: model\ntext: text.txt\n" + rest);
    return read_study((folder / "study.yaml").string());
  }
  std::string refused(const std::string& rest) {
    try {
      read(rest);
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  }
  static std::vector<std::string> names(const Study& study) {
    std::vector<std::string> all;
    for (const Point& point : design_points(study)) all.push_back(name_of(study.axes, point));
    return all;
  }
};

TEST_F(StudyFile, AGridIsAllCombinationsAndUnitsAreThoseOfSpice) {
  const Study study =
      read("vary: {window: [16, 8], token_period_s: [1u, 0.5ms]}\nat: {q_levels: 8}\n");
  EXPECT_THAT(names(study),
              ElementsAre("window=16, token_period_s=1e-06", "window=16, token_period_s=0.0005",
                          "window=8, token_period_s=1e-06", "window=8, token_period_s=0.0005"));
  EXPECT_THAT(command_line("infer", run_options(study, design_points(study)[1], 7, study.model)),
              AllOf(HasSubstr("--window 16 --token-period 0.0005 --hardware q_levels=8 "
                              "--spread-seed 7 --noise-seed 7"),
                    Not(HasSubstr("--attention"))));
}

TEST_F(StudyFile, OneAtATimeLeavesTheFirstValuesByOne) {
  const Study study =
      read("vary: {window: [16, 8, 4], q_levels: [16, 8]}\ndesign: one_at_a_time\n");
  EXPECT_THAT(names(study), ElementsAre("window=16, q_levels=16", "window=8, q_levels=16",
                                        "window=4, q_levels=16", "window=16, q_levels=8"));
}

TEST_F(StudyFile, ARangeIsSpacedAsItsScaleSays) {
  const Study study = read(
      "vary:\n  window: {from: 4, to: 64, points: 5, scale: logarithmic}\n"
      "  noise_factor: {from: 0, to: 2, points: 3}\n");
  EXPECT_THAT(study.axes[0].values, ElementsAre(4, 8, 16, 32, 64));
  EXPECT_THAT(study.axes[1].values, ElementsAre(0, 1, 2));
}

TEST_F(StudyFile, ALatinHypercubeHasOneDrawInEachPartOfEachRange) {
  const Study study = read(
      "vary:\n  noise_factor: {from: 0, to: 8}\n  token_period_s: {from: 1u, to: 256u, scale: "
      "logarithmic}\n  q_levels: [4, 8]\ndesign: {kind: latin_hypercube, points: 8, seed: 3}\n");
  const auto points = design_points(study);
  ASSERT_EQ(points.size(), 8u);
  std::set<int> noise, period;
  int fours = 0;
  for (const Point& point : points) {
    noise.insert(static_cast<int>(point[0]));
    period.insert(static_cast<int>(std::log2(point[1] / 1e-6)));
    fours += point[2] == 4 ? 1 : 0;
  }
  EXPECT_EQ(noise.size(), 8u);
  EXPECT_EQ(period.size(), 8u);
  EXPECT_EQ(fours, 4);
  EXPECT_EQ(points, design_points(study));
}

TEST_F(StudyFile, AConditionChoosesTheDeviceThatWasMadeAtIt) {
  const std::string devices = "devices: [a.h5, b.h5, c.h5]\n";
  const Study study = read(devices +
                           "vary: {temperature: [-40, 85], corner: [slow, fast]}\n"
                           "design: one_at_a_time\n");
  std::vector<std::string> files;
  for (const Point& point : design_points(study))
    files.push_back(std::filesystem::path(device_of(study, point)).filename().string());
  EXPECT_THAT(files, ElementsAre("a.h5", "b.h5", "c.h5"));
  EXPECT_THAT(refused(devices + "vary: {temperature: [-40, 27]}\n"),
              AllOf(HasSubstr("study.yaml:6: vary.temperature[1] = 27: no device"),
                    HasSubstr("-40 degC, 85 degC")));
  lut::DeviceFile quick = lut::example_device();
  quick.add(lut::Provenance{"more", {{lut::kFixed, "corner slow\ntemperature -40 degC\n"}}});
  quick.write(folder / "quick.h5");
  EXPECT_THAT(refused("devices: [a.h5, quick.h5]\nvary: {t_max: [15n, 12n]}\n"),
              AllOf(HasSubstr("t_max[1] = 12n: no device"), HasSubstr("1.5e-08 s")));
  const Study grid = read(devices + "vary: {temperature: [-40, 85], corner: [slow, fast]}\n");
  EXPECT_THROW(plan_study(grid), Error);  // none was made at fast, 85
  const Study vague = read(devices + "vary: {corner: [slow, fast]}\n");
  EXPECT_THROW(plan_study(vague), Error);  // two were made at slow
}

TEST_F(StudyFile, WhatIsUnknownOutOfRangeOrWithoutEffectIsRefusedAtItsLine) {
  EXPECT_THAT(refused("vary: {windw: [1, 2]}\n"),
              AllOf(HasSubstr("study.yaml:5: vary.windw: is no parameter of a study"),
                    HasSubstr("did you mean `window`?")));
  EXPECT_THAT(refused("vary: {t_max: [1n, 2n]}\n"),
              AllOf(HasSubstr("vary.t_max: stands in the tables of a device"),
                    HasSubstr("`gaincell device`")));
  EXPECT_THAT(refused("vary: {window: []}\n"), HasSubstr("must hold at least one value"));
  EXPECT_THAT(refused("vary: {window: [8]}\n"), HasSubstr("varies nothing"));
  EXPECT_THAT(refused("vary: {window: [8, 0]}\n"),
              HasSubstr("vary.window[1] = 0: must be from 1 to 65536"));
  EXPECT_THAT(refused("vary: {window: [8, 8]}\n"), HasSubstr("stands here twice"));
  EXPECT_THAT(refused("vary: {window: [8, 8.5]}\n"), HasSubstr("must be a whole number"));
  EXPECT_THAT(refused("vary: {token_period_s: [1V, 2V]}\n"), HasSubstr("token_period_s[0] = 1V"));
  EXPECT_THAT(refused("vary: {device: [a.h5, no.h5]}\n"), HasSubstr("there is no "));
  EXPECT_THAT(refused("vary: {window: [8, 4]}\nat: {window: 3}\n"), HasSubstr("held and varied"));
  EXPECT_THAT(refused("vary: {window: {from: 8, to: 4, points: 2}}\n"),
              HasSubstr("must be greater than `from`"));
  EXPECT_THAT(refused("vary: {window: {from: 4, to: 8}}\n"), HasSubstr("needs `points`"));
  EXPECT_THAT(refused("vary: {window: [4, 8]}\ndesign: {kind: random}\n"),
              HasSubstr("needs `points`"));
  EXPECT_THAT(refused("vary: {window: [4, 8]}\ndesign: {kind: grid, seed: 2}\n"),
              HasSubstr("has no effect"));
  EXPECT_THAT(refused("vary: {window: [4, 8]}\nseeds: [1, 1]\n"), HasSubstr("twice"));
  EXPECT_THAT(refused("vary: {window: [4, 8]}\ncolour: red\n"), HasSubstr("unknown key"));
  EXPECT_THAT(refused("vary: {window: [4, 8]}\nattention: linear\nadapt: {text: text.txt}\n"),
              HasSubstr("attention is linear"));
}

TEST_F(StudyFile, WhatADeviceStatesOfItsSpreadStaysBesideWhatIsVaried) {
  lut::DeviceFile file = lut::example_device();
  file.add(lut::Constant{{"spread_cell_gain", "1", "mismatch"}, 0.02});
  file.write(folder / "spread.h5");
  const auto spread_of = [&](const std::string& device) {
    const Study study = read("at: {device: " + device + "}\nvary: {relu_noise_c: [1f, 2f]}\n");
    const auto options = run_options(study, design_points(study)[0], {}, study.model);
    return *(std::find(options.begin(), options.end(), "--spread") + 1);
  };
  EXPECT_EQ(spread_of("spread.h5"), "device,relu_noise_c=1e-15");
  EXPECT_EQ(spread_of("a.h5"), "relu_noise_c=1e-15");
}

}  // namespace
}  // namespace gaincell::sweep
