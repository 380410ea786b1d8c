#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "energy/activity.h"
#include "lut/published.h"

namespace gaincell::lut {
class GainCellDevice;
}

namespace gaincell::attention {

// One layer of multi-head attention over a sliding window. Token t sees tokens t-window+1 .. t; its
// key and value stand in ring slot t mod window, and `tile` consecutive slots share one sub-tile.
struct Shape {
  int heads = 1;
  int dim = 64;     // of one head, 1 .. 4,096
  int window = 64;  // tokens, 1 .. 65,536

  // Throws Error outside these ranges.
  void check() const;
};

// Hardware scalers, one (a, b) per head: q' = a_q q + b_q and so on, out = a_o sum_of_tiles + b_o.
struct Scalers {
  std::vector<float> a_q, b_q, a_k, b_k, a_v, b_v, a_o, b_o;
  // a = 1; b = 0, for keys and values 0.45 (the zero of the cells, in volt).
  static Scalers identity(int heads);
};

// Mean and standard deviation of what a scaler puts out (before the clamp and the quantiser; for
// the output: what the layer returns), over tokens and dimensions of one head.
struct Moments {
  double count = 0, sum = 0, sum_of_squares = 0;
  double mean() const;
  double standard_deviation() const;
};
struct Statistics {
  std::vector<Moments> q, k, v, output;  // one per head
};

// How much of what a layer was given or met lay outside the ranges that its circuits have, or that
// they are known in, and was held at their ends. Softmax attention has none.
struct RangeReport {
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
};

class Attention {
 public:
  virtual ~Attention() = default;

  const Shape& shape() const { return shape_; }

  // Empties the ring, the activity and the statistics. Read noise goes on: no conversion that
  // follows meets the noise of one before.
  void reset();

  // Runs `tokens` consecutive tokens that follow those of earlier calls. q, k, v and out are
  // [tokens][heads * dim], row-major, with positions already applied. How a text is cut into calls
  // changes nothing but rounding in the last places of softmax and linear attention. Throws Error
  // where q, k or v holds NaN or infinity, with token, head and dimension; the ring is then as it
  // was.
  void run(int tokens, const float* q, const float* k, const float* v, float* out);

  // Counts since reset. Softmax and linear attention count tokens only: they have no circuits.
  virtual const energy::Activity& activity() const = 0;

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

  // Prefix of this layer's error messages, e.g. "layer 3".
  void set_place(std::string place) { place_ = std::move(place); }

 protected:
  Attention(Shape shape, Scalers scalers);
  virtual void run_checked(int tokens, const float* q, const float* k, const float* v,
                           float* out) = 0;
  virtual void reset_ring() = 0;  // and the activity
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

// The published hardware equations without circuits (physics.md section 3): the cell's current is a
// polynomial of z = stored voltage - v_zero, converters are clamps, stored voltages decay
// exponentially.
struct PublishedHardware {
  int q_levels = lut::kPublished.q_levels;
  int kv_levels = lut::kPublished.kv_levels;
  int output_levels = lut::kPublished.output_levels;
  double v_max = lut::kPublished.v_max, v_zero = lut::kPublished.v_zero;    // V
  std::array<double, 4> current_a{0, lut::kPublished.slope_a_per_v, 0, 0};  // A / V^i, i = 0 .. 3
  // A x (pulse / longest pulse)
  double s_sat_first_a = lut::kPublished.s_sat_first_a;
  double s_sat_second_a = lut::kPublished.s_sat_second_a;
  double decay_per_token = lut::kPublished.decay_per_token;
  int tile = lut::kPublished.tile;
  bool quantise = true;

