#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "energy/activity.h"

namespace gaincell::attention {

// One layer of multi-head attention over a sliding window. Token t sees tokens t-window+1 .. t; its
// key and value stand in ring slot t mod window, and `tile` consecutive slots share one sub-tile.
struct Shape {
  int heads = 1;
  int dim = 64;     // of one head, 1 .. 4,096
  int window = 64;  // tokens, 1 .. 65,536
  // Query heads that read one array of keys and values, one after the other; heads is a multiple.
  int group = 1;

  int arrays() const { return heads / group; }  // of keys and as many of values

  // Throws Error outside these ranges.
  void check() const;
};

// Hardware scalers, one (a, b) per head, and per array for keys and values: q' = a_q q + b_q and so
// on, out = a_o sum_of_tiles + b_o.
struct Scalers {
  std::vector<float> a_q, b_q, a_k, b_k, a_v, b_v, a_o, b_o;
  // a = 1; b = 0, for keys and values 0.45 (the zero of the cells, in volt).
  static Scalers identity(int heads, int group = 1);
};

// Mean and standard deviation of what a scaler puts out (before the clamp and the quantiser; for
// the output: what the layer returns), over tokens and dimensions of one head.
struct Moments {
  double count = 0, sum = 0, sum_of_squares = 0;
  double mean() const;
  double standard_deviation() const;
  Moments& operator+=(const Moments& other);
};
struct Statistics {
  std::vector<Moments> q, k, v, output;             // one per head; of k and v, one per array
  Statistics& operator+=(const Statistics& other);  // of another part of the text, or nothing
};

// How much of what a layer was given or met lay outside the ranges that its circuits have, or that
// they are known in, and was held at their ends. Softmax attention has none.
struct RangeReport {
  // A head's k, v and cells are those of the array that it reads.
  struct Head {
    double values = 0;           // of each of q, k and v
    double q = 0, k = 0, v = 0;  // of them outside the pulses' and voltages' range, and clipped
    double cells = 0, stored_beyond = 0;  // written; of them at a level beyond the voltage tables
    // Conversions of both stages; of them at a charge, or a bitline, beyond the tables.
    double first = 0, first_beyond = 0, second = 0, second_beyond = 0;
  };
  std::vector<Head> heads;
  double reads = 0, aged = 0;  // of tokens by queries; of them older than retention is known for

  RangeReport& operator+=(const RangeReport& other);
  Head all_heads() const;
  // Each of its numbers, to be stored and put back.
  std::vector<double*> counts();
};

// One layer's attention. q, k and v may be any finite numbers; the scalers take them to the ranges
// of the circuit, q' to 0 .. 1 (share of the longest pulse), k' and v' to 0 .. v_max (volt), and
// what lies beyond is held at the ends (effect `clipping`) and counted in ranges(). A sub-tile adds
// -1 .. 1 to the output, which a_o and b_o scale (Leroux et al., arXiv 2409.19315). Softmax
// attention takes and gives plain numbers. Not to be called from several threads at once.
//
//   const auto device = lut::GainCellDevice::read("device.h5");
//   const Shape shape{.heads = 12, .dim = 64, .window = 1024};
//   const auto layer = make_analog(shape, circuit_of(device), Scalers::identity(12),
//                                  {.token_period_s = 65e-9});  // analog.h
//   layer->run(tokens, q, k, v, out);  // float[tokens][12 * 64] each
//   layer->activity();                 // counts, for energy::EnergyModel
class Attention {
 public:
  virtual ~Attention() = default;

  const Shape& shape() const { return shape_; }

  // Empties the ring, the activity and the statistics. Read noise goes on: no conversion that
  // follows meets the noise of one before.
  void reset();

  // Runs `tokens` consecutive tokens that follow those of earlier calls. q and out are
  // [tokens][heads * dim], k and v [tokens][arrays * dim], row-major, with positions already
  // applied; head h reads array h / group. How a text is cut into calls
  // changes nothing but rounding in the last places of softmax and linear attention. Throws Error
  // where q, k or v holds NaN or infinity, with token, head and dimension; the ring is then as it
  // was.
  void run(int tokens, const float* q, const float* k, const float* v, float* out);

  // Counts since reset: a copy, added up when it is asked for. Softmax and linear attention count
  // tokens only: they have no circuits.
  virtual energy::Activity activity() const = 0;

  // Scalers may be replaced between runs; what the ring already holds stays as it was written.
  // Softmax attention has none and ignores them.
  const Scalers& scalers() const { return scalers_; }
  void set_scalers(Scalers scalers);

  // Statistics are gathered only while switched on (they cost a pass over q, k, v and out).
  void collect_statistics(bool on) { collect_ = on; }
  const Statistics& statistics() const { return statistics_; }
  void reset_statistics();

  // Since the layer was made, or reset_ranges(); reset() leaves it.
  const RangeReport& ranges() const { return ranges_; }
  void reset_ranges() { ranges_ = {std::vector<RangeReport::Head>(shape_.heads), 0, 0}; }

  // As a layer with an empty ring that had run so many tokens since it was made, and met these
  // ranges: what follows is the same to the last bit, read noise included.
  void go_on_from(std::int64_t tokens, RangeReport ranges);

  // Prefix of this layer's error messages, e.g. "layer 3".
  void set_place(std::string place) { place_ = std::move(place); }

 protected:
  Attention(Shape shape, Scalers scalers);
  virtual void run_checked(int tokens, const float* q, const float* k, const float* v,
                           float* out) = 0;
  virtual void reset_ring() = 0;  // and the activity
  // Noise of so many tokens' conversions goes by.
  virtual void pass_over(std::int64_t /*tokens*/) {}
  const std::string& place() const { return place_; }

  RangeReport ranges_;  // a head's entry is its own thread's

 private:
  Shape shape_;
  Scalers scalers_;
  std::string place_ = "attention";
  bool collect_ = false;
  std::int64_t token_ = 0;  // tokens seen, for messages
  Statistics statistics_;
};

// Exact softmax(q.k / sqrt(dim)) v over the window.
std::unique_ptr<Attention> make_softmax(Shape shape);

}  // namespace gaincell::attention
