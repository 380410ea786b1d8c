#include "cli/published_variant.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/units.h"

namespace gaincell::cli {
namespace {

using lut::PublishedVariant;

// A key, and its values in the order of their enumeration.
struct Choice {
  const char* key;
  const char* values[2];
  int (*get)(const PublishedVariant&);
  void (*set)(PublishedVariant&, int);
};
constexpr Choice kChoices[] = {
    {"decay",
     {"power", "product"},
     [](const PublishedVariant& v) { return static_cast<int>(v.decay); },
     [](PublishedVariant& v, int i) { v.decay = static_cast<PublishedVariant::Decay>(i); }},
    {"sign",
     {"plus", "minus"},
     [](const PublishedVariant& v) { return static_cast<int>(v.sign); },
     [](PublishedVariant& v, int i) { v.sign = static_cast<PublishedVariant::Sign>(i); }}};

constexpr const char* kKeys = "decay=power or product, and sign=plus or minus";

}  // namespace

void declare_published_variant(Arguments& app, std::vector<std::string>& words) {
  app.add_option("--published-variant", words,
                 std::string("how the published device is computed: ") + kKeys +
                     " (default: power, plus; the authors' golden files: product)")
      .delimiter(',');
}

PublishedVariant parse_published_variant(const std::vector<std::string>& words) {
  PublishedVariant variant;
  std::vector<std::string> seen;
  for (const std::string& word : words) {
    const std::size_t equal = std::min(word.find('='), word.size());
    const std::string key = word.substr(0, equal),
                      value = word.substr(std::min(equal + 1, word.size()));
    const auto refuse = [&](const std::string& rule) {
      throw Error({.key = "--published-variant",
                   .value = word,
                   .rule = rule,
                   .remedy = std::string("there are ") + kKeys});
    };
    const auto* choice = std::find_if(std::begin(kChoices), std::end(kChoices),
                                      [&](const Choice& c) { return key == c.key; });
    if (choice == std::end(kChoices)) refuse("is no variant of the published device");
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) refuse("says the same key again");
    seen.push_back(key);
    const auto* found = std::find(std::begin(choice->values), std::end(choice->values), value);
    if (found == std::end(choice->values)) refuse("is no value of this key");
    choice->set(variant, static_cast<int>(found - std::begin(choice->values)));
  }
  return variant;
}

nlohmann::ordered_json to_json(const PublishedVariant& variant) {
  nlohmann::ordered_json json;
  for (const Choice& choice : kChoices) json[choice.key] = choice.values[choice.get(variant)];
  return json;
}

std::optional<std::string> published_current_note(const lut::GainCellDevice& device) {
  const lut::Constant* rms = device.file().find_constant("current_off_rms");
  const lut::Constant* most = device.file().find_constant("current_off_max");
  if (rms == nullptr || most == nullptr) return std::nullopt;
  return fmt::format(
      "the authors' cubic, {} rms and {} at most off their own SPICE data; that moves S by up to "
      "2.3 uA and an output by up to 0.04 on their golden inputs",
      format_si(rms->value, rms->quantity.unit), format_si(most->value, most->quantity.unit));
}

}  // namespace gaincell::cli
