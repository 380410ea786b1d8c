#include "lut/device_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/store/reader.h"
#include "base/store/writer.h"
#include "example_device.h"
#include "grids.h"

namespace gaincell::lut {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DeviceFileTest : public TemporaryFolder {
 protected:
  std::string read_message(const std::filesystem::path& path) {
    try {
      DeviceFile::read(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(DeviceFileTest, ReadsBackWhatWasWritten) {
  const DeviceFile device = example_device();
  device.write(file_);
  const DeviceFile read = DeviceFile::read(file_);
  ASSERT_EQ(read.tables().size(), device.tables().size());
  for (const TableEntry& entry : device.tables()) {
    const TableEntry* same = read.find_table(entry.table.name());
    ASSERT_NE(same, nullptr);
    EXPECT_EQ(same->table.quantity().unit, entry.table.quantity().unit);
    EXPECT_EQ(same->table.quantity().long_name, entry.table.quantity().long_name);
    EXPECT_TRUE(std::ranges::equal(same->table.axes(), entry.table.axes()));
    EXPECT_TRUE(std::ranges::equal(same->table.values(), entry.table.values()));
    EXPECT_TRUE(std::ranges::equal(same->table.interpolation(), entry.table.interpolation()));
    EXPECT_EQ(same->bench, entry.bench);
    EXPECT_EQ(same->accuracy.points, entry.accuracy.points);
    EXPECT_EQ(same->accuracy.max_percent, entry.accuracy.max_percent);
    EXPECT_EQ(same->limit.rms_abs, entry.limit.rms_abs);
    EXPECT_EQ(same->hold_out.coordinates, entry.hold_out.coordinates);
    EXPECT_EQ(same->hold_out.measured, entry.hold_out.measured);
  }
  EXPECT_EQ(read.constant("t_max"), 15e-9);
  EXPECT_EQ(read.find_constant("t_max")->quantity.unit, "s");
  ASSERT_EQ(read.provenance().size(), 1u);
  EXPECT_EQ(read.provenance()[0].attributes, device.provenance()[0].attributes);
}

TEST_F(DeviceFileTest, EqualContentGivesEqualBytes) {
  example_device().write(file_);
  example_device().write(folder_ / "other.h5");
  EXPECT_TRUE(read_file(file_) == read_file(folder_ / "other.h5"));
  // and reading loses nothing
  DeviceFile::read(file_).write(folder_ / "again.h5");
  EXPECT_TRUE(read_file(file_) == read_file(folder_ / "again.h5"));
}

TEST_F(DeviceFileTest, SharesAxesAndRenamesThoseThatDiffer) {
  example_device().write(file_);
  const store::ReadGroup root = store::Reader(file_).root();
  EXPECT_THAT(root.dataset("relu_pulse_width").dimension_paths(), ElementsAre("/charge"));
  EXPECT_THAT(root.dataset("relu_energy").dimension_paths(), ElementsAre("/charge"));
  EXPECT_THAT(root.dataset("signed_pulse_width").dimension_paths(),
              ElementsAre("/signed_pulse_width_charge"));
  EXPECT_THAT(root.dataset("signed_energy").dimension_paths(),
              ElementsAre("/signed_pulse_width_charge"));
  EXPECT_EQ(root.dataset("signed_pulse_width_charge").text_attribute("axis"), "charge");
}

TEST_F(DeviceFileTest, OpensInXarrayWithAxesUnitsAndNames) {
  example_device().write(file_);
  const std::string command =
      "/usr/bin/python3 " GAINCELL_SOURCE_DIR "/tests/lut/open_with_xarray.py " + file_.string();
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "needs python3-xarray, -h5netcdf, -h5py";
  EXPECT_EQ(status, 0);
}

TEST_F(DeviceFileTest, RefusesAnotherVersionAndAnotherKindOfFile) {
  {
    store::Writer writer(file_);
    writer.root()
        .attribute("gaincell_format", "device")
        .attribute("format_version", 2)
        .attribute("program_version", "7.0");
    writer.commit();
  }
  EXPECT_THAT(read_message(file_), HasSubstr("a.h5: format_version = 2: this program reads version "
                                             "1; write the file anew with `gaincell compile`"));
  {
    store::Writer writer(file_);
    writer.root().attribute("gaincell_format", "samples").attribute("format_version", 1);
    writer.commit();
  }
  EXPECT_THAT(read_message(file_), HasSubstr("gaincell_format = samples: must be \"device\" here"));
  write_file(file_, "not HDF5");
  EXPECT_THAT(read_message(file_), HasSubstr("is not an HDF5 file"));
  example_device().write(file_);
  const std::string bytes = read_file(file_);
  write_file(file_, bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(read_message(file_), HasSubstr("the file is truncated"));
}

TEST_F(DeviceFileTest, AThousandFlippedBytesReadAsNoDevice) {
  example_device().write(file_);
  const std::string bytes = read_file(file_);
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    std::string flipped = bytes;
    flipped[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
    std::ofstream(folder_ / "flipped.h5", std::ios::binary) << flipped;
    ASSERT_THAT(read_message(folder_ / "flipped.h5"), HasSubstr("not those that gaincell wrote"));
  }
}

TEST_F(DeviceFileTest, RefusesATableThatNoLongerAgreesWithItsHoldOutPoints) {
  const DeviceFile good = example_device();
  const TableEntry& entry = *good.find_table("cell_read_charge");
  std::vector<double> values(entry.table.values().begin(), entry.table.values().end());
  for (double& value : values) value *= 1.1;
  TableEntry scaled = entry;
  scaled.table =
      Table(entry.table.quantity(), {entry.table.axes().begin(), entry.table.axes().end()}, values,
            {entry.table.interpolation().begin(), entry.table.interpolation().end()});
  DeviceFile device;
  device.add(scaled);
  device.write(file_);
  const std::string said = read_message(file_);
  EXPECT_THAT(said, HasSubstr("a.h5: cell_read_charge@error_max_abs = "));
  EXPECT_THAT(said, HasSubstr("no longer agrees with its own hold-out points"));

  std::vector<std::string> notes;
  const DeviceFile edited = DeviceFile::read_edited(file_, notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("cell_read_charge: largest error"));
  edited.write(folder_ / "b.h5");
  const TableEntry read = *DeviceFile::read(folder_ / "b.h5").find_table("cell_read_charge");
  double largest = 0;
  for (std::size_t i = 0; i < 3; ++i)
    largest =
        std::max(largest, std::abs(1.1 * entry.hold_out.predicted[i] - entry.hold_out.measured[i]));
  EXPECT_NEAR(read.accuracy.max_abs, largest, 1e-9 * largest);
}

TEST_F(DeviceFileTest, RefusesStatedErrorsWithoutTheirHoldOutPoints) {
  TableEntry entry = *example_device().find_table("cell_write_energy");
  entry.hold_out = {};
  DeviceFile device;
  device.add(entry);
  device.write(file_);
  EXPECT_THAT(read_message(file_),
              HasSubstr("cell_write_energy@holdout_points = 3: the file has 0 hold-out points"));
}

TEST(DeviceFile, RefusesNumbersBeyondWhatTheirUnitCanMean) {
  DeviceFile device;
  EXPECT_THROW(device.add(Constant{{"v_dd", "V"}, std::nan("")}), Error);
  EXPECT_THROW(device.add(Constant{{"v_dd", "V"}, -1e9}), Error);
  EXPECT_THROW(device.add(TableEntry{Table({"t", "C"}, {axis("x", {0, 1})}, {0, 6e124})}), Error);
  EXPECT_THROW(device.add(TableEntry{Table({"t", "1"}, {axis("x", {0, 1e40})}, {0, 1})}), Error);
  device.add(Constant{{"v_dd", "V"}, 0.9});
}

TEST_F(DeviceFileTest, NamesFileAndTableOfADamagedOne) {
  {
    store::Writer writer(file_);
    store::Group root = writer.root();
    root.attribute("gaincell_format", "device").attribute("format_version", 1);
    root.axis("x", std::vector<double>{0, 1, 1}).attribute("units", "V");
    root.dataset<double>("t", {"x"}, {1, 2, 3})
        .attribute("units", "A")
        .attribute("interpolation", "cubic");
    writer.commit();
  }
  EXPECT_THAT(read_message(file_),
              HasSubstr("a.h5: axis x: [2] = 1: the points of an axis must be finite and rise"));
}

TEST(DeviceFile, SuggestsTheNearestTable) {
  const DeviceFile device = example_device();
  try {
    device.table("cell_read_chrage");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("cell_read_chrage: no such table; did you mean `cell_read_charge`?"));
  }
  EXPECT_THROW(device.constant("tmax"), Error);
}

TEST(DeviceFile, HoldsANameOnce) {
  DeviceFile device = example_device();
  EXPECT_THROW(device.add(Constant{{"t_max", "s"}, 1e-9}), Error);
  EXPECT_THROW(device.add(device.tables()[0]), Error);
  EXPECT_THROW(device.add(Constant{{"cell_read_charge", "C"}, 1e-15}), Error);
  EXPECT_THROW(device.add(TableEntry{Table({"t_max", "s"}, {axis("x", {0, 1})}, {0, 1e-9})}),
               Error);
}

}  // namespace
}  // namespace gaincell::lut
