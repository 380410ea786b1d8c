#include "lut/current_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "example_device.h"
#include "lut/gain_cell_device.h"

namespace gaincell::lut {
namespace {

using ::testing::HasSubstr;

class CurrentCsv : public TemporaryFolder {
 protected:
  CurrentSurface read(const std::string& text, const CurrentCsvOptions& options = {}) {
    write_file(folder_ / "iv.csv", text);
    return read_current_csv(folder_ / "iv.csv", options);
  }
  void expect_refused(const std::string& text, const std::string& part,
                      const CurrentCsvOptions& options = {}) {
    try {
      read(text, options);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("iv.csv"));
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
};

// I = 20 uA/V (V_store - 0.45 V) V_in / 0.9 V, columns and rows in another order.
std::string grid() {
  std::string text = "# measured on a bench\nI,V_in,die,V_store\n";
  for (const double v_in : {0.9, 0.6})
    for (const double v_store : {0.9, 0.0, 0.3, 0.6})
      text += std::to_string(20 * (v_store - 0.45) * v_in / 0.9) + "e-6, " + std::to_string(v_in) +
              ",7," + std::to_string(v_store) + "\n";
  return text;
}

TEST_F(CurrentCsv, ReadsColumnsAndRowsInAnyOrder) {
  const CurrentSurface surface = read(grid());
  EXPECT_EQ(surface.highest_v_in(), 0.9);
  const CellCurrent current = surface.at(0.75);
  EXPECT_EQ(current.v_store, (std::vector<double>{0, 0.3, 0.6, 0.9}));
  EXPECT_NEAR(current.current_a[3], 20e-6 * 0.45 * 0.75 / 0.9, 1e-12);
  EXPECT_NEAR(slope_a_per_v(current, 0.45), 20e-6 * 0.75 / 0.9, 1e-12);
  EXPECT_THROW(surface.at(0.5), Error);
}

// Beyond 0 .. 2 v_zero, here to 0.6 V and to 1.2 V, the current bends.
TEST_F(CurrentCsv, SlopeIsThatOfTheStoredVoltagesThatAreUsed) {
  CellCurrent current;
  for (int k = -3; k <= 15; ++k) {
    const double v = 0.1 * k;
    current.v_store.push_back(v);
    current.current_a.push_back(v < -0.05 ? 9 : v < 0.65 ? 2 * v : v < 1.25 ? 1.3 : 9);
  }
  EXPECT_NEAR(slope_a_per_v(current, 0.301), 2, 1e-12);
  EXPECT_GT(std::abs(slope_a_per_v(current, 0.601) - 2), 0.1);
}

TEST_F(CurrentCsv, RefusesWhatIsNoFullGridOfNumbers) {
  expect_refused("V_store,V_in\n0,0.9\n", "I");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0.9,high,1e-6\n",
                 ":3: V_in = high: must be a number");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0,0.9,2e-6\n", "stands in the table already");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0.9,0.8,1e-6\n",
                 "V_store, V_in = 0, 0.8: must be a full grid, and this point is missing");
  expect_refused("V_store,V_in,I\n0,0.9\n", "iv.csv");
  expect_refused("", "iv.csv");
}

// I = 20 uA/V V_store V_in at 0, 0.5, 0.9 V and 0.6, 0.9 V: what all files below say.
void expect_the_curve(const CurrentSurface& surface, const std::string& what) {
  ASSERT_EQ(surface.current.axis(0).size(), 3u) << what;
  ASSERT_EQ(surface.current.axis(1).size(), 2u) << what;
  const std::vector<double> stores{0, 0.5, 0.9}, inputs{0.6, 0.9};
  for (std::size_t s = 0; s < 3; ++s) EXPECT_EQ(surface.current.axis(0).nodes()[s], stores[s]);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(surface.current.axis(1).nodes()[i], inputs[i]);
  for (const double v_store : stores)
    for (const double v_in : inputs)
      EXPECT_NEAR(surface.current.at(v_store, v_in), 20e-6 * v_store * v_in, 1e-18) << what;
}

constexpr const char* kPlain =
    "V_store,V_in,I\n0,0.6,0\n0.5,0.6,6e-6\n0.9,0.6,1.08e-5\n0,0.9,0\n0.5,0.9,9e-6\n"
    "0.9,0.9,1.62e-5\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}
std::string with_header(const std::string& header) {
  return replaced(kPlain, "V_store,V_in,I", header);
}
std::string in_microamperes(const std::string& header) {
  return header + "\n0,0.6,0\n0.5,0.6,6\n0.9,0.6,10.8\n0,0.9,0\n0.5,0.9,9\n0.9,0.9,16.2\n";
}

TEST_F(CurrentCsv, ReadsFilesAsInstrumentsAndSpreadsheetsWriteThem) {
  const std::string plain = kPlain;
  const std::string semicolons = replaced(plain, ",", ";");
  std::string wide = "\xFF\xFE";
  for (const char c : plain) wide += std::string{c, '\0'};
  const std::pair<const char*, std::string> files[] = {
      {"plain", plain},
      {"CR LF", replaced(plain, "\n", "\r\n")},
      {"CR", replaced(plain, "\n", "\r")},
      {"no last line feed", plain.substr(0, plain.size() - 1)},
      {"byte order mark", "\xEF\xBB\xBF" + plain},
      {"UTF-16", wide},
      {"Latin-1", "# Ger\xE4t\n" + plain},
      {"semicolons", semicolons},
      {"decimal commas", replaced(semicolons, ".", ",")},
      {"tabs and decimal commas", replaced(replaced(semicolons, ".", ","), ";", "\t")},
      {"tabs", replaced(plain, ",", "\t")},
      {"blanks", replaced(plain, ",", "   ")},
      {"quoted decimal commas",
       "V_store,V_in,I\n0,\"0,6\",0\n\"0,5\",\"0,6\",6e-6\n\"0,9\",\"0,6\",\"1,08e-5\"\n"
       "0,\"0,9\",0\n\"0,5\",\"0,9\",9e-6\n\"0,9\",\"0,9\",\"1,62e-5\"\n"},
      {"quotes", with_header("\"V_store\", \"V_in\" ,\"I\"")},
      {"names spelled otherwise", with_header("Vstore,v-in,i")},
      {"units in brackets", in_microamperes("V_store [V],V_in [V],I [uA]")},
      {"units in parentheses", in_microamperes("V_store (V),V_in(V),I(\xC2\xB5"
                                               "A)")},
      {"units after a slash", in_microamperes("V_store/V,V_in/V,I/uA")},
      {"a micro sign in Latin-1", in_microamperes("V_store,V_in,I [\xB5"
                                                  "A]")},
      {"units below", in_microamperes("V_store,V_in,I\nV,V,uA")},
      {"units in brackets and blanks",
       replaced(in_microamperes("V_store [V],V_in [V],I [uA]"), ",", " ")},
      {"lines ahead", "Model,SMU 4200\nDate,2026-01-01\nPoints 6\n\n" + plain},
      {"lines after", plain + "\nEnd of data\nOperator, somebody\n,,\n"},
      {"a header in a comment", "# " + plain},
      {"an empty last column", replaced(plain, "\n", ",\n")},
      {"rounding", replaced(plain, "0.9,0.9", "0.9000000000000001,0.9")},
      {"signs and capitals", replaced(replaced(plain, "6e-6", "+6.0E-06"), "\n0.9", "\n+.9")},
      {"two files, one after the other",
       plain.substr(0, 52) + "V_store,V_in,I\n" + plain.substr(52)},
      {"voltages read back",
       "V_store,V_in,I\n0.00001,0.60002,0\n0.49996,0.6,6e-6\n"
       "0.90004,0.59998,1.08e-5\n-0.00002,0.9,0\n0.50003,0.89995,9e-6\n"
       "0.9,0.90001,1.62e-5\n"}};
  for (const auto& [what, text] : files) expect_the_curve(read(text), what);
}

TEST_F(CurrentCsv, TakesWhatIsSaidOfColumnsUnitsAndSeparators) {
  CurrentCsvOptions named;
  named.dialect.columns = {{"V_store", "vg"}, {"V_in", "vd"}, {"I", "id"}};
  expect_the_curve(read(with_header("vg,vd,id"), named), "names");
  EXPECT_THAT(read(with_header("vg,vd,id"), named).understood, HasSubstr("V_store from \"vg\""));
  CurrentCsvOptions with_unit = named;
  with_unit.dialect.columns["I"] = "I_D";
  expect_the_curve(read(in_microamperes("vg [V],vd [V],I_D (uA)"), with_unit), "unit");
  with_unit.dialect.columns["I"] = "id_uA";
  expect_the_curve(read(in_microamperes("vg,vd,id_uA"), with_unit), "unit in the name");

  CurrentCsvOptions numbered;
  numbered.dialect.columns = {{"V_store", "1"}, {"V_in", "2"}, {"I", "3"}};
  expect_the_curve(read(replaced(kPlain, "V_store,V_in,I\n", ""), numbered), "no header");
  expect_the_curve(read(in_microamperes("a,b,c [uA]"), numbered), "the header's unit counts");
  expect_refused(replaced(kPlain, "V_store,V_in,I\n", "0,0.6,0\n"), "stands in the table already",
                 numbered);

  CurrentCsvOptions unit;
  unit.dialect.units = {{"A", "uA"}, {"V", "mV"}};
  expect_the_curve(read("V_store,V_in,I\n0,600,0\n500,600,6\n900,600,10.8\n0,900,0\n500,900,9\n"
                        "900,900,16.2\n",
                        unit),
                   "units given");
  expect_refused(in_microamperes("V_store,V_in,I [mA]"),
                 "iv.csv:1: --current-unit = uA: the header says I [mA]", unit);
  expect_refused("# measured\n" + in_microamperes("V_store [V],V_in [V],I [uW]"),
                 "iv.csv:2: I = I [uW]: its unit must be A, or A with a prefix");
}

TEST_F(CurrentCsv, SaysWhatItFoundWhereColumnsAreNotNamed) {
  expect_refused(with_header("vg,vd,id\n \n"), "iv.csv:1: header = vg,vd,id: 3 columns by commas");
  expect_refused(with_header("vg,vd,id"),
                 "iv.csv:1: header = vg,vd,id: 3 columns by commas, and none is named V_store or "
                 "V_in or I; say which is which, --columns V_store=NAME,V_in=NAME,I=NAME");
  expect_refused("Date;today\n\nvg;V_in;I\n0;0,9;1\n",
                 "iv.csv:3: header = vg;V_in;I: 3 columns by "
                 "semicolons, and none is named V_store");
  expect_refused(replaced(kPlain, "V_store,V_in,I\n", ""), "no header names V_store, V_in and I");
  expect_refused("this is no table\nat all\n", "this is no table");
  expect_refused(with_header("V_store,V_in,I,I [A]"), "two columns have this name");
  CurrentCsvOptions wrong;
  wrong.dialect.columns = {{"I", "id"}};
  expect_refused(kPlain, "\"id\" (for I)", wrong);
}

// A file whose numbers could mean one thing or another is none to guess of.
TEST_F(CurrentCsv, RefusesWhatIsAmbiguous) {
  expect_refused("V_store;V_in;I\n0.5;0.9;1.234,5\n", "has a point and a comma");
  expect_refused("V_store;V_in;I\n0,5;0.9;1e-6\n",
                 "has a comma in a number, and line 2 has a point");
  expect_refused("V_store;V_in;I\n0;1;1,000\n1;1;2,000\n", "part thousands");
  CurrentCsvOptions comma, point;
  comma.dialect.decimal = "comma", comma.dialect.units = {{"A", "uA"}};
  point.dialect.decimal = "point";
  EXPECT_EQ(read("V_store;V_in;I\n0;1;1,000\n1;1;2,000\n", comma).current.at(1.0, 1.0), 2e-6);
  expect_refused("V_store;V_in;I\n0;1;1,5\n1;1;2,5\n", "I = 1,5: must be a number", point);
  expect_refused("V_store,V_in,I\n0,1,0,6,1,5e-6\n",
                 "6 fields by commas where the header has 3; "
                 "decimal commas need another separator");
  for (const char* number :
       {"0x10", "nan", "inf", "1e999", "1e-6A", "", "1.2.3", "--1", "1e", "1 e-6"})
    expect_refused(std::string("V_store,V_in,I\n0,0.9,") + number + "\n0.9,0.9,1e-6\n", ":2: I = ");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0.9,0.9\n", ":3: 0.9,0.9: 2 fields");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0.9,\"0.9,1e-6\n", ":3: 0.9,\"0.9,1e-6: a quote");
  // A last line that is cut off, or has a reading that is none, is no line after the table.
  expect_refused(std::string(kPlain) + "high,0.9,1e-6\n", "V_store = high");
}

