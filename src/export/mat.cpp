#include <fmt/format.h>
#include <matio.h>

#include <memory>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/version.h"
#include "export/description.h"
#include "export/formats.h"
#include "export/points.h"

namespace gaincell::exports {
namespace {

struct FreeVariable {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using Variable = std::unique_ptr<matvar_t, FreeVariable>;

Variable require_made(matvar_t* variable) {
  if (variable == nullptr) throw std::bad_alloc();
  return Variable(variable);
}

// MATLAB's arrays have their first dimension fastest, and at least two.
Variable array(std::span<const double> values, std::vector<std::size_t> shape) {
  std::vector<double> turned(values.size());
  std::vector<std::size_t> index(shape.size(), 0);
  for (const double value : values) {
    std::size_t place = 0;
    for (std::size_t a = shape.size(); a-- > 0;) place = place * shape[a] + index[a];
    turned[place] = value;
    std::size_t a = shape.size();
    while (a > 0 && ++index[a - 1] == shape[a - 1]) index[--a] = 0;
  }
  while (shape.size() < 2) shape.push_back(1);
  return require_made(Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE,
                                    static_cast<int>(shape.size()), shape.data(), turned.data(),
                                    0));
}

Variable array(std::span<const double> values) { return array(values, {values.size()}); }

Variable text(std::string_view utf8) {
  std::u16string units;
  while (!utf8.empty()) {
    const int length = utf8_length(utf8);
    const std::size_t taken = length == 0 ? 1 : static_cast<std::size_t>(length);
    const std::uint32_t code = length == 0 ? 0xfffd : code_point(utf8.substr(0, taken));
    utf8.remove_prefix(taken);
    if (code < 0x10000) {
      units += static_cast<char16_t>(code);
    } else {
      units += static_cast<char16_t>(0xd800 + ((code - 0x10000) >> 10));
      units += static_cast<char16_t>(0xdc00 + ((code - 0x10000) & 0x3ff));
    }
  }
  std::size_t shape[2] = {units.empty() ? std::size_t{0} : std::size_t{1}, units.size()};
  return require_made(Mat_VarCreate(nullptr, MAT_C_CHAR, MAT_T_UTF16, 2, shape, units.data(), 0));
}

Variable texts(const std::vector<std::string>& words) {
  std::size_t shape[2] = {words.size(), 1};
  Variable cell =
      require_made(Mat_VarCreate(nullptr, MAT_C_CELL, MAT_T_CELL, 2, shape, nullptr, 0));
  for (std::size_t i = 0; i < words.size(); ++i)
    Mat_VarSetCell(cell.get(), static_cast<int>(i), text(words[i]).release());
  return cell;
}

// Fields by name, made a MATLAB struct when all are there.
class Struct {
 public:
  void add(const std::string& name, Variable value) {
    // MATLAB takes 63 letters, beginning with a letter.
    std::string field = identifier(name).substr(0, 63);
    if (field.front() == '_') field.front() = 'x';
    if (!taken_.insert(field).second)
      throw Error({.place = "mat",
                   .value = field,
                   .rule = "two names are one to MATLAB",
                   .remedy = "rename one in the bench, or choose another format"});
    names_.push_back(std::move(field));
    values_.push_back(std::move(value));
  }

  Variable made(const char* name = nullptr) {
    std::vector<const char*> fields;
    for (const std::string& field : names_) fields.push_back(field.c_str());
    std::size_t shape[2] = {1, 1};
    Variable made = require_made(
        Mat_VarCreateStruct(name, 2, shape, fields.data(), static_cast<unsigned>(fields.size())));
    for (std::size_t i = 0; i < values_.size(); ++i)
      Mat_VarSetStructFieldByName(made.get(), fields[i], 0, values_[i].release());
    return made;
  }

