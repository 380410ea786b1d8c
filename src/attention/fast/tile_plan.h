#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "attention/fast/model.h"
#include "attention/fast/ring.h"

namespace gaincell::attention {

// The parts of the ring that queries of one block meet, with their tables: every unit is a part;
// the unit that is being written is two, what this lap has written and what the last one left.
// Where no two slots may share a table, every slot is a part.
class TilePlan {
 public:
  struct Part {
    int begin, end;   // slots of one unit
    int unit, lane;   // where slot `begin` stands
    int laps_ago;     // 0 or 1
    bool is_written;  // holds the block at hand: its slots belong to one lap or the other by query
    const std::byte *first_table, *second_table;
    float first_fading, second_fading;  // per token
    // Of slot `begin` for a query in slot `slot`.
    int age(int slot, int window) const { return slot - begin + laps_ago * window; }
  };

  TilePlan(const FastModel& model, const Ring& ring);

  void clear() { block_ = -1; }

  std::int64_t block() const { return block_; }

  // Of a token's block.
  void set(std::int64_t token);

  int tiles() const { return static_cast<int>(of_tile_.size()) - 1; }
  int first_part(int tile) const { return of_tile_[tile]; }
  int most_parts_of_a_tile() const { return blocks(ring_.tile(), part_slots_) + 1; }
  const Part& part(int i) const { return parts_[i]; }
  // kernels::SubTile's, for a block's first query.
  const std::vector<float>& beyond_table() const { return beyond_table_; }

 private:
  void add(int begin, int end, int laps_ago, bool is_written, int block);

  const FastModel& model_;
  const Ring& ring_;
  const int part_slots_;
  std::int64_t block_ = -1;  // first token of the block
  std::vector<Part> parts_;
  std::vector<int> of_tile_;  // first part of each sub-tile
  std::vector<float> beyond_table_;
};

}  // namespace gaincell::attention
