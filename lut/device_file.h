#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "lut/table.h"

namespace gaincell::store {
class ReadGroup;
}

namespace gaincell::lut {

// Difference between a table and simulations that it has not seen.
struct Accuracy {
  std::size_t points = 0;           // 0: not measured, the rest is then meaningless
  double max_abs = 0, rms_abs = 0;  // in the table's unit
  double max_percent = 0,
         rms_percent = 0;  // of the table's full scale, its maximum minus its minimum
};

// What a bench demands of Accuracy.
struct Limit {
  std::optional<double> max_abs, rms_abs, max_percent, rms_percent;
  bool any() const { return max_abs || rms_abs || max_percent || rms_percent; }
};

// The points behind Accuracy; coordinates[axis][point].
struct HoldOut {
  std::vector<std::vector<double>> coordinates;
  std::vector<double> measured, predicted;
  std::vector<double> working{};  // 1: in the bench's working range; empty where it states none
};

// What the table says at the hold-out points, and how far it is off them.
std::vector<double> predict(const Table& table, const HoldOut& hold_out);
Accuracy accuracy_of(const Table& table, const HoldOut& hold_out,
                     const std::vector<double>& predicted);

// The same where the bench says that the table is used most; no points where it doesn't.
Accuracy working_accuracy(const Table& table, const HoldOut& hold_out);

struct TableEntry {
  Table table;
  std::string bench{};    // what made it: a bench, or several with " + " between
  std::string comment{};  // how, where it is not plain samples
  Accuracy accuracy{};
  Limit limit{};
  HoldOut hold_out{};
};

struct Constant {
  Quantity quantity;
  double value = 0;
  std::string bench{};
};

// Of Provenance: the conditions that were fixed, a line each ("v_dd 0.81 V"), and behind the name
// of an attribute that joins several texts their lengths in bytes.
inline constexpr const char* kFixed = "fixed_conditions";
inline constexpr const char* kLengths = "_lengths";

// Everything that made the tables of one bench: texts and numbers by name, as the samples file has
// them.
struct Provenance {
  std::string bench;
  std::map<std::string, std::variant<std::string, double>> attributes;

  std::string text(const std::string& name) const;  // "" where there is none
  // The texts that the samples file has under this name.
  std::vector<std::string> texts(const std::string& name) const;
  // name -> "slow", "0.81 V"
  std::map<std::string, std::string> fixed() const;
};

// A device: tables and constants by name, with where they come from. On disk lut/FORMAT.md; in
// memory a value that anyone may fill, also from closed forms.
class DeviceFile {
 public:
  // Throws Error for a file that is no device file of this format version, or damaged: among that,
  // a table whose stated errors do not come out of its own hold-out points.
  static DeviceFile read(const std::filesystem::path& path);
  // The same but for the stated errors, which are derived anew. `notes` says, a line a table, which
  // have changed; a limit that no longer holds is taken out.
  static DeviceFile read_edited(const std::filesystem::path& path, std::vector<std::string>& notes);
  // Equal content gives equal bytes. The file appears whole or not at all.
  void write(const std::filesystem::path& path) const;

  // For messages: the file, or "the device" where it has none.
  const std::string& place() const { return place_; }

  // Throws Error where the name is taken, or a number is beyond what its unit can mean.
  void add(TableEntry entry);
  void add(Constant constant);
  void add(Provenance provenance) { provenance_.push_back(std::move(provenance)); }

  const std::vector<TableEntry>& tables() const { return tables_; }
  const std::vector<Constant>& constants() const { return constants_; }
  const std::vector<Provenance>& provenance() const { return provenance_; }

  // nullptr where there is none.
  const TableEntry* find_table(const std::string& name) const;
  const Constant* find_constant(const std::string& name) const;
  // Throws Error with the nearest name.
  const Table& table(const std::string& name) const;
  double constant(const std::string& name) const;

 private:
  static DeviceFile read_as_stated(const store::ReadGroup& root);
  void require_sense(const Quantity& quantity, std::span<const double> values) const;

  std::string place_ = "the device";
  std::vector<TableEntry> tables_;
  std::vector<Constant> constants_;
  std::vector<Provenance> provenance_;
};

}  // namespace gaincell::lut
