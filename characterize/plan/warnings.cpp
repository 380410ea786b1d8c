#include "characterize/plan/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "characterize/plan/loose_ends.h"

namespace gaincell::characterize {
namespace {

// `V`, `uA/V`, `mV*um`, `1/s^2`: symbols with prefixes, joined. Any text may be a unit, since it is
// only handed on; but `volt` is compared with nothing that a number carries.
bool known_unit(const std::string& unit) {
  static const std::set<std::string> symbols{
      "V",  "A",   "s",   "F", "C",  "J",    "W", "Ohm", "ohm", "H",    "Hz",  "S", "m", "K",
      "dB", "rad", "deg", "%", "eV", "degC", "B", "T",   "Wb",  "sqrt", "bit", "g", "N"};
  std::string word;
  const auto known = [&] {
    const bool prefixed =
        word.size() > 1 && std::string("TGMkmunpfa").find(word[0]) != std::string::npos;
    return word.empty() || symbols.contains(word) || (prefixed && symbols.contains(word.substr(1)));
  };
  for (const char c : unit) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '%') {
      word += c;
      continue;
    }
    if (!known()) return false;
    word.clear();
  }
  return known();
}

}  // namespace

std::vector<std::string> warnings_of(const Evaluation& at) {
  const Bench& bench = at.bench();
  std::vector<std::string> all;
  const auto mind_unit = [&](const std::string& key, const std::string& unit) {
    if (!known_unit(unit))
      all.push_back(
          fmt::format("{}.unit: `{}` is no unit that is known; `V`, `s`, `A`, `F`, `C`, "
                      "`J`, `Ohm`, `degC` ...",
                      key, unit));
  };
  for (const Condition& c : bench.conditions) mind_unit("conditions." + c.name, c.unit);
  for (const Measurement& m : bench.measurements) mind_unit("measurements." + m.name, m.unit);
  for (const Analysis& analysis : bench.analyses) {
    const bool charge = std::any_of(analysis.options.begin(), analysis.options.end(),
                                    [](const auto& one) { return one.first == "chgtol"; });
    if (analysis.kind->name == "tran" && !charge)
      all.push_back(fmt::format(
          "{}: `chgtol` is the simulator's 1e-14 C, which is more than a small node holds",
          analysis.where.key));
  }
  for (const Corner& corner : bench.corners) {
    for (const std::string& warning : corner.library->warnings()) {
      if (std::find(all.begin(), all.end(), warning) == all.end()) all.push_back(warning);
    }
  }
  if (!bench.mismatch.library_statistics) {
    for (const Corner& corner : bench.corners) {
      if (!corner.library->draws()) continue;
      all.push_back(
          "models: the library draws random numbers; every point sees the same draw "
          "(mismatch: {library: true} for more)");
      break;
    }
  }
  for (std::string& end : loose_ends(at)) all.push_back(std::move(end));
  return all;
}

}  // namespace gaincell::characterize