TEST_F(CurrentCsv, RefusesWhatInstrumentsWriteForAReadingThatTheyDoNotHave) {
  for (const char* header :
       {"V_store [V],V_in [V],I [A]", "V_store [V],V_in [V],I [nA]", "V_store,V_in,I"})
    expect_refused(std::string(header) + "\n0,0.9,0\n0.5,0.9,+9.91E+37\n0.9,0.9,1e-6\n",
                   "iv.csv:3: I = 9.91");
  expect_refused("V_store [V],V_in [V],I [A]\n0,0.9,0\n0.9,0.9,9.9e37\n", "is no reading");
}

TEST_F(CurrentCsv, RefusesExponentsThatNoDoubleHas) {
  for (const char* number :
       {"1e-2147483648", "1e2147483647", "1e-100001", "1e400", "1e99999999999"})
    for (const char* header : {"V_store [V],V_in [V],I [pA]", "V_store,V_in,I"})
      expect_refused(std::string(header) + "\n0,0.9," + number + "\n0.9,0.9,1\n",
                     std::string("iv.csv:2: I = ") + number);
}

TEST_F(CurrentCsv, RefusesCurrentsThatAreInAnotherUnit) {
  expect_refused(
      in_microamperes("V_store,V_in,I"),
      ":7: I = 16.2 A: is implausible for one cell (more than 10 mA), and the header names "
      "no unit; say the column's unit, e.g. --current-unit uA");
  expect_refused("V_store,V_in,I\n0,900,0\n900,900,1e-6\n", "V_store = 900 V: is implausible");
  CurrentCsvOptions options;
  options.dialect.units = {{"A", "uA"}};
  expect_the_curve(read(in_microamperes("V_store,V_in,I"), options), "said");
  expect_refused(in_microamperes("V_store,V_in,I [uA/um]"), "its unit must be A");
}