 private:
  std::vector<std::string> names_;
  std::set<std::string> taken_;
  std::vector<Variable> values_;
};

void write_mat(const std::filesystem::path& out, const Origin& origin,
               const std::vector<Variable>& variables) {
  PendingFile file(out);
  const std::string head =
      fmt::format("MATLAB 5.0 MAT-file, by gaincell {} of {}", kVersion, origin.file)
          .substr(0, 115);
  mat_t* mat = Mat_CreateVer(file.path().c_str(), head.c_str(), MAT_FT_MAT5);
  bool good = mat != nullptr;
  for (const Variable& variable : variables)
    good = good && Mat_VarWrite(mat, variable.get(), MAT_COMPRESSION_ZLIB) == 0;
  good = mat != nullptr && Mat_Close(mat) == 0 && good;
  if (!good) throw Error({.place = out.string(), .rule = "could not be written"});
  file.commit();
}

Variable table_struct(const lut::TableEntry& entry) {
  const lut::Table& table = entry.table;
  std::vector<std::size_t> shape;
  std::vector<std::string> axes, units;
  for (const lut::Axis& axis : table.axes()) {
    shape.push_back(axis.size());
    axes.push_back(axis.name());
    units.push_back(axis.unit());
  }
  Struct all, nodes;
  all.add("values", array(table.values(), shape));
  all.add("units", text(table.quantity().unit));
  all.add("long_name", text(table.quantity().long_name));
  all.add("axes", texts(axes));
  all.add("axis_units", texts(units));
  for (const lut::Axis& axis : table.axes()) nodes.add(axis.name(), array(axis.nodes()));
  all.add("nodes", nodes.made());
  all.add("error", text(error_words(entry)));
  if (!entry.hold_out.measured.empty()) {
    Struct hold_out;
    for (std::size_t a = 0; a < table.dimensions(); ++a)
      hold_out.add(table.axis(a).name(), array(entry.hold_out.coordinates[a]));
    hold_out.add("measured", array(entry.hold_out.measured));
    hold_out.add("predicted", array(entry.hold_out.predicted));
    all.add("holdout", hold_out.made());
  }
  return all.made();
}

Variable bench_struct(const lut::SampledBench& bench) {
  Struct all, conditions, measurements, units;
  const auto numbers = [](const auto& marks) {
    return array(std::vector<double>(marks.begin(), marks.end()));
  };
  all.add("description", text(bench.description));
  all.add("status", numbers(bench.status));
  all.add("holdout", numbers(bench.hold_out));
  if (!bench.draw.empty()) all.add("draw", numbers(bench.draw));
  if (!bench.aided.empty()) all.add("aided", numbers(bench.aided));
  for (const auto& [name, series] : bench.conditions)
    conditions.add(name, series.words.empty() ? array(series.values) : texts(words_of(series)));
  for (const auto& [name, vector] : bench.vector_conditions)
    conditions.add(name, array(vector.values, {bench.points(), vector.elements}));
  for (const auto& [name, series] : bench.measurements) {
    measurements.add(name, array(series.values));
    units.add(name, text(series.quantity.unit));
  }
  std::vector<std::string> failure(bench.points());
  for (const auto& [point, reason] : bench.failures)
    if (point < failure.size()) failure[point] = reason;
  all.add("conditions", conditions.made());
  all.add("measurements", measurements.made());
  all.add("units", units.made());
  all.add("failure", texts(failure));
  return all.made();
}

}  // namespace

void device_to_mat(const DeviceContent& content, const std::filesystem::path& out) {
  Struct about, tables, constants;
  about.add("header", texts(header_lines(content)));
  about.add("json", text(json_text(description_of(content))));
  for (const lut::TableEntry& entry : content.device.tables())
    tables.add(entry.table.name(), table_struct(entry));
  for (const lut::Constant& constant : content.device.constants())
    constants.add(constant.quantity.name, array(std::span(&constant.value, 1)));
  std::vector<Variable> variables;
  variables.push_back(about.made("gaincell"));
  variables.push_back(tables.made("tables"));
  variables.push_back(constants.made("constants"));
  write_mat(out, content.origin, variables);
}

void samples_to_mat(const SamplesContent& content, const std::filesystem::path& out) {
  Struct about, benches;
  about.add("header", texts(header_lines(content)));
  about.add("json", text(json_text(description_of(content))));
  for (const lut::SampledBench& bench : content.samples.benches)
    benches.add(bench.name, bench_struct(bench));
  std::vector<Variable> variables;
  variables.push_back(about.made("gaincell"));
  variables.push_back(benches.made("benches"));
  write_mat(out, content.origin, variables);
}

}  // namespace gaincell::exports
