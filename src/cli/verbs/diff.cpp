#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/differences.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct DiffOptions {
  std::filesystem::path a, b;
  bool json = false;
};

std::string kind_of(const std::filesystem::path& path) {
  std::string kind = store::Reader(path).root().text_attribute(store::kFormatName, "");
  if (kind == store::kDeviceFormat.name || kind == store::kSamplesFormat.name) return kind;
  throw Error({.place = path.string(),
               .key = kind.empty() ? "" : store::kFormatName,
               .value = kind,
               .rule = "is neither a device nor a samples file of gaincell",
               .remedy = "`gaincell compile` and `gaincell characterize` write such files"});
}

// Short enough for a line; `--json` has all of it.
std::string shortened(const std::string& text) { return printable(text, 60); }

void tell_difference(const Difference& one) {
  say("{}: {}: ", one.where, one.what);
  if (!one.max_abs) {
    say("{} | {}", shortened(one.a), shortened(one.b));
    if (!one.at.empty()) say("; first at {}", shortened(one.at));
    say("\n");
    return;
  }
  const auto amount = [&](double value) {
    return one.unit == "1" || one.unit == "%" ? fmt::format("{:.4g} {}", value, one.unit)
                                              : format_si(value, one.unit);
  };
  say("{} | {}, off by ", one.a, one.b);
  if (one.points > 1) say("at most ");
  say("{}", amount(*one.max_abs));
  if (one.max_percent) say(" ({:.3g} %)", *one.max_percent);
  if (one.rms_abs) say(", rms {}", amount(*one.rms_abs));
  if (!one.at.empty()) say(", over {} points; most at {}", one.points, one.at);
  say("\n");
}

nlohmann::json difference_json(const Difference& one) {
  nlohmann::json out{{"where", one.where}, {"what", one.what}, {"a", one.a}, {"b", one.b}};
  if (one.max_abs) out["max_abs"] = *one.max_abs;
  if (one.rms_abs) out["rms_abs"] = *one.rms_abs;
  if (one.max_percent) out["max_percent"] = *one.max_percent;
  if (one.max_abs) out["units"] = one.unit;
  if (!one.at.empty()) out["at"] = one.at;
  if (one.points > 0) out["points"] = one.points;
  return out;
}

int diff(const DiffOptions& options) {
  const std::string kind = kind_of(options.a), other = kind_of(options.b);
  if (kind != other)
    throw Error({.place = options.b.string(),
                 .value = other,
                 .rule = fmt::format("{} is a {} file", options.a.string(), kind),
                 .remedy = "compare two of a kind"});
  const std::vector<Difference> all =
      kind == store::kDeviceFormat.name
          ? differences(lut::DeviceFile::read(options.a), lut::DeviceFile::read(options.b))
          : differences(lut::SamplesFile::read(options.a), lut::SamplesFile::read(options.b));
  if (options.json) {
    nlohmann::json out{{"a", options.a.string()},
                       {"b", options.b.string()},
                       {"format", kind},
                       {"equal", all.empty()},
                       {"differences", nlohmann::json::array()}};
    for (const Difference& one : all) out["differences"].push_back(difference_json(one));
    fmt::print("{}\n", json_text(out, 2));
  } else if (all.empty()) {
    say("no difference\n");
  } else {
    for (const Difference& one : all) tell_difference(one);
  }
  return all.empty() ? 0 : 1;
}

}  // namespace

Run cmd_diff(Arguments& app) {
  auto options = std::make_shared<DiffOptions>();
  app.add_option("a", options->a, "device or samples file").required();
  app.add_option("b", options->b, "another one of the same kind").required();
  app.add_flag("--json", options->json, "as JSON: equal, and a list of differences");
  app.footer(
      "Exits with 0 where the files say the same, with 1 where they differ, with 2 on an error. "
      "Percent are of the first file's full scale or value.");
  return [options] { return diff(*options); };
}

}  // namespace gaincell::cli