TEST_F(CurrentCsv, SnapsOnlyWhatLiesWellTogether) {
  // Steps of half a millivolt are no readings of one voltage.
  expect_refused("V_store,V_in,I\n0,0.9,0\n0.0005,0.9,1e-9\n0.9,0.8,1e-6\n",
                 "stands in the table already");
  CurrentCsvOptions exact;
  exact.grid_tolerance_v = 0;
  expect_refused("V_store,V_in,I\n0,0.6,0\n0.5,0.6,1e-6\n0,0.9,0\n0.50001,0.9,2e-6\n",
                 "this point is missing: 4 points of 3 x 2 voltages", exact);
}

TEST_F(CurrentCsv, MakesADeviceThatAttentionTakes) {
  const CellCurrent current = read(grid()).at(0.9);
  IdealPeriphery periphery;
  periphery.retention_tau_s = 1e-3;
  ideal_device(current, periphery).write(file_);
  const GainCellDevice device = GainCellDevice::read(file_);
  EXPECT_NEAR(device.read_charge.at(0.7, 6e-9, 0.45), 20e-6 * 0.25 * 6e-9, 1e-20);
  EXPECT_NEAR(device.retention.at(0.85, 1e-3), 0.45 + 0.4 * std::exp(-1.0), 1e-8);
  EXPECT_NEAR(device.relu.pulse_width.at(40e-6 * 15e-9), 7.5e-9, 1e-20);
  EXPECT_FALSE(device.relu.energy || device.read_energy || device.write_energy);
  EXPECT_EQ(device.relu.pulse_width.at(-1e-15), 0.0);
  EXPECT_EQ(device.differential.pulse_width.at(-1e-12), -15e-9);
  const auto& provenance = device.file().provenance();
  ASSERT_EQ(provenance.size(), 1u);
  EXPECT_EQ(std::get<std::string>(provenance[0].attributes.at("import_text")), grid());
}

