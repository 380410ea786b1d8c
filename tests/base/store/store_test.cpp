#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/store/reader.h"
#include "base/store/writer.h"

namespace gaincell::store {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Store : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("store_" + std::to_string(getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    file_ = folder_ / "a.h5";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string message(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  void write_example(const std::filesystem::path& path, bool compressed = false) const {
    Writer writer(path);
    Group root = writer.root();
    root.attribute("title", "an example").attribute("version", 1).attribute("scale", 0.5);
    root.axis("x", std::vector<double>{0, 1, 2}).attribute("units", "V");
    root.axis("t", std::vector<double>{1e-9, 2e-9}).attribute("units", "s");
    root.dimension("point", 4);
    root.dataset<double>("charge", {"x", "t"}, {1, 2, 3, 4, 5, 6},
                         compressed ? Storage::kCompressed : Storage::kPlain)
        .attribute("units", "C");
    root.scalar("t_max", 15e-9).attribute("units", "s");
    Group below = root.group("provenance/read");
    below.attribute("text", "line 1\nline 2\n");
    below.dataset<std::uint8_t>("status", {"point"}, {0, 1, 0, 0});
    below.dataset<std::string>("reason", {"point"}, {"", "no convergence", "\xc2\xb5", "x"});
    writer.commit();
  }

  std::filesystem::path folder_, file_;
};

TEST_F(Store, ReadsBackWhatWasWritten) {
  write_example(file_);
  const ReadGroup root = Reader(file_).root();
  EXPECT_EQ(root.text_attribute("title"), "an example");
  EXPECT_EQ(root.number_attribute("version"), 1);
  EXPECT_EQ(root.number_attribute("scale"), 0.5);
  EXPECT_THAT(root.dataset_names(), ElementsAre("x", "t", "point", "charge", "t_max"));
  EXPECT_THAT(root.group_names(), ElementsAre("provenance"));

  const auto charge = root.dataset("charge").read<double>();
  EXPECT_THAT(charge.shape, ElementsAre(3, 2));
  EXPECT_THAT(charge.values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(root.dataset("charge").dimension_paths(), ElementsAre("/x", "/t"));
  EXPECT_TRUE(root.dataset("x").is_dimension());
  EXPECT_FALSE(root.dataset("x").is_bare_dimension());
  EXPECT_TRUE(root.dataset("point").is_bare_dimension());
  EXPECT_EQ(root.dataset("t_max").read_scalar<double>(), 15e-9);

  const ReadGroup below = root.group("provenance/read");
  EXPECT_EQ(below.text_attribute("text"), "line 1\nline 2\n");
  EXPECT_THAT(below.dataset("status").read_vector<std::uint8_t>(), ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(below.dataset("reason").read_vector<std::string>(),
              ElementsAre("", "no convergence", "\xc2\xb5", "x"));
  EXPECT_THAT(below.dataset("reason").dimension_paths(), ElementsAre("/point"));
  EXPECT_EQ(below.text_attribute("corner", "nominal"), "nominal");
}

TEST_F(Store, HidesTheBookKeepingAttributes) {
  write_example(file_);
  const ReadGroup root = Reader(file_).root();
  EXPECT_THAT(root.dataset("charge").attribute_names(), ElementsAre("units"));
  EXPECT_THAT(root.dataset("x").attribute_names(), ElementsAre("units"));
}

TEST_F(Store, WritesEqualBytesForEqualCalls) {
  write_example(file_);
  // Another heap, another stack, another name: nothing of it may leak into the file.
  std::vector<std::unique_ptr<char[]>> dirt;
  for (int i = 0; i < 100; ++i) {
    dirt.push_back(std::make_unique<char[]>(64 << (i % 8)));
    std::memset(dirt.back().get(), 0x5a, 64 << (i % 8));
  }
  dirt.clear();
  write_example(folder_ / "another_name.h5");
  EXPECT_TRUE(read_file(file_) == read_file(folder_ / "another_name.h5"));
}

TEST_F(Store, CompressesWithoutLoss) {
  std::vector<double> values(300000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::floor(static_cast<double>(i) / 7);
  {
    Writer writer(file_);
    writer.root().dimension("i", values.size());
    writer.root().dataset<double>("v", {"i"}, values, Storage::kCompressed);
    writer.commit();
  }
  EXPECT_LT(std::filesystem::file_size(file_), values.size() * 2);
  EXPECT_TRUE(Reader(file_).root().dataset("v").read_vector<double>() == values);
}

TEST_F(Store, KeepsLongTextInAttributes) {
  const std::string text(200000, 'x');
  {
    Writer writer(file_);
    writer.root().attribute("netlist", text);
    writer.commit();
  }
  EXPECT_TRUE(Reader(file_).root().text_attribute("netlist") == text);
}

TEST_F(Store, HoldsEmptyDimensions) {
  {
    Writer writer(file_);
    writer.root().dimension("failure", 0);
    writer.root().dataset<std::string>("reason", {"failure"}, std::vector<std::string>{});
    writer.root().dataset<double>("v", {"failure"}, std::vector<double>{}, Storage::kCompressed);
    writer.commit();
  }
  EXPECT_TRUE(Reader(file_).root().dataset("reason").read_vector<std::string>().empty());
  EXPECT_TRUE(Reader(file_).root().dataset("v").read_vector<double>().empty());
}

// As many as a campaign of hundreds of benches writes, each with dimensions of its own: the
// library's search for what they are called took longer than damaged files may.
TEST_F(Store, NamesTheDimensionsOfThousandsOfTables) {
  const int groups = 200, tables = 40;
  {
    Writer writer(file_);
    for (int g = 0; g < groups; ++g) {
      Group group = writer.root().group("benches/b" + std::to_string(g));
      group.axis("x", std::vector<double>{0, 1, 2});
      for (int t = 0; t < tables; ++t)
        group.dataset<double>("y" + std::to_string(t), {"x"}, std::vector<double>{1, 2, 3});
    }
    writer.commit();
  }
  const Reader reader(file_);
  for (const int g : {0, groups - 1}) {
    const std::string group = "benches/b" + std::to_string(g);
    EXPECT_THAT(reader.root().dataset(group + "/y7").dimension_paths(),
                ElementsAre("/" + group + "/x"));
  }
}

TEST_F(Store, LeavesTheOldFileWithoutCommit) {
  write_file(file_, "old");
  {
    Writer writer(file_);
    writer.root().scalar("x", 1.0);
  }
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Store, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(message([&] { Reader r(file_); }), HasSubstr("a.h5: no such file"));
  EXPECT_THAT(message([&] { Reader r(folder_); }), HasSubstr("is not a file"));
  write_file(file_, "");
  EXPECT_THAT(message([&] { Reader r(file_); }), HasSubstr("a.h5: is empty"));
  write_file(file_, "x,y\n1,2\n");
  EXPECT_THAT(message([&] { Reader r(file_); }), HasSubstr("a.h5: is not an HDF5 file"));
}

TEST_F(Store, TellsATruncatedFileAtEveryLength) {
  write_example(file_);
  const std::string bytes = read_file(file_);
  for (std::size_t length = 100; length < bytes.size(); length += 97) {
    write_file(folder_ / "cut.h5", bytes.substr(0, length));
    EXPECT_THAT(
        message([&] { Reader r(folder_ / "cut.h5"); }),
        AnyOf(HasSubstr("cut.h5: " + std::to_string(length) + " bytes: the file is truncated"),
              HasSubstr("cut.h5: its bytes are not those that gaincell wrote")));
  }
}

TEST_F(Store, RefusesAThousandFlippedBytes) {
  write_example(file_);
  const std::string bytes = read_file(file_);
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    std::string flipped = bytes;
    const std::size_t at = random.below(bytes.size());
    flipped[at] ^= static_cast<char>(1 << random.below(8));
    std::ofstream(folder_ / "flipped.h5", std::ios::binary) << flipped;
    ASSERT_THAT(message([&] { Reader r(folder_ / "flipped.h5"); }),
                HasSubstr("flipped.h5: its bytes are not those that gaincell wrote"))
        << "byte " << at;
  }
}

// As lut/FORMAT.md says how to check it.
TEST_F(Store, EndsInTheHashOfAllBeforeIt) {
  write_example(file_);
  const std::string bytes = read_file(file_);
  const std::string seal = bytes.substr(bytes.size() - 65);
  const std::string mark = "\nsealed by gaincell, sha256 ";
  ASSERT_TRUE(seal.ends_with('\n'));
  const std::string_view body(bytes.data(), bytes.size() - 65 - mark.size());
  EXPECT_EQ(bytes.substr(body.size(), mark.size()), mark);
  EXPECT_EQ(seal, sha256(body) + "\n");
}

TEST_F(Store, KnowsSealedChangedAndForeignFiles) {
  write_example(file_);
  EXPECT_EQ(Reader(file_).root().origin(), Origin::kSealed);
  // What HDF5 leaves where it has changed a file: nothing behind the end.
  const std::string bytes = read_file(file_);
  write_file(file_, bytes.substr(0, bytes.rfind("\nsealed by gaincell")));
  const ReadGroup changed = Reader(file_).root();
  EXPECT_EQ(changed.origin(), Origin::kChanged);
  EXPECT_EQ(changed.dataset("t_max").read_scalar<double>(), 15e-9);
}

TEST_F(Store, NamesWhatAForeignFileIs) {
  for (const auto& [begin, what] :
       {std::pair{std::string("CDF\x02xxxx"), "netCDF of the classic format"},
        {std::string("MATLAB 5.0 MAT-file, Platform"), "a MAT-file before version 7.3"},
        {std::string("PK\x03\x04xxx"), "a zip archive"},
        {std::string("\x93NUMPY\x01"), "an .npy file"}}) {
    write_file(file_, begin + std::string(1000, 'x'));
    EXPECT_THAT(message([&] { Reader r(file_); }), HasSubstr(what));
  }
}

TEST_F(Store, NamesFileAndObjectOfWhatIsMissingOrOfAnotherType) {
  write_example(file_);
  const ReadGroup root = Reader(file_).root();
  EXPECT_THAT(message([&] { root.dataset("nothing"); }),
              HasSubstr("a.h5: /nothing: the dataset is missing"));
  EXPECT_THAT(message([&] { root.dataset("no/where"); }),
              HasSubstr("a.h5: /no/where: the dataset is missing"));
  EXPECT_THAT(message([&] { root.group("charge"); }), HasSubstr("/charge: must be a group"));
  EXPECT_THAT(message([&] { root.dataset("provenance"); }),
              HasSubstr("/provenance: must be a dataset"));
  EXPECT_THAT(message([&] { root.text_attribute("scale"); }),
              HasSubstr("/@scale: must be a text, but is a number"));
  EXPECT_THAT(message([&] { root.number_attribute("title"); }),
              HasSubstr("must be a number, but is a text"));
  EXPECT_THAT(message([&] { root.number_attribute("gone"); }),
              HasSubstr("/@gone: the attribute is missing"));
  EXPECT_THAT(message([&] { root.dataset("charge").read<std::string>(); }),
              HasSubstr("must be a text"));
  EXPECT_THAT(message([&] { root.dataset("charge").read<std::uint8_t>(); }),
              HasSubstr("must be an integer, but is floating point"));
  EXPECT_THAT(message([&] { root.dataset("charge").read_vector<double>(); }),
              HasSubstr("must have one dimension, but has 2"));
  EXPECT_THAT(message([&] { root.dataset("charge").read_scalar<double>(); }),
              HasSubstr("must be a single value, but has 6"));
}

TEST_F(Store, RefusesWhatDoesNotFitItsDimensions) {
  Writer writer(file_);
  writer.root().dimension("i", 3);
  EXPECT_THAT(message([&] {
                writer.root().dataset<double>("v", {"i"}, {1, 2});
              }),
              HasSubstr("/v = 2 values: its dimensions make 3"));
  EXPECT_THAT(message([&] {
                writer.root().dataset<double>("v", {"j"}, {1, 2});
              }),
              HasSubstr("/v = j: no such dimension"));
  writer.root().scalar("w", 1.0);
  EXPECT_THAT(message([&] { writer.root().scalar("w", 1.0); }), HasSubstr("/w: is written twice"));
}

TEST_F(Store, RefusesAnotherFormatOrVersion) {
  {
    Writer writer(file_);
    writer.root()
        .attribute("gaincell_format", "device")
        .attribute("format_version", 7)
        .attribute("program_version", "9.9");
    writer.commit();
  }
  const ReadGroup root = Reader(file_).root();
  EXPECT_EQ(message([&] { require_format(root, {"device", 7, "gaincell compile"}); }), "no error");
  EXPECT_THAT(
      message([&] {
        require_format(root, {"device", 1, "gaincell compile"});
      }),
      HasSubstr(
          "format_version = 7: this program reads version 1; write the file anew with `gaincell "
          "compile` of this version, or read it with gaincell 9.9"));
  EXPECT_THAT(message([&] {
                require_format(root, {"samples", 7, "gaincell characterize"});
              }),
              HasSubstr("gaincell_format = device: must be \"samples\" here"));
  write_example(folder_ / "b.h5");
  EXPECT_THAT(message([&] {
                require_format(Reader(folder_ / "b.h5").root(), {"device", 1, "gaincell compile"});
              }),
              HasSubstr("is HDF5, but not a gaincell device file"));
}

// A file-size limit stands for the full disk: both make write() fail half-way.
TEST_F(Store, EndsInAnErrorOnAFullDiskAndLeavesNothing) {
  write_file(file_, "old");
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100000, 100000};
    setrlimit(RLIMIT_FSIZE, &limit);
    int code = 1;
    try {
      Writer writer(file_);
      writer.root().dimension("i", 100000);
      writer.root().dataset<double>("v", {"i"}, std::vector<double>(100000, 1.0));
      writer.commit();
    } catch (const Error& error) {
      code = std::string(error.what()).find("a.h5") != std::string::npos ? 42 : 2;
    }
    exit(code);  // with the library's clean-up, which must not fail either
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

}  // namespace
}  // namespace gaincell::store
