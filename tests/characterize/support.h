#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "characterize/bench/bench.h"
#include "characterize/pool/pool.h"
#include "characterize/pool/scratch_folder.h"

namespace gaincell::characterize {

// A folder with the files of one test.
class BenchTest : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& text) {
    const auto path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::unique_ptr<const Bench> bench(const std::string& text) {
    return read_bench(file("bench.yaml", text).string());
  }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  // The message of the Error that reading this bench throws; "" if none.
  std::string complaint(const std::string& text) {
    try {
      (void)bench(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  ScratchFolder folder_;
};

inline std::filesystem::path real_worker() {
  return std::filesystem::path(GAINCELL_BINARY_DIR) / "bin" / "gaincell-worker";
}

// A divider: the smallest bench that is whole.
inline std::string divider(const std::string& more = "") {
  return "gaincell_bench: 1\n"
         "name: divider\n"
         "sources: {in: {net: in, dc: \"{v_in}\"}}\n"
         "elements: [R1 in out 3k, R2 out 0 1k]\n"
         "conditions: {v_in: {unit: V, minimum: 0, maximum: 4, step: linear, points: 5}}\n"
         "analysis: {type: op}\n"
         "measurements: {v_out: {unit: V, value: v(out)}}\n" +
         more;
}

}  // namespace gaincell::characterize
