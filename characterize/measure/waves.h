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

// A text that is no signal, and why.
struct BadSignal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The vectors of one finished run over their scale (time; frequency; the innermost sweep of a dc
// run), and signals computed from them. Throws NoResult for a vector that the run does not have.
class Waves {
 public:
  using Lookup = std::function<std::optional<std::span<const double>>(const std::string& vector)>;

  // scale must rise and not be empty. `find` gives a vector by its simulator's name ("xdut.sn",
  // "vbl#branch", "@m1[id]"), as long as the scale; of a phase its principal value.
  Waves(std::vector<double> scale, Lookup find);

  std::span<const double> scale() const { return scale_; }
  double begin() const { return scale_.front(); }
  double end() const { return scale_.back(); }

  // A signal: an expression over v(net), v(a,b), i(element), @device[parameter] and derivatives
  // along the scale. Computed once, point by point.
  std::span<const double> signal(const std::string& text);

 private:
  std::span<const double> vector(const std::string& name, const std::string& wanted_by);
  std::vector<double> computed(const std::string& text);

  std::vector<double> scale_;
  Lookup find_;
  std::map<std::string, std::vector<double>> signals_;
};

// What signals are made of: real vectors; complex ones, of which vm, vp, vr, vi and vdb (im, ip,
// ir, ii, idb of a current) take a part; noise densities (onoise, inoise).
enum class SignalKind { kReal, kComplex, kNoise };

// The simulator's vectors that a signal needs, and the signal as an expression over their numbers
// and those of derivatives ("w__0 - d__0"). A part of a complex vector is "part|vector", of a
// difference "part|vector,vector". Throws BadSignal with the reason where it is not a
// signal.
struct SignalParts {
  std::string expression;
  std::vector<std::string> vectors;      // those of its derivatives too
  std::vector<std::string> derivatives;  // the signals inside deriv(...)
  SignalKind kind = SignalKind::kReal;
};
SignalParts parse_signal(const std::string& text);
std::string signals_remedy(SignalKind kind);
std::string unit_of_signal(const std::string& text);
bool is_complex_current(const std::string& function);
// The part (magnitude, phase in rad, real, imaginary, dB) of a complex number; by the letters that
// follow v or i: "m", "p", "r", "i", "db". 0 has no phase: NaN.
double part_of(const std::string& part, double real, double imaginary);

// Makes a phase of principal values run on where those jump: each point within pi of the one before
// it, the first above -pi + 1e-6 and up to pi + 1e-6. Throws NoResult where two points lie so
// nearly pi apart that the way between them is not to be told.
void unwrap(std::span<const double> scale, std::span<double> phase);
// dy/dx at every point, of the parabola through it and its neighbours (at the ends: through the
// nearest three), so that it is exact on parabolas.
std::vector<double> derivative(std::span<const double> x, std::span<const double> y);

// A stretch of the scale.
struct Window {
  double from;
  double to;
};

// What may be missing at an end of the scale: 1e-9 of its length, of a single point of its place.
double slack_of(const Waves& waves);
// y(x) by linear interpolation; x inside the scale (with its slack).
double value_at(const Waves& waves, std::span<const double> y, double x);
// Trapezoids on the run's own points, the ends interpolated.
double integral(const Waves& waves, std::span<const double> y, Window window);

enum class Edge { kRise, kFall };
struct Crossing {
  double x;
  Edge edge;
};
// All crossings of the level in order, rise and fall in turn. A signal crosses where it comes to
// the level from one side, unless it turns back to that side: a touch is no crossing, and neither
// is a start on the level; one that stays on the level to the end has crossed.
std::vector<Crossing> crossings(const Waves& waves, std::span<const double> y, double level,
                                Window window);

}  // namespace gaincell::characterize
