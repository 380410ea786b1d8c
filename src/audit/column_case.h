#pragma once

#include <cstdint>
#include <vector>

namespace gaincell::audit {

// Where in an inference a column stood: enough to find it again.
struct Place {
  int layer = 0, head = 0;
  std::int64_t token = 0;
  int sub_tile = 0;
  int column = 0;  // slot within the sub-tile in the first stage, dimension in the second
};

// What the cells of one column held, the pulses that read them, and what the fast level made of
// it. One entry a cell; a cell without a token holds the zero voltage and gets no pulse (0).
struct ColumnCase {
  Place place;
  std::vector<double> v_store, width_s;
  double fast_pulse_s = 0;
  // Of the first stage: what the cells were written to, and how long ago (Circuit::stored_v makes
  // v_store of it). Empty where nothing says so.
  std::vector<double> target_v = {};
  double age_s = 0;
};

// A whole sub-tile in one step: its columns of the first array, whose pulses read the second.
struct TileCase {
  Place place;                     // column is of no meaning
  std::vector<ColumnCase> first;   // one a token of the sub-tile
  std::vector<ColumnCase> second;  // one a dimension; width_s is the fast level's
};

struct Cases {
  std::vector<ColumnCase> first, second;
  std::vector<TileCase> tiles;
};

}  // namespace gaincell::audit
