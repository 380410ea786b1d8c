#include "base/installation.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Data : public ::testing::Test {
 protected:
  ~Data() override { ::unsetenv("GAINCELL_DATA"); }
  std::string refusal(const char* name) {
    try {
      return data_path(name).string();
    } catch (const Error& error) {
      return error.what();
    }
  }
  gaincell::testing::ScratchFolder folder_;
};

TEST_F(Data, OfTheBuildFolderAreThoseOfTheSources) {
  EXPECT_TRUE(std::filesystem::equivalent(data_path("netlists/column"),
                                          GAINCELL_SOURCE_DIR "/netlists/column"));
}

TEST_F(Data, ThatAreNowhereAreRefusedWithThePlacesTried) {
  EXPECT_THAT(refusal("netlists/nothing"),
              AllOf(HasSubstr("netlists/nothing"), HasSubstr(GAINCELL_BINARY_DIR "/tests"),
                    HasSubstr(GAINCELL_BINARY_DIR "/share/gaincell"), HasSubstr("GAINCELL_DATA")));
}

TEST_F(Data, AreLookedForInTheNamedFolderAlone) {
  ::setenv("GAINCELL_DATA", folder_.path().c_str(), 1);
  EXPECT_THAT(refusal("netlists/column"),
              AllOf(HasSubstr("is not in " + folder_.path().string()), HasSubstr("GAINCELL_DATA")));
  std::filesystem::create_directories(folder_ / "netlists/column");
  EXPECT_EQ(data_path("netlists/column"), folder_ / "netlists/column");
}

}  // namespace
}  // namespace gaincell