  // With the article's cubic fit to its SPICE data in place of the straight current.
  static PublishedHardware cubic();
};

std::unique_ptr<Attention> make_published(Shape shape, PublishedHardware hardware, Scalers scalers);

// What the circuits do beyond the ideal equations. Each can be switched off by name, to see what it
// costs; `ideal` says what then stands in its place.
enum class Effect {
  kWrite,            // written voltage and pedestal            | the target voltage
  kRetention,        // loss of stored voltage with age         | none
  kPulseEdges,       // charge of the word line's two edges     | charge = current x width
  kBitline,          // currents follow the moving bitline      | held at its start voltage
  kConverterOffset,  // dead zone and offset                    | line through the origin
  kConverterCurve,   // the transfer's curvature                | straight line to full scale
  kConverterGain,    // charge of full scale, as built          | 4.145 (ReLU), 2.073 V x cell slope
  kInputQuantiser,   // q as one of 16 widths                   | any width
  kStorageQuantiser,  // k and v as one of 8 voltages            | any voltage
  kCounter,           // output pulse counted in 32 levels       | not rounded
  kMismatch,          // cells and converters differ (Spread)    | all alike
  kReadNoise,         // noise of every conversion (Spread)      | none
  kSaturation,        // converters and counter end at full scale  | go on as a line
  kClipping,          // q, k and v are held in their ranges     | taken as they are
};
inline constexpr int kEffects = 14;

// "write", "retention", "pulse_edges", "bitline", "converter_offset", "converter_curve",
// "converter_gain", "input_quantiser", "storage_quantiser", "counter", "mismatch", "read_noise",
// "saturation", "clipping".
std::string_view name(Effect effect);
std::optional<Effect> effect_named(std::string_view name);

class EffectSet {
 public:
  static EffectSet all() { return EffectSet((1u << kEffects) - 1); }
  static EffectSet none() { return EffectSet(0); }
  bool has(Effect effect) const { return (bits_ >> static_cast<int>(effect)) & 1u; }
  EffectSet with(Effect effect) const { return EffectSet(bits_ | bit(effect)); }
  EffectSet without(Effect effect) const { return EffectSet(bits_ & ~bit(effect)); }
  bool operator==(const EffectSet&) const = default;

 private:
  explicit EffectSet(unsigned bits) : bits_(bits) {}
  static unsigned bit(Effect effect) { return 1u << static_cast<int>(effect); }
  unsigned bits_;
};

// The two levels of the analog engine below SPICE: `column` integrates every column's bitline from
// the device's tables in double precision (the reference that a person can read), `fast` is the
// vectorised path held to it by tests.
enum class Level { kColumn, kFast };

// Random spread of the circuits, standard deviations of normal distributions. All zero: none.
// Mismatch is drawn once per physical cell and converter and stays, so a token written later meets
// the same cells; it follows from the seed, the layer and the place alone. Noise is drawn anew for
// every conversion that an engine makes, across resets, and follows from a seed of its own, the
// layer, the converter and the number of tokens that the engine has run.
struct Spread {
  struct Converter {
    double gain = 0;      // relative, of the charge that it converts
    double offset_c = 0;  // C, added to that charge
    double noise_c = 0;   // C, rms, anew for every conversion
    bool operator==(const Converter&) const = default;
  };
  double cell_gain = 0;      // relative, of the charge that a read takes
  double cell_offset_v = 0;  // V, added to what a cell stores
  Converter relu{}, differential{};

  bool mismatch() const;
  bool noise() const { return relu.noise_c > 0 || differential.noise_c > 0; }
  bool operator==(const Spread&) const = default;
};

struct AnalogOptions {
  Level level = Level::kFast;
  Spread spread{};
  std::uint64_t seed = 1;        // of the mismatch
  std::uint64_t noise_seed = 1;  // of the read noise
  int layer = 0;                 // whose arrays these are, for the spread
  // Time from one token to the next, which ages the ring: layers x latency of both stages.
  double token_period_s = 0.0;
  EffectSet effects = EffectSet::all();
  // What the fast level may be off the column level at the end of a column, rms, as a share of the
  // converter's full scale: 2e-3 is 3 % of the output's LSB. Arithmetic, rank, degree and
  // segments of its approximation follow from it; the cheapest that holds it, or the best there is
  // (FastReport says how good).
  double error_limit = 2e-3;
  // Fast level: threads over heads. The result does not depend on them.
  int threads = 1;
};

// The circuits, from a device's tables. More of the engine stands in analog.h; for several layers
// make_analog_layers there is faster.
std::unique_ptr<Attention> make_analog(Shape shape, const lut::GainCellDevice& device,
                                       Scalers scalers, AnalogOptions options);

}  // namespace gaincell::attention
