#include "base/files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace gaincell {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() { fs::create_directories(folder_); }
  ~Files() override { fs::remove_all(folder_); }
  fs::path folder_ =
      fs::temp_directory_path() / ("gaincell_files_test_" + std::to_string(::getpid()));
};

TEST_F(Files, PendingFileLeavesTheOldContentUntilCommit) {
  const fs::path target = folder_ / "a.txt";
  write_file(target, "old");
  {
    PendingFile pending(target);
    std::ofstream(pending.path()) << "half";
  }
  EXPECT_EQ(read_file(target), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
  write_file(target, "new");
  EXPECT_EQ(read_file(target), "new");
}

TEST_F(Files, MissingFolderAndMissingFileAreErrorsThatNameThem) {
  EXPECT_THROW(PendingFile(folder_ / "none" / "a.txt"), Error);
  try {
    read_file(folder_ / "none.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("none.txt"), std::string::npos);
  }
  EXPECT_THROW(read_file(folder_), Error);
}

}  // namespace gaincell
