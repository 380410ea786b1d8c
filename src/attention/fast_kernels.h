#pragma once

#include <cstddef>
#include <cstdint>

// The vector code of the fast level: pointers and sizes only, one source for every instruction set,
// chosen when the program runs (Google Highway). Nothing here knows volts or joules.
//
// A stage integrates columns. A column's state x is its charge as a share of full scale. A cell in
// a state s adds sum_r u_r(s) w_r(g, x) to x while its pulse lasts through segment g of the longest
// pulse; the u_r stand in small tables by level, the w_r are polynomials in x:
//   x += sum_r (sum over cells of u_r x share of the segment the pulse lasts) w_r(g, x)
// per segment, by the midpoint rule. Before that every cell with a pulse, however short, adds
// sum_r u_r(s) edge_r.
namespace gaincell::attention::kernels {

constexpr int kMaxRank = 4, kMaxSegments = 32;
constexpr int kDegrees[] = {0, 3, 5};  // those that have a kernel
constexpr int kLevels = 8;             // entries of a level table
constexpr int kTableStride = 16;       // floats from one table to the next; the upper half is 0
constexpr int kLanes = 16;             // slots and dimensions come in multiples of this

struct Stage {
  int rank, degree, segments;
  const float* polynomial;  // [segment][rank][degree + 1], rising powers of x
  const float* edge;        // [rank]
  float x_low, x_high;      // where the polynomials hold; x is held there inside them
  // Transfer of the converter: pulse / full-scale pulse at transfer_low + i / transfer_per_x,
  // linear between, held outside.
  const float* transfer;
  int transfer_nodes;
  float transfer_low, transfer_per_x;
};

// Rows with a pulse, grouped by the segment in which the pulse ends: row i of segment g is entry
// begin[g] + i. Segments from `used` on have none.
struct Rows {
  int used;
  int begin[kMaxSegments + 1];
  const std::uint16_t* row;  // index of the row
  const float* share;        // of its last segment, 0 < share <= 1
  bool whole;                // all shares are 1
};

// Consecutive columns (first array) that share one set of level tables.
struct Run {
  int first, last;  // [first, last)
};

// Name of the instruction set in use, e.g. "AVX3".
const char* instruction_set();

// index[i] = round_half_even(clamp(a x[i] + b, 0, high) * steps_per_unit) in double precision.
void quantise(std::size_t n, const float* x, double a, double b, double high, double steps_per_unit,
              std::uint8_t* index);

// First array of one sub-tile: columns are slots, rows are dimensions. levels[row * stride + slot];
// slots is a multiple of kLanes. Every slot below `slots` that counts belongs to one run;
// tables[run][rank][kTableStride]; gain[slot] multiplies a column's sums. Out: x and the transfer.
void first_array(const Stage& stage, const Rows& rows, const std::uint8_t* levels,
                 std::size_t stride, int slots, int runs, const Run* run, const float* tables,
                 const float* gain, float* x, float* pulse);

// Second array of one sub-tile: columns are dimensions, rows are slots. levels[row * dim + d]; dim
// is a multiple of kLanes. table_of[row] is the row's set in tables[set][rank][kTableStride];
// gain[row].
void second_array(const Stage& stage, const Rows& rows, const std::uint8_t* levels, int dim,
                  const std::uint16_t* table_of, const float* tables, const float* gain, float* x,
                  float* pulse);

// sum[i] += sum over x of max(0, min(x, node[nodes-1]) - node[i]).
void hinge_sums(std::size_t n, const float* x, int nodes, const float* node, double* sum);

// total[d] += clamp(pulse[d], -1, 1), rounded half to even to steps of `step` where it is not 0.
void count_output(std::size_t n, const float* pulse, float step, float* total);

}  // namespace gaincell::attention::kernels
