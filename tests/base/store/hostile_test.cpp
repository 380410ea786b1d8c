// Files that HDF5 reads badly or that say more than they hold, made with the library itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/store/reader.h"
#include "base/store/writer.h"

namespace gaincell::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("hostile_" + std::to_string(getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "x.h5";
    file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    properties_ = H5Pcreate(H5P_DATASET_CREATE);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  hid_t space(const std::vector<hsize_t>& extents) {
    return H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  }
  hid_t dataset(const char* name, hid_t type, const std::vector<hsize_t>& extents) {
    return H5Dcreate2(file_, name, type, space(extents), H5P_DEFAULT, properties_, H5P_DEFAULT);
  }
  // Everything is closed with the file.
  void close() {
    std::vector<hid_t> open(64);
    const ssize_t count = H5Fget_obj_ids(file_, H5F_OBJ_ALL & ~H5F_OBJ_FILE, open.size(), &open[0]);
    for (ssize_t i = 0; i < count; ++i) H5Oclose(open[static_cast<std::size_t>(i)]);
    H5Pclose(properties_);
    ASSERT_GE(H5Fclose(file_), 0);
  }
  static std::string message(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  std::string reading(const std::string& name) {
    return message([&] { Reader(path_).root().dataset(name).read<double>(); });
  }

  std::filesystem::path folder_, path_;
  hid_t file_ = -1, properties_ = -1;
};

TEST_F(Hostile, NumbersInAnotherFileAreRefusedByName) {
  write_file(folder_ / "secret", std::string(80, 'x'));
  H5Pset_external(properties_, (folder_ / "secret").c_str(), 0, 80);
  dataset("q", H5T_NATIVE_DOUBLE, {10});
  H5Lcreate_external((folder_ / "other.h5").c_str(), "/q", file_, "linked", H5P_DEFAULT,
                     H5P_DEFAULT);
  close();
  EXPECT_THAT(reading("q"), HasSubstr("/q: keeps its numbers in another file"));
  EXPECT_THAT(reading("linked"), HasSubstr("/linked: is a link into another file"));
}

TEST_F(Hostile, AVirtualDatasetIsRefusedEvenWhereItMapsOntoItself) {
  H5Pset_virtual(properties_, space({10}), path_.c_str(), "/q", space({10}));
  dataset("q", H5T_NATIVE_DOUBLE, {10});
  close();
  EXPECT_THAT(reading("q"), HasSubstr("/q: is a virtual dataset"));
}

TEST_F(Hostile, ClaimedNumbersAreHeldAgainstWhatIsStored) {
  const double one = 1;
  dataset("huge", H5T_NATIVE_DOUBLE, {1'000'000'000});
  dataset("endless", H5T_NATIVE_DOUBLE, {1ull << 40, 1ull << 40});
  const hsize_t chunk[] = {1000};
  H5Pset_chunk(properties_, 1, chunk);
  const hid_t sparse = dataset("sparse", H5T_NATIVE_DOUBLE, {10'000'000});
  const hid_t where = space({10'000'000});
  const hsize_t first[] = {5};
  H5Sselect_elements(where, H5S_SELECT_SET, 1, first);
  H5Dwrite(sparse, H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), where, H5P_DEFAULT, &one);
  close();
  EXPECT_THAT(reading("huge"), HasSubstr("/huge: was never written"));
  EXPECT_THAT(reading("endless"), HasSubstr("/endless: claims more numbers than any file holds"));
  EXPECT_THAT(reading("sparse"), HasSubstr("/sparse: claims 10000000 numbers"));
}

// 1 GiB of zeros deflates to 1 MiB.
TEST_F(Hostile, ACompressionBombTakesNoMemory) {
  const hsize_t chunk[] = {1u << 20};
  H5Pset_chunk(properties_, 1, chunk);
  H5Pset_deflate(properties_, 9);
  H5Pset_fill_time(properties_, H5D_FILL_TIME_ALLOC);
  H5Pset_alloc_time(properties_, H5D_ALLOC_TIME_EARLY);
  dataset("bomb", H5T_NATIVE_DOUBLE, {1u << 27});
  close();
  ASSERT_LT(std::filesystem::file_size(path_), 4u << 20);
  EXPECT_THAT(reading("bomb"), HasSubstr("/bomb: unpacks to more than a file of"));
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  EXPECT_LT(used.ru_maxrss, 400'000);  // KiB
}

TEST_F(Hostile, TypesThatAreNoNumbersAreNamed) {
  const hid_t complex = H5Tcreate(H5T_COMPOUND, 16);
  H5Tinsert(complex, "r", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(complex, "i", 8, H5T_NATIVE_DOUBLE);
  dataset("complex", complex, {2});
  const hid_t logical = H5Tenum_create(H5T_NATIVE_INT8);
  const std::int8_t no = 0, yes = 1;
  H5Tenum_insert(logical, "FALSE", &no);
  H5Tenum_insert(logical, "TRUE", &yes);
  dataset("logical", logical, {2});
  dataset("cell", H5T_STD_REF_OBJ, {2});
  close();
  EXPECT_THAT(reading("complex"), HasSubstr("must be a number, but is of a compound type"));
  EXPECT_THAT(reading("logical"), HasSubstr("must be a number, but is of an enumerated type"));
  EXPECT_THAT(reading("cell"), HasSubstr("must be a number, but is of references"));
}

TEST_F(Hostile, LinksInCirclesEnd) {
  const hid_t group = H5Gcreate2(file_, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file_, "/", group, "up", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/a", file_, "b", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/b", file_, "a", H5P_DEFAULT, H5P_DEFAULT);
  close();
  const ReadGroup root = Reader(path_).root();
  EXPECT_THAT(root.group_names(), ElementsAre("group"));
  EXPECT_TRUE(root.has("group/up/group"));
  EXPECT_THAT(message([&] { root.dataset("a"); }), HasSubstr("/a: is a link to nothing"));
}

TEST_F(Hostile, TextThatIsNotUtf8ReadsWithReplacements) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 8);
  const hid_t attribute =
      H5Acreate2(file_, "units", type, H5Screate(H5S_SCALAR), H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, "\xb5V\x1b[0m\n");
  close();
  EXPECT_EQ(Reader(path_).root().text_attribute("units"), "\xef\xbf\xbdV\xef\xbf\xbd[0m\n");
}

TEST_F(Hostile, AFilterThatIsNotHereIsNamedWithARemedy) {
  const hsize_t chunk[] = {4};
  H5Pset_chunk(properties_, 1, chunk);
  H5Pset_filter(properties_, 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
  const std::vector<double> values{1, 2, 3, 4};
  H5Dwrite(dataset("q", H5T_NATIVE_DOUBLE, {4}), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
           values.data());
  close();
  EXPECT_THAT(reading("q"), HasSubstr("is compressed with zstd"));
  EXPECT_THAT(reading("q"), HasSubstr("h5repack"));
}

// Whatever stands in the file, reading it ends in numbers or in one Error.
TEST_F(Hostile, ADamagedFileWithoutASealEndsInNumbersOrAnError) {
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, H5T_VARIABLE);
  const char* words = "several words of some length in the global heap";
  H5Awrite(H5Acreate2(file_, "a", text, H5Screate(H5S_SCALAR), H5P_DEFAULT, H5P_DEFAULT), text,
           &words);
  const hsize_t chunk[] = {16};
  H5Pset_chunk(properties_, 1, chunk);
  H5Pset_deflate(properties_, 6);
  std::vector<double> values(100);
  std::iota(values.begin(), values.end(), 0.0);
  H5Dwrite(dataset("q", H5T_NATIVE_DOUBLE, {100}), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
           values.data());
  H5Gcreate2(file_, "g/below", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  close();
  const std::string bytes = read_file(path_);
  Random random(1);
  std::size_t refused = 0;
  for (int i = 0; i < 150; ++i) {
    std::string damaged = bytes;
    for (int flips = 0; flips < 1 + i % 3; ++flips)
      damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(255));
    std::ofstream(path_, std::ios::binary) << damaged;
    const std::string said = message([&] {
      const ReadGroup root = Reader(path_).root();
      for (const std::string& name : root.attribute_names())
        if (root.attribute_kind(name) == Kind::kText) root.texts_attribute(name);
      for (const std::string& name : root.dataset_names()) root.dataset(name).read<double>();
    });
    if (said != "no error") ++refused;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  }
  EXPECT_GT(refused, 10u);
}

}  // namespace
}  // namespace gaincell::store
