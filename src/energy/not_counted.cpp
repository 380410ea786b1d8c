#include "energy/not_counted.h"

#include <limits>

namespace gaincell::energy {
namespace {

constexpr double kSizeNotKnown = std::numeric_limits<double>::quiet_NaN();

constexpr NotCounted kNotCounted[] = {
    {"word lines of the first array: their drivers and wires (the gates are counted)", "J", 31e-12,
     33e-12, "simulated: inverters of 1.2 and 2.4 um with 13 fF a line take 43 to 47 fJ a pulse"},
    {"wires on the ReLU converters' outputs (the gates are counted)", "J", 11e-12, 11e-12,
     "estimated: 21 fJ a pulse"},
    {"drivers and level shifters of the converters' clocks (the gates are counted)", "J", 2e-12,
     5e-12, "estimated from the charge of the gates, some 40 fJ a conversion"},
    {"registers of the write DAC's codes, drivers of its clock (the gates are counted)", "J", 1e-12,
     3e-12, "estimated: three flip-flops of 3 to 8 fJ a value"},
    {"word-line drivers of a write where the device's bench has ideal word lines (cells B and C)",
     "J", 0.5e-12, 0.5e-12, "simulated for cell A: 227 fJ a row"},
    {"regulators of the references, the bitlines' and the DAC's upper one", "J", kSizeNotKnown,
     kSizeNotKnown,
     "not known; the charge that they deliver is counted with VDD and with the 1.8 V"},
    {"the chip's reference current, which the mirror lines copy", "W", kSizeNotKnown, kSizeNotKnown,
     "not known; one for all sub-tiles"},
    {"leakage of the digital circuits", "W", 37e-6, 51e-6,
     "estimated from gates of standard threshold"},
    {"projections, feed-forward and normalization of the model", "J", kSizeNotKnown, kSizeNotKnown,
     "not known; digital, beside the attention"},
};

}  // namespace

std::span<const NotCounted> not_counted() { return kNotCounted; }

}  // namespace gaincell::energy
