#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "attention/fast/kernels.h"
#include "attention/fast/lines.h"
#include "attention/fast/ring.h"

namespace gaincell::attention {

// What the ring's cells hold: the levels of all arrays' keys and values, in the order that the
// kernels read them (kernels::Unit), and how many cells hold each level. One array's part is its
// own thread's.
class Cells {
 public:
  // dim: of a head, rounded up to kUnit; the first `columns` of them there are.
  Cells(int arrays, int dim, int columns, const Ring& ring);

  // Of all arrays.
  void clear();
  std::size_t bytes() const;

  // One unit's (Ring::unit_of()).
  struct View {
    const std::uint8_t *keys, *values;
    const std::uint16_t* counts;
  };
  View unit(int array, int unit) const {
    const std::size_t at = first_unit(array) + unit;
    return {.keys = keys_.data() + at * unit_cells_,
            .values = values_.data() + at * unit_cells_,
            .counts = value_counts_.data() + at * kUnit * kLevels};
  }

  // A unit as it was, for queries that still see what later tokens of their block overwrite.
  struct Kept {
    Lines<std::uint8_t> keys, values;
    std::vector<std::uint16_t> counts;
    View view() const { return {keys.data(), values.data(), counts.data()}; }
  };
  Kept room() const;
  void keep(int array, int slot, Kept& to) const;

  // A token's levels, [dim] each.
  struct Token {
    int slot;
    bool overwrites;  // what the last lap left in its slot
    const std::uint8_t *q, *k, *v;
  };
  // Cells written, by level.
  using Written = std::array<std::uint16_t, kLevels>;
  struct Writes {
    Written keys, values;
  };
  // Writes key and value, and adds what the token's query reads of the keys to `reads`
  // (kernels::count_key_reads).
  Writes write(int array, const Token& token, std::int32_t* reads);

  // What one more query of the token that was just written, levels `q`, reads of the keys.
  void count_reads(int array, int slot, const std::uint8_t* k, const std::uint8_t* q,
                   std::int32_t* reads);

  // Tokens of the ring by level of their keys: [dim][kLevels].
  const std::int32_t* key_counts(int array) const;
  // Values' cells of the ring, by level.
  const std::int32_t* value_totals(int array) const;

 private:
  std::size_t first_unit(int array) const {
    return static_cast<std::size_t>(array) * ring_.units();
  }

  const Ring& ring_;
  const int dim_, columns_;
  const std::size_t unit_cells_;             // of keys, and as many of values, in a unit
  Lines<std::uint8_t> keys_;                 // [array][unit][dim / 4][slot][4 dimensions] levels
  Lines<std::uint8_t> values_;               // [array][unit][4][dim][4 slots] levels
  std::vector<std::uint16_t> value_counts_;  // [array][unit][slot][level] dimensions
  Lines<std::int32_t> key_counts_;           // [array][dim][level] tokens in the ring
  std::vector<std::int32_t> value_totals_;   // [array][level] cells in the ring
};

}  // namespace gaincell::attention