TEST_F(CurrentCsv, RefusesACurrentThatDoesNotCoverTheStoredVoltages) {
  const CellCurrent current{{0.1, 0.9}, {-1e-6, 1e-6}, "import", "iv.csv", ""};
  EXPECT_THROW(ideal_device(current, {}), Error);
}

TEST(PublishedDeviceFile, NamesThePublicationAsTheSourceOfItsEnergies) {
  const DeviceFile file = published_device();
  for (const char* name : {"relu_energy", "signed_energy", "cell_read_energy", "cell_write_energy"})
    EXPECT_THAT(file.find_table(name)->comment, HasSubstr("published: Leroux et al."));
  EXPECT_EQ(GainCellDevice(file).relu.energy->at(0.0), 1120e-12 / 1024);
}

TEST(PublishedDeviceFile, HoldsTheCubicExactly) {
  const GainCellDevice device(published_device());
  for (double v = 0; v <= 0.9; v += 0.0137) {
    const double z = v - 0.45;
    const double f =
        0.5213636139 + 13.612260634 * z - 2.620445619 * z * z + 46.05483778 * z * z * z;
    EXPECT_NEAR(device.static_current.at(v, 0.3), f * 1e-6, 1e-16);
  }
}

}  // namespace
}  // namespace gaincell::lut
