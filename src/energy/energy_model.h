#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "energy/activity.h"
#include "lut/gain_cell_device.h"

namespace gaincell::energy {

// A figure that no simulation of ours gives, and where it is from.
struct StatedConstant {
  double value = 0;
  std::string source;
};

struct Constants {
  // Published: 4,000 pJ of digital control and routing per token and head at 16 sub-tiles; scaled
  // by sub-tile.
  StatedConstant control_j_per_sub_tile{
      4000e-12 / 16,
      "published: 4,000 pJ per token and head at 1,024 tokens (16 sub-tiles), "
      "scaled by sub-tiles; Leroux et al., Nature Computational Science 5 (2025)"};
  // Published: 330 pJ for the DACs that write one token's key and value of 64 dimensions.
  StatedConstant dac_j_per_value{
      330e-12 / 128,
      "published: 330 pJ per token and head of 64 dimensions, scaled by values; "
      "Leroux et al., Nature Computational Science 5 (2025)"};
};

struct Item {
  std::string name;
  double energy_j = 0;  // NaN where the device has no table of it
  std::string source;   // "SPICE: <table>", what the table says, or a constant's source
};

// What a joule is spent on, and where its figure is from: actions of cells and converters, and what
// stands between them, by the device's tables; digital circuits by published constants alone.
enum class Kind { kActive, kStanding, kDigital };
std::string_view name(Kind kind);  // active, standing, digital

// Joules by part. A part is the sum of its items in order, a kind that of its parts, and the total
// is active + standing + digital, to the last bit; a sum of which a summand is not known (NaN) is
// not known.
struct Energy {
  struct Part {
    std::string name;
    std::vector<Item> items;
    Kind kind = Kind::kActive;
    double energy_j() const;
  };
  std::vector<Part> parts;
  double kind_j(Kind kind) const;
  double total_j() const;
  // Active and standing: no constant of a publication is in it, unless the device is made of them.
  double circuits_j() const { return kind_j(Kind::kActive) + kind_j(Kind::kStanding); }
  double part_j(const std::string& name) const;  // 0 where there is no such part
  // Every item divided by n, e.g. by tokens.
  Energy per(double n) const;
};

// Joules from counts: E(action) by the device's tables, where a joule counts when a supply delivers
// it. Parts, in this order: first_array (cells, word lines, converters), second_array (cells,
// converters; its word lines are the ReLU converters' outputs and in their energy),
// digital_control, write_dac (by the device's table of it, and active; else a published constant,
// and digital), write_cells; with a token period also standing_converters (what a converter draws
// after its conversion, by the bitline that this left, and one without a token in its column after
// one of no charge), standing_bias (lines and start of every sub-tile, the whole period),
// standing_dac (where the device has a table of it: those of every sub-tile of both arrays, asleep)
// and standing_cells (leakage of all cells, at the levels that were written and the ages' mean).
// Cells are read at the bitline's start voltage: that is within 0.5 % on uniform levels. A value's
// share of its sub-tile's word line and DAC is a 64th, also where heads are narrower.
// What is not counted: not_counted.h.
//
// Nothing is thrown: a part for which the device has no tables is NaN, and with it the total.
// Counts of softmax or linear attention hold no actions, and their 0 J is no figure
// (docs/decisions/0006).
//
//   const EnergyModel model(lut::GainCellDevice::read("device.h5"));     // throws Error
//   const Energy each = model.of(layer->activity(), 1e-6).per(tokens);   // all heads, a token
//   each.total_j();                                                      // J
//   each.part_j("first_array");                                          // J
//   each.parts[0].items[0].source;                                       // "SPICE: ..."
class EnergyModel {
 public:
  explicit EnergyModel(lut::GainCellDevice device, Constants constants = {});

  // Without a period: what the actions took, and nothing of what stands.
  Energy of(const Activity& activity, std::optional<double> token_period_s = {}) const;
  // The longest period at which all that the device states of power between tokens is known.
  double known_period_s() const;
  const Constants& constants() const { return constants_; }

  // Both stages of one layer, one after the other, from the device's constants.
  double layer_latency_s() const;
  double token_latency_s(int layers) const { return layers * layer_latency_s(); }

 private:
  double reads_j(const CellReads& reads, const std::optional<lut::Table>& table,
                 double v_bitline) const;
  double conversions_j(const Conversions& conversions,
                       const std::optional<lut::Table>& table) const;
  // Of all values written, by their levels.
  double writes_j(const std::vector<double>& writes, const std::optional<lut::Table>& table) const;
  Energy::Part write_dac(const Activity& activity) const;
  void add_standing(const Activity& activity, double token_period_s, Energy& energy) const;
  Item standing_converters(const std::string& name, const Conversions& conversions, double columns,
                           const lut::ConverterTables& tables, double token_period_s) const;
  Item standing_bias(const std::string& name, const std::optional<lut::Table>& power,
                     double sub_tiles, double token_period_s) const;
  Item standing_dac(const Activity& activity, double token_period_s) const;
  Item standing_cells(const Activity& activity, double token_period_s) const;
  // Age nodes of the activity's reads; of all of them one weight.
  double mean_power_w(int level, int levels, const Nodes& age_s) const;
  double level_v(int level, int levels) const;
  std::string source_of(const std::string& table) const;

  lut::GainCellDevice device_;
  Constants constants_;
};

}  // namespace gaincell::energy
