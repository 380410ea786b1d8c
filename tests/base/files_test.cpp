#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/sha256.h"

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

// Whatever protect_inputs() remembers belongs to the process, so each of these tests has one.
class Inputs : public Files {
 protected:
  // Why the output is refused, once `input` has been read; "" where it is not.
  static void refuse_in_child(const fs::path& input, const fs::path& output) {
    protect_inputs();
    read_file(input);
    try {
      write_file(output, "new");
    } catch (const Error& error) {
      std::fputs(error.what(), stderr);
      std::_Exit(1);
    }
    std::_Exit(0);
  }
};

TEST_F(Inputs, AreNotWrittenOverByAnyOfTheirNames) {
  const fs::path input = folder_ / "in";
  write_file(input, "old");
  fs::create_symlink(input, folder_ / "symbolic");
  fs::create_hard_link(input, folder_ / "hard");
  fs::create_directory_symlink(folder_, folder_ / "folder");
  for (const fs::path& output : {input, folder_ / "symbolic", folder_ / "hard",
                                 folder_ / "folder" / "in", folder_ / "." / "in"})
    EXPECT_EXIT(refuse_in_child(input, output), testing::ExitedWithCode(1), "would replace")
        << output;
  EXPECT_EXIT(refuse_in_child(folder_ / "symbolic", input), testing::ExitedWithCode(1),
              "would replace");
  EXPECT_EQ(read_file(input), "old");
  EXPECT_EXIT(refuse_in_child(input, folder_ / "out"), testing::ExitedWithCode(0), "");
}

TEST_F(Inputs, MadeByTheProgramItselfMayBeMadeAgain) {
  const fs::path file = folder_ / "made";
  const auto make_twice = [&] {
    protect_inputs();
    write_file(file, "once");
    refuse_in_child(file, file);
  };
  EXPECT_EXIT(make_twice(), testing::ExitedWithCode(0), "");
}

// File systems give a new file the number of one that is gone.
TEST_F(Inputs, ThatAreGoneProtectNoNewFileOfTheirNumber) {
  const fs::path journal = folder_ / "journal", output = folder_ / "out";
  const auto number_of = [](const fs::path& file) {
    struct stat found {};
    EXPECT_EQ(::stat(file.c_str(), &found), 0);
    return found.st_ino;
  };
  const auto takes_number_of = [&](ino_t number) {
    for (int i = 0; i < 100; ++i) {
      write_file(output, "once");
      if (number_of(output) == number) return true;
    }
    return false;
  };
  write_file(journal, "removed");
  const ino_t tried = number_of(journal);
  fs::remove(journal);
  if (!takes_number_of(tried)) GTEST_SKIP() << "this file system gives no number twice";
  const auto replace = [&] {
    // Another process may be given the number first, and keep it.
    for (int attempt = 0;; ++attempt) {
      write_file(journal, "read and removed");
      const ino_t number = number_of(journal);
      protect_inputs();
      read_file(journal);
      fs::remove(journal);
      if (takes_number_of(number)) break;
      if (attempt == 20) std::_Exit(7);
    }
    refuse_in_child(output, output);
  };
  EXPECT_EXIT(replace(), testing::ExitedWithCode(0), "");
}

TEST_F(Files, OutputsThatAreNoFilesAreRefusedAndStay) {
  fs::create_directory(folder_ / "d");
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  fs::create_symlink("nowhere", folder_ / "dangling");
  for (const char* name : {"d", "d/", "fifo", "dangling"})
    EXPECT_THROW(write_file(folder_ / name, "x"), Error) << name;
  // A null device of our own, where we may make one: the system's is not to be tried on.
  const fs::path device = folder_ / "device";
  const bool made = ::mknod(device.c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0;
  if (made) {
    EXPECT_THROW(write_file(device, "x"), Error);
  }
  EXPECT_TRUE(fs::is_directory(folder_ / "d"));
  EXPECT_TRUE(fs::is_fifo(folder_ / "fifo"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "dangling"));
  EXPECT_EQ(fs::is_character_file(device), made);
}

TEST_F(Files, OutputThatIsALinkIsWrittenWhereItLeads) {
  fs::create_directory(folder_ / "d");
  write_file(folder_ / "d" / "a", "old");
  fs::create_symlink("d/a", folder_ / "link");
  write_file(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "d" / "a"), "new");
}

TEST_F(Files, TemporaryNamesOfOthersAreNotTouched) {
  const fs::path theirs = folder_ / ("a.tmp" + std::to_string(::getpid()));
  write_file(theirs, "theirs");
  write_file(folder_ / "a", "ours");
  EXPECT_EQ(read_file(theirs), "theirs");
  EXPECT_EQ(read_file(folder_ / "a"), "ours");
}

TEST_F(Files, WhatMayNeverEndIsNotRead) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  for (const fs::path& path : {folder_ / "fifo", fs::path("/dev/zero"), folder_}) {
    EXPECT_THROW(read_file(path), Error) << path;
  }
  write_file(folder_ / "ten", "0123456789");
  EXPECT_EQ(read_file(folder_ / "ten", 10).size(), 10u);
  EXPECT_THROW(read_file(folder_ / "ten", 9), Error);
  fs::resize_file(folder_ / "ten", std::uintmax_t{1} << 40);  // sparse: takes no room on the disk
  EXPECT_THROW(read_file(folder_ / "ten"), Error);
}

TEST_F(Files, PipeOfAShellIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "through a pipe", 14), 14);
  ::close(ends[1]);
  EXPECT_EQ(read_file("/dev/fd/" + std::to_string(ends[0])), "through a pipe");
  ::close(ends[0]);
  EXPECT_FALSE(read_file("/proc/self/status").empty());  // states no size
}

TEST_F(Files, HashOfAFileIsThatOfItsBytes) {
  const std::string bytes(3'000'000, 'x');  // more than one piece
  write_file(folder_ / "a", bytes);
  EXPECT_EQ(sha256_of_file(folder_ / "a"), sha256(bytes));
  write_file(folder_ / "abc", "abc");  // FIPS 180-2, B.1
  EXPECT_EQ(sha256_of_file(folder_ / "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_THROW(sha256_of_file(folder_ / "none"), Error);
}

}  // namespace gaincell
