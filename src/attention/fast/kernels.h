#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

// The vector code of the fast level: pointers and sizes only, one source for every instruction set,
// chosen when the program runs (Google Highway). Nothing here knows volts or joules.
//
// A stage integrates columns. A column's state x is its charge as a share of full scale. A cell in
// state s adds sum_r u_r(s) w_r(x) dt to x while its pulse lasts (dt in longest pulses); the u_r
// stand in small tables by level, the w_r are polynomials. The longest pulse at hand is cut into
// `segments`, each longer than the one before since ever fewer cells are left; in each of them the
// sums over cells, weighted with the time that their pulses last in it, are taken first:
//   C_r = sum over cells of u_r(s) x time,   then   dx = sum_r C_r w_r(x)   by `substeps` midpoint
// steps whose middle is found with the w_r of the step before; or, where there are none, by a
// closed form: x is a polynomial of the sums of one segment and rank, or of two segments and two
// ranks. The order in which charge comes matters only as far as the ratio of the C_r changes, so
// few segments do.
//
// Sums are taken in bytes where the error limit permits: u_r = high + low / 126 (both -63 .. 63, in
// units that the polynomials carry; or low / 7, -3 .. 3), times 0 .. 255 in bytes. `low`, which
// only the first `low_ranks` need, is not resolved by segment: its sum over the whole pulse is
// shared among the segments as the pulses are. Sums of bytes are exact, so they do not depend on
// order, vector length or the number of queries taken together.
// A closed form has one digit: every table has the scale and offset that round its levels best.
//
// Every kGroup neighbouring slots have level tables of their own age; a group is what one 128-bit
// block of a vector holds, so tables change from block to block at no cost.
//
// What differs from converter to converter comes in where x of a finished column meets the
// transfer, what differs from cell to cell where u_r are summed: spread_kernels.h.
namespace gaincell::attention::kernels {

constexpr int kLevels = 8;       // entries of a level table
constexpr int kUnit = 16;        // slots of a unit; dimensions come in multiples of this
constexpr int kGroup = 4;        // slots that share a table
constexpr int kMaxQueries = 16;  // taken together
constexpr int kMaxRank = 4, kMaxDegree = 5, kMaxSegments = 8;
constexpr int kDegrees[] = {0, 3, 5};           // those that have a kernel
constexpr int kByteSegments[] = {1, 2, 3, 4};   // likewise, for sums in bytes
constexpr int kFloatSegments[] = {1, 2, 4, 8};  // and in floats
constexpr int kClosedSegments[] = {1, 2};       // and of a closed form, with as many ranks
constexpr int kReadCopies = 8;  // of sums, so that neighbouring rows do not wait for each other
constexpr int kHigh = 63, kFullWeight = 255;
constexpr int kFineLow = 63, kCoarseLow = 3;  // at most
// Of a closed form: one digit, in a scale of each table's own that is not far from 1.
constexpr int kOneDigit = 127;
constexpr float kLeastScale = 0.75f;
constexpr int kClosedTerms = 9, kOfSecondRank = 3;  // from there on
constexpr float kClosedReach = 1.2f;                // times x_low and x_high: where its powers hold
constexpr int kMostWholeWeights = 16;

// Where segment s of so many begins, as a share of the longest pulse. Found by trial: of columns
// whose cells and pulses follow one direction, equal parts miss twice as much.
inline float segment_begin(int s, int segments) {
  constexpr float kPower = 1.4f;
  return std::pow(static_cast<float>(s) / static_cast<float>(segments), kPower);
}

struct Stage {
  bool bytes;  // sums in bytes, else in floats
  int rank, low_ranks, segments, degree, substeps;
  float begin[kMaxSegments + 1];  // of every segment, and the last one's end: segment_begin()
  // No substeps: x = c + k1 c^2 + k2 c^3 + B1 (k3 a + k4 a^3) + B2 (k5 a + k6 c + k7 c^3 + k8 c^2
  // a), a = start + k0 A1, c = a + k0 A2, with A and B the sums of u_1 and u_2 in both segments
  // (one segment: c alone). In powers a and c are held within kClosedReach.
  float form[kClosedTerms];
  bool fine_low;  // low digits up to kFineLow, else kCoarseLow
  // Sums in bytes under pulses that are all whole multiples of the longest possible one's so
  // manieth part (at most kMostWholeWeights): those multiples are the weights. 0: under any pulses,
  // and the longest at hand has kFullWeight.
  int whole_weights;
  float polynomial[kMaxRank][kMaxDegree + 1];  // w_r, rising powers of x
  float x_low, x_high;                         // where they hold; x is held there inside them
  // The word line's edges: every pulse lasts so much longer (in longest pulses), and adds so much
  // to x whatever its cell holds.
  float pulse_delay, pulse_x;
  // Transfer of the converter as pulse / full-scale pulse: at_low + sum_i slope[i] max(0, x -
  // knot[i]), knots ascending, and from x_end on exactly at_high: sums of slopes would miss the
  // counter's end, which is a tie, by a rounding.
  int knots;
  const float *knot, *slope;
  float at_low, at_high, x_end;

