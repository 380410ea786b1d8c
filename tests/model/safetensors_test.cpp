#include "model/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "temporary_folder.h"

namespace gaincell::model {
namespace {

using ::testing::HasSubstr;

// A file with this header text and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), 8);
  return bytes + header + std::string(data_bytes, '\1');
}

struct Safetensors : ::testing::Test {
  TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "model.safetensors";

  std::string complaint(const std::string& bytes) {
    write_file(path, bytes);
    try {
      SafetensorsReader reader(path);
      for (const auto& [name, entry] : reader.entries()) (void)reader.read(name);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
};

TEST_F(Safetensors, ReadsBackWhatWasWritten) {
  const std::map<std::string, Tensor> tensors = {
      {"a", {{2, 3}, {0, -1.5f, 3.25f, 1e-30f, 1e30f, 0.1f}, Dtype::kF32}},
      {"b", {{4}, {0.5f, -2, 65504, 0x1p-24f}, Dtype::kF16}},
      {"c", {{}, {-0x1.02p100f}, Dtype::kBf16}},
      {"empty", {{0, 7}, {}, Dtype::kF32}}};
  write_safetensors(path, tensors, {{"format", "pt"}});
  const SafetensorsReader reader(path);
  EXPECT_EQ(reader.entries().size(), tensors.size());
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  for (const auto& [name, tensor] : tensors) {
    const Tensor read = reader.read(name);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_EQ(read.values, tensor.values);
    EXPECT_EQ(read.dtype, tensor.dtype);
  }
}

TEST_F(Safetensors, RoundsHalvesToTheNearestEven) {
  write_safetensors(path, {{"h", {{3}, {1 + 0x1p-11f, 1 + 0x3p-11f, 0.1f}, Dtype::kF16}},
                           {"b", {{2}, {1 + 0x1p-8f, 1 + 0x3p-8f}, Dtype::kBf16}}});
  const SafetensorsReader reader(path);
  EXPECT_EQ(reader.read("h").values, (std::vector<float>{1, 1 + 0x1p-9f, 0x1.998p-4f}));
  EXPECT_EQ(reader.read("b").values, (std::vector<float>{1, 1 + 0x1p-6f}));
}

TEST_F(Safetensors, ReadsEveryHalfExactly) {
  // All finite F16 bit patterns against ldexp of their fields.
  std::string header = R"({"h":{"dtype":"F16","shape":[63488],"data_offsets":[0,126976]}})";
  std::string bytes = file_of(header, 0);
  std::vector<float> expected;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const int exponent = (bits >> 10) & 31;
    if (exponent == 31) continue;
    const auto pattern = static_cast<std::uint16_t>(bits);
    bytes.append(reinterpret_cast<const char*>(&pattern), 2);
    const int fraction = bits & 1023;
    const double value =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    expected.push_back(static_cast<float>((bits & 0x8000) != 0 ? -value : value));
  }
  write_file(path, bytes);
  EXPECT_EQ(SafetensorsReader(path).read("h").values, expected);
}

TEST_F(Safetensors, RefusesAValueThatDoesNotFit) {
  EXPECT_THROW(write_safetensors(path, {{"h", {{1}, {70000}, Dtype::kF16}}}), Error);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Safetensors, RefusesATruncatedFileAtAnyLength) {
  write_safetensors(path,
                    {{"a", {{3}, {1, 2, 3}, Dtype::kF32}}, {"b", {{2}, {1, 2}, Dtype::kF16}}});
  const std::string whole = read_file(path);
  for (std::size_t length = 0; length < whole.size(); ++length) complaint(whole.substr(0, length));
  complaint(whole + "x");
}

TEST_F(Safetensors, NamesTheFaultyTensor) {
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                R"("x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                                12)),
              HasSubstr("x = [4, 12]: data_offsets overlap those of w"));
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8)),
              HasSubstr("leave a hole"));
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 8)),
              HasSubstr("outside the file"));
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)),
              HasSubstr("do not match"));
  EXPECT_THAT(
      complaint(file_of(
          R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 8)),
      HasSubstr("do not match"));
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}})", 8)),
              HasSubstr("unknown dtype"));
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", 8)),
              HasSubstr("F32, F16 or BF16"));
  EXPECT_THAT(complaint(file_of(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8)),
              HasSubstr("needs dtype, shape"));
  EXPECT_THAT(complaint(file_of("[1, 2]", 0)), HasSubstr("JSON object"));
  EXPECT_THAT(complaint(file_of("{not json", 0)), HasSubstr("header:1:3: {no: is not JSON here"));
  EXPECT_THAT(complaint("PK\3\4 this is a zip file"), HasSubstr("header length"));
}

TEST_F(Safetensors, RefusesHeadersThatAreDeepOrSayATensorTwice) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "{\"a\":";
  EXPECT_THAT(complaint(file_of(deep + "1" + std::string(200'000, '}'), 0)),
              HasSubstr("more than 64 objects"));
  const std::string w = R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_THAT(complaint(file_of("{" + w + "," + w + "}", 8)), HasSubstr("w: the key stands twice"));
  EXPECT_THAT(
      complaint(file_of(R"({"w":{"dtype":"F32","shape":[1e400],"data_offsets":[0,8]}})", 8)),
      HasSubstr("no double holds"));
}

TEST_F(Safetensors, ReadsDoublesAsFloatsWhereTheyFit) {
  std::string bytes = file_of(R"({"w":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})", 16);
  double values[] = {0.1, -3e30};
  std::memcpy(bytes.data() + bytes.size() - 16, values, 16);
  write_file(path, bytes);
  const Tensor read = SafetensorsReader(path).read("w");
  EXPECT_EQ(read.values, (std::vector<float>{0.1f, -3e30f}));
  EXPECT_EQ(read.dtype, Dtype::kF32);
  values[1] = 1e39;
  std::memcpy(bytes.data() + bytes.size() - 16, values, 16);
  EXPECT_THAT(complaint(bytes),
              HasSubstr("w[1] = inf: weights must be finite in single precision"));
}

TEST_F(Safetensors, RefusesNotANumber) {
  std::string bytes = file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - 4, &nan, 4);
  EXPECT_THAT(complaint(bytes), HasSubstr("w[1] = nan"));
}

}  // namespace
}  // namespace gaincell::model
