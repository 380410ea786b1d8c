#pragma once

#include <span>
#include <string>
#include <vector>

#include "lut/device_file.h"

namespace gaincell::lut {

// A value that an axis of a table lacks.
struct MissingNode {
  std::string axis;
  double value;
  double off;  // the worst point that asks for it, in limits
};

// How boldly intervals are cut.
struct CutRule {
  double aim = 1;         // points count that are off by more than so much of the limit
  double most_parts = 2;  // of an interval at a time, by how far its points are off
  double share = 0.1;     // of an axis' intervals at a time, the worst; at least one
};

// Where a table lacks nodes to hold its limits, by its hold-out points.
//
// A table of one axis: each interval whose points are off is cut (at a bend a straight table is off
// in proportion to the interval). A table of several axes: a node costs as many simulations as the
// others have, so it goes where it takes away most. At every point that is off, the axis is asked
// for whose every other node the table would miss most there (without them an axis of fourth order
// is off some 16 times as much, a straight one 4 times), and the worst intervals of
// each axis are halved.
//
// `bench_values`: those that the bench has for each axis; a node is taken from them while the
// interval holds one, and else halves it. None: always that. `fixed`: axes that can't have more.
std::vector<MissingNode> missing_nodes(const TableEntry& entry, const CutRule& rule,
                                       std::span<const std::vector<double>> bench_values,
                                       std::span<const std::string> fixed);

}  // namespace gaincell::lut