  bool closed() const { return substeps == 0; }
  // A table of one age is so many entries: per rank high and low, or floats by level. The first one
  // of a closed form has two floats behind the levels: u_1 = scale (digit + offset).
  int low_per_high() const { return fine_low ? 2 * kFineLow : 2 * kCoarseLow + 1; }
  int table_planes() const { return bytes ? 2 * rank : rank; }
  static constexpr std::size_t kByteEntry = 16, kFloatEntry = kLevels * sizeof(float);
  std::size_t table_entry() const { return bytes ? kByteEntry : kFloatEntry; }
  static constexpr std::size_t kScaleAt = 8;
  int weight_rows() const { return bytes && !closed() && segments > 1 ? segments + 1 : segments; }
  std::size_t weight_bytes() const { return bytes ? 1 : 4; }
};

// 16 neighbouring slots of a head, or those of them that one lap of the ring wrote.
struct Unit {
  const std::uint8_t* keys;     // levels [dim / 4][slot][4 dimensions]
  const std::uint8_t* values;   // levels [4][dim][4 slots]
  const std::uint16_t* counts;  // [slot][kLevels] of the values' levels
  // Entries of the unit's four groups in plane 0; the other planes follow at SubTile's strides.
  const std::byte *first_table, *second_table;
  float first_fading, second_fading;  // relative change of the tables per token of age
  double age_s;                       // of slot 0 for query 0
};

// Slots of a unit that count for a query: [first, last).
struct Lanes {
  std::uint8_t first, last;
};

// Pulses on the rows of one array for one query.
struct Pulses {
  const void* weights;  // [weight_rows][rows], bytes or floats
  // Time of weight 1 in each segment, of high and of low digits, in longest pulses.
  float unit[kMaxSegments];
  float low_unit[kMaxSegments];
  // Of a closed form, by segment: the sum of all weights, in the second array times the offset of
  // each row's table.
  float offset[kMaxSegments];
  float x;  // that columns start with
};

// Sums over columns of how far x lies beyond each node (0 where it does not), lane by lane. Steps
// are 0 at `first_x`, where the first node is; at most kHingeSteps of them lie below the last, and
// no column counts for more.
constexpr int kHingeSteps = 32000;
struct Hinges {
  int nodes;
  const std::uint16_t* node;  // steps, ascending
  float first_x, last_x, steps_per_x;
  std::int32_t* sum;  // [node][kUnit], steps
};

// What one head's reads of the second array add to the books.
struct Reads {
  static constexpr int kNodes = 8;  // are counted at a time
  // In `count`: pulse nodes at width i / steps of the longest, i = 0 .. steps, then what means
  // nothing.
  static constexpr int nodes(int steps) { return (steps + 3 + kNodes - 1) / kNodes * kNodes; }

  int steps;  // 1 .. 255
  // [node][kReadCopies][kLevels] cells, each shared between the nodes around its pulse.
  float* count;
  float* hat;  // work space, [node][kUnit]; 0 where node > steps
  double age_sum_s;
  double period_s;  // of a token
  std::int64_t pulses;
};

struct SpreadTile;

// Where x of a column is known, infinite where that is everywhere.
struct Known {
  float low, high;
};

// One sub-tile of one head for consecutive queries.
struct SubTile {
  int dim, units, queries;  // dim: rounded up to kUnit
  int columns;              // of the second array that there are, at most dim
  const Unit* unit;
  std::size_t first_plane, second_plane;  // bytes from one plane of the tables to the next
  // [kUnit] tokens: how much older than its table a slot is for query 0.
  const float* beyond_table;
  const Lanes* lanes;    // [query][unit]
  const Pulses* pulses;  // [query], on the first array's rows
  float phi_per_pulse;   // longest pulses per full scale of the first converter
  float counts;          // of the counter per full scale, 0: not rounded
  Known first_known, second_known;
  Hinges first_hinges, second_hinges;
  Reads* reads;
  // Out: x and pulse of every column; pulses of slots that do not count are 0. total[query][dim]
  // is added to.
  float *x, *phi;                  // [query][unit][kUnit]
  float *second_x, *second_pulse;  // [query][dim]
  float* total;
  std::int64_t *first_beyond, *second_beyond;  // added to: columns beyond what is known
  // Work space: queries * units * kUnit * weight rows * weight bytes, and units * kUnit.
  std::byte* weights;
  float* lasting;
  const SpreadTile* spread;  // null: cells and converters are alike, and there is no noise
};

// Name of the instruction set in use, e.g. "AVX3_DL".
const char* instruction_set();
// Those that the kernels are compiled for and this machine has, as Highway numbers them.
std::vector<std::int64_t> instruction_sets();

// Pulses of `rows` rows (a multiple of kUnit) that last width[row] of the longest pulse, 0: none.
// The weights are written to `to`, which `pulses` then points at; `lasting` is work space of
// `rows`.
void set_pulses(const Stage& stage, int rows, const float* width, float* lasting, void* to,
                Pulses& pulses);

void sub_tile(const Stage& first, const Stage& second, const SubTile& tile);

// count[level] = how many of the n levels are `level`.
void count_levels(std::size_t n, const std::uint8_t* level, std::uint16_t* count);

// Tokens of the ring by level of their keys, counts[dim][kLevels], when a key is written, in the
// place of an old one where there is any (4 dimensions every 4 kUnit bytes); and what a query then
// reads of them: its level in dimension d is q[d], and cells are added to reads[level][kReadCopies]
// [kLevels].
void count_key_reads(int dim, const std::uint8_t* old_key, const std::uint8_t* key,
                     const std::uint8_t* q, std::int32_t* counts, std::int32_t* reads);

// Byte `offset` of word i becomes level[i]; n is a multiple of kUnit.
void store_levels(std::size_t n, const std::uint8_t* level, int offset, std::uint8_t* words);

// out[i] = a total[i] + b in double precision.
void scale_output(std::size_t n, const float* total, double a, double b, float* out);

}  // namespace gaincell::attention::kernels
