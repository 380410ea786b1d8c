#include "model/checksums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "temporary_folder.h"

namespace gaincell::model {
namespace {

using testing::HasSubstr;

class Checksums : public testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_.path() / "model.safetensors", weights_);
    write_file(folder_.path() / "config.json", "{}");
    write_file(folder_.path() / "README.md", "a card, which is no part of the model");
    write_checksums(folder_.path());
  }
  std::string message() {
    try {
      require_checksums(folder_.path());
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  std::string weights_ = std::string(5000, 'w');
};

TEST_F(Checksums, AreThoseOfSha256sum) {
  EXPECT_EQ(message(), "no error");
  EXPECT_EQ(read_checksums(folder_.path()).size(), 2u);
  const std::string command =
      "cd " + folder_.path().string() + " && sha256sum --status -c SHA256SUMS";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(Checksums, RefuseEveryFlippedByteOfTheWeights) {
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    std::string flipped = weights_;
    flipped[random.below(flipped.size())] ^= static_cast<char>(1 << random.below(8));
    write_file(folder_.path() / "model.safetensors", flipped);
    ASSERT_THAT(message(), HasSubstr("model.safetensors: is not the file of which SHA256SUMS"));
  }
}

TEST_F(Checksums, NameALineOfAnotherForm) {
  write_file(folder_.path() / "SHA256SUMS", "model.safetensors: 1234\n");
  EXPECT_THAT(message(), HasSubstr("SHA256SUMS:1: must be a SHA-256"));
}

TEST_F(Checksums, AreAskedOfNoFolderThatHasNone) {
  std::filesystem::remove(folder_.path() / "SHA256SUMS");
  write_file(folder_.path() / "model.safetensors", "other");
  EXPECT_EQ(message(), "no error");
}

}  // namespace
}  // namespace gaincell::model
