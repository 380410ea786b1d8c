#pragma once

#include <algorithm>

#include "attention/fast/kernels.h"

namespace gaincell::attention {

inline constexpr int kUnit = kernels::kUnit, kLevels = kernels::kLevels;

inline int blocks(int n, int size) { return (n + size - 1) / size; }

// Where a token stands in the fast level's ring: sub-tiles of `tile` slots, each in units of
// kernels::kUnit slots (the last may be partly empty).
class Ring {
 public:
  Ring(int window, int tile)
      : window_(window),
        tile_(std::min(tile, window)),
        tiles_(blocks(window_, tile_)),
        units_per_tile_(blocks(tile_, kUnit)) {}

  int window() const { return window_; }
  int tile() const { return tile_; }
  int tiles() const { return tiles_; }
  int units_per_tile() const { return units_per_tile_; }
  int units() const { return tiles() * units_per_tile(); }
  int unit_of(int slot) const { return slot / tile_ * units_per_tile() + slot % tile_ / kUnit; }
  int lane_of(int slot) const { return slot % tile_ % kUnit; }
  // The sub-tile's run of `size` slots that a slot belongs to.
  int begin(int slot, int size) const { return slot - slot % tile_ % size; }
  int end(int slot, int size) const {
    const int tile_end = (slot / tile_ + 1) * tile_;
    return std::min({begin(slot, size) + size, tile_end, window_});
  }

 private:
  int window_, tile_, tiles_, units_per_tile_;
};

// Where a cell's level stands among those of its unit (kernels::Unit).
inline int key_at(int lane, int d) { return (d / 4 * kUnit + lane) * 4 + d % 4; }
inline int value_at(int lane, int d, int dim) { return (lane / 4 * dim + d) * 4 + lane % 4; }

}  // namespace gaincell::attention
