#include <fmt/format.h>
#include <zip.h>

#include <bit>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/utf8.h"
#include "export/description.h"
#include "export/formats.h"
#include "export/points.h"

namespace gaincell::exports {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie");

// numpy/lib/format.py, version 1.0: magic, a dictionary padded to 64 bytes, the numbers.
std::string npy(const std::string& type, std::span<const std::size_t> shape, std::string bytes) {
  std::string sizes;
  for (const std::size_t size : shape) sizes += fmt::format("{}, ", size);
  std::string head =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sizes);
  constexpr std::size_t kBefore = 10, kAligned = 64;
  head.append(kAligned - (kBefore + head.size() + 1) % kAligned, ' ');
  head += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(head.size() & 0xff);
  file += static_cast<char>(head.size() >> 8);
  return file + head + std::move(bytes);
}

template <typename T>
std::string bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::string npy(std::span<const double> values, std::span<const std::size_t> shape) {
  return npy("<f8", shape, bytes_of(values));
}

std::string npy(std::span<const double> values) {
  return npy(values, std::vector<std::size_t>{values.size()});
}

std::string npy(std::span<const std::uint32_t> values) {
  return npy("<u4", std::vector<std::size_t>{values.size()}, bytes_of(values));
}

std::string npy(std::span<const std::uint8_t> values) {
  return npy("|u1", std::vector<std::size_t>{values.size()}, bytes_of(values));
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  while (!text.empty()) {
    const int length = utf8_length(text);
    const std::size_t taken = length == 0 ? 1 : static_cast<std::size_t>(length);
    points += length == 0 ? U'\xfffd' : static_cast<char32_t>(code_point(text.substr(0, taken)));
    text.remove_prefix(taken);
  }
  return points;
}

// NumPy's texts are UTF-32, all as long as the longest.
std::string npy_texts(const std::vector<std::string>& texts, std::span<const std::size_t> shape) {
  std::vector<std::u32string> decoded;
  std::size_t longest = 1;
  for (const std::string& text : texts) {
    decoded.push_back(code_points(text));
    longest = std::max(longest, decoded.back().size());
  }
  std::string bytes;
  for (std::u32string& text : decoded) {
    text.resize(longest, U'\0');
    bytes += bytes_of(std::span<const char32_t>(text));
  }
  return npy(fmt::format("<U{}", longest), shape, std::move(bytes));
}

std::string npy_text(const std::string& text) { return npy_texts({text}, {}); }

// Arrays by name in a zip file, without times.
class Archive {
 public:
  explicit Archive(const std::filesystem::path& out) : file_(out), out_(out) {
    int code = 0;
    zip_.reset(zip_open(file_.path().c_str(), ZIP_TRUNCATE, &code));
    if (!zip_) fail("error " + std::to_string(code));
  }

  void add(const std::string& name, std::string array) {
    contents_.push_back(std::make_unique<std::string>(std::move(array)));
    zip_source_t* source =
        zip_source_buffer(zip_.get(), contents_.back()->data(), contents_.back()->size(), 0);
    const zip_int64_t index = source == nullptr ? -1
                                                : zip_file_add(zip_.get(), (name + ".npy").c_str(),
                                                               source, ZIP_FL_ENC_UTF_8);
    constexpr zip_uint16_t kMidnight = 0, kFirstOf1980 = 33;
    if (index < 0 || zip_file_set_dostime(zip_.get(), static_cast<zip_uint64_t>(index), kMidnight,
                                          kFirstOf1980, 0) != 0)
      fail(zip_strerror(zip_.get()));
  }

  void commit() {
    if (zip_close(zip_.get()) != 0) fail(zip_strerror(zip_.get()));
    (void)zip_.release();
    file_.commit();
  }

 private:
  struct Discard {
    void operator()(zip_t* zip) const { zip_discard(zip); }
  };

  [[noreturn]] void fail(const std::string& why) {
    throw Error({.place = out_.string(), .rule = "could not be written (" + why + ")"});
  }

  PendingFile file_;
  std::filesystem::path out_;
  std::vector<std::unique_ptr<std::string>> contents_;  // read when the archive is closed
  std::unique_ptr<zip_t, Discard> zip_;
};

std::vector<std::size_t> shape_of(const lut::Table& table) {
  std::vector<std::size_t> shape;
  for (const lut::Axis& axis : table.axes()) shape.push_back(axis.size());
  return shape;
}

}  // namespace

void device_to_npz(const DeviceContent& content, const std::filesystem::path& out) {
  Archive archive(out);
  archive.add("gaincell", npy_text(json_text(description_of(content))));
  for (const lut::TableEntry& entry : content.device.tables()) {
    const lut::Table& table = entry.table;
    archive.add(table.name(), npy(table.values(), shape_of(table)));
    for (const lut::Axis& axis : table.axes())
      archive.add(table.name() + "." + axis.name(), npy(axis.nodes()));
    if (entry.hold_out.measured.empty()) continue;
    const std::string hold_out = table.name() + ".holdout.";
    for (std::size_t a = 0; a < table.dimensions(); ++a)
      archive.add(hold_out + table.axis(a).name(), npy(entry.hold_out.coordinates[a]));
    archive.add(hold_out + "measured", npy(entry.hold_out.measured));
    archive.add(hold_out + "predicted", npy(entry.hold_out.predicted));
  }
  for (const lut::Constant& constant : content.device.constants())
    archive.add(constant.quantity.name, npy(std::span(&constant.value, 1), {}));
  archive.commit();
}

void samples_to_npz(const SamplesContent& content, const std::filesystem::path& out) {
  Archive archive(out);
  archive.add("gaincell", npy_text(json_text(description_of(content))));
  for (const lut::SampledBench& bench : content.samples.benches) {
    const std::vector<std::size_t> points{bench.points()};
    const auto add = [&](const std::string& name, std::string array) {
      archive.add(bench.name + "." + name, std::move(array));
    };
    std::vector<std::string> failure(bench.points());
    for (const auto& [point, reason] : bench.failures)
      if (point < failure.size()) failure[point] = reason;
    add("status", npy(bench.status));
    add("holdout", npy(bench.hold_out));
    if (!bench.draw.empty()) add("draw", npy(bench.draw));
    if (!bench.aided.empty()) add("aided", npy(bench.aided));
    for (const auto& [name, series] : bench.conditions)
      add(name, series.words.empty() ? npy(series.values) : npy_texts(words_of(series), points));
    for (const auto& [name, vector] : bench.vector_conditions)
      add(name, npy(vector.values, std::vector<std::size_t>{bench.points(), vector.elements}));
    for (const auto& [name, series] : bench.measurements) add(name, npy(series.values));
    add("failure", npy_texts(failure, points));
  }
  archive.commit();
}

}  // namespace gaincell::exports
