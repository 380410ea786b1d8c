#pragma once

#include <algorithm>

#include "attention/fast_kernels.h"

namespace gaincell::attention {

inline int blocks(int n, int size) { return (n + size - 1) / size; }

// Where a token stands in the fast level's ring: sub-tiles of `tile` slots, each in units of
// kernels::kUnit slots (the last may be partly empty) and in blocks that share tables.
class Ring {
 public:
  Ring(int window, int tile, int block)
      : window_(window), tile_(std::min(tile, window)), block_(block) {}

  int window() const { return window_; }
  int tile() const { return tile_; }
  int tiles() const { return blocks(window_, tile_); }
  int units_per_tile() const { return blocks(tile_, kernels::kUnit); }
  int units() const { return tiles() * units_per_tile(); }
  int unit_of(int slot) const {
    return slot / tile_ * units_per_tile() + slot % tile_ / kernels::kUnit;
  }
  int lane_of(int slot) const { return slot % tile_ % kernels::kUnit; }
  int block_begin(int slot) const { return slot - slot % tile_ % block_; }
  int block_end(int slot) const {
    const int begin = block_begin(slot), tile_end = (slot / tile_ + 1) * tile_;
    return std::min({begin + block_, tile_end, window_});
  }

 private:
  int window_, tile_, block_;
};

// Where a cell's level stands among those of its unit (kernels::Unit).
inline int key_at(int lane, int d) { return (d / 4 * kernels::kUnit + lane) * 4 + d % 4; }
inline int value_at(int lane, int d, int dim) { return (lane / 4 * dim + d) * 4 + lane % 4; }

}  // namespace gaincell::attention
