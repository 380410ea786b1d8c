#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace gaincell::characterize {

// A measurement that has no result on these waveforms (no crossing, a time outside the run). It
// becomes the point's recorded reason, never a number.
struct NoResult : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The vectors of one finished run over their scale (time; the sweep of a dc run), and signals
// computed from them. Throws NoResult for a vector that the run does not have.
class Waves {
 public:
  using Lookup = std::function<std::optional<std::span<const double>>(const std::string& vector)>;

  // scale must not be empty. `find` gives a vector by its simulator's name ("xdut.sn",
  // "vbl#branch",
  // "@m1[id]"), as long as the scale.
  Waves(std::vector<double> scale, Lookup find);

  std::span<const double> scale() const { return scale_; }
  double begin() const { return scale_.front(); }
  double end() const { return scale_.back(); }

  // A signal: an expression over v(net), v(a,b), i(element), @device[parameter]. Computed once,
  // point by point.
  std::span<const double> signal(const std::string& text);

 private:
  std::vector<double> scale_;
  Lookup find_;
  std::map<std::string, std::vector<double>> signals_;
};

// What signals are made of: real vectors; complex ones, of which vm, vp, vr, vi and vdb (im, ip,
// ir, ii, idb of a current) take a part; noise densities (onoise, inoise).
enum class SignalKind { kReal, kComplex, kNoise };

// The simulator's vectors that a signal needs, and the signal as an expression over their numbers
// ("w0 - w1"). A part of a complex vector is "part|vector", of a difference "part|vector,vector".
// Throws std::invalid_argument with the reason where it is not a signal.
struct SignalParts {
  std::string expression;
  std::vector<std::string> vectors;
  SignalKind kind = SignalKind::kReal;
};
SignalParts parse_signal(const std::string& text);
std::string signals_remedy(SignalKind kind);
std::string unit_of_signal(const std::string& text);
bool is_complex_current(const std::string& function);
// The part (magnitude, phase in rad, real, imaginary, dB) of a complex number; by the letters that
// follow v or i: "m", "p", "r", "i", "db".
double part_of(const std::string& part, double real, double imaginary);

// A stretch of the scale.
struct Window {
  double from;
  double to;
};

// y(x) by linear interpolation; x inside the scale (with 1e-9 of its length as tolerance).
double value_at(const Waves& waves, std::span<const double> y, double x);
// Trapezoids on the run's own points, the ends interpolated.
double integral(const Waves& waves, std::span<const double> y, Window window);

enum class Edge { kRise, kFall };
struct Crossing {
  double x;
  Edge edge;
};
// All crossings of the level in order: from y < level to y >= level (rise) and back (fall).
std::vector<Crossing> crossings(const Waves& waves, std::span<const double> y, double level,
                                Window window);

}  // namespace gaincell::characterize
