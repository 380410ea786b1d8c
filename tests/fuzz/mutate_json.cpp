#include "mutate_json.h"

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "mutate.h"

namespace gaincell::fuzz {
namespace {

using Json = nlohmann::ordered_json;

// What no tree holds (1e400, a key twice, half an encoding) stands in it as a mark, and is put in
// its place when the tree is written.
class TreeMutator {
 public:
  explicit TreeMutator(Random& random) : random_(random) {}

  std::string operator()(const std::string& text) {
    Json tree = Json::parse(text);
    for (std::uint64_t k = 1 + random_.below(3); k > 0; --k) once(tree);
    std::string out =
        tree.dump(random_.below(2) == 0 ? -1 : 1, ' ', false, Json::error_handler_t::replace);
    for (std::size_t k = 0; k < raw_.size(); ++k) {
      const std::string mark = '"' + mark_of(k) + '"';
      for (std::size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at))
        out.replace(at, mark.size(), raw_[k]);
    }
    return out;
  }

 private:
  struct Spot {
    Json* parent;
    std::size_t index;
  };

  static std::string mark_of(std::size_t k) { return "@raw" + std::to_string(k) + "@"; }
  std::string mark(std::string raw) {
    raw_.push_back(std::move(raw));
    return mark_of(raw_.size() - 1);
  }

  void collect(Json& node, std::vector<Spot>& spots) {
    for (std::size_t i = 0; node.is_structured() && i < node.size(); ++i) {
      spots.push_back({&node, i});
      collect(at({&node, i}), spots);
    }
  }
  static Json& at(const Spot& spot) {
    return std::next(spot.parent->begin(), static_cast<std::ptrdiff_t>(spot.index)).value();
  }
  static std::string key_of(const Spot& spot) {
    return std::next(spot.parent->begin(), static_cast<std::ptrdiff_t>(spot.index)).key();
  }

  // The object with its key at `spot` spelled otherwise, or there twice.
  static void rebuild(const Spot& spot, const std::string& key, bool keep_old) {
    Json made = Json::object();
    for (const auto& [name, value] : spot.parent->items()) {
      if (name != key_of(spot) || keep_old) made[name] = value;
      if (name == key_of(spot)) made[key] = value;
    }
    *spot.parent = std::move(made);
  }

  void once(Json& tree) {
    std::vector<Spot> spots;
    collect(tree, spots);
    if (spots.empty()) {
      tree = other_type();
      return;
    }
    const Spot spot = spots[random_.below(spots.size())];
    const bool in_object = spot.parent->is_object();
    Json& value = at(spot);
    switch (random_.below(12)) {
      case 0:
      case 1:
        value = other_type();
        break;
      case 2:
      case 3:
        value = mark(odd_number());
        break;
      case 4:
        nudge(value);
        break;
      case 5:
        spot.parent->erase(
            std::next(spot.parent->begin(), static_cast<std::ptrdiff_t>(spot.index)));
        break;
      case 6:
        if (in_object) {
          // Doubled: the mark becomes the same key again.
          const std::string again = mark(Json(key_of(spot)).dump());
          rebuild(spot, again, true);
          (*spot.parent)[again] = other_type();
        } else {
          spot.parent->push_back(value);
        }
        break;
      case 7:
        if (in_object) rebuild(spot, mark(odd_string()), random_.below(2) == 0);
        break;
      case 8:
        value = mark(nest());
        break;
      case 9:
        value = mark(odd_string());
        break;
      case 10:
        value = Json(at(spots[random_.below(spots.size())]));
        break;
      default:
        long_list(value);
    }
  }

  Json other_type() {
    static const std::vector<Json> kValues{nullptr,
                                           true,
                                           false,
                                           0,
                                           -1,
                                           1,
                                           2,
                                           1.5,
                                           "",
                                           "1",
                                           "x",
                                           Json::array(),
                                           Json::object(),
                                           Json::array({Json::array()}),
                                           Json::array({1, "a", nullptr}),
                                           Json{{"a", Json::object()}}};
    return kValues[random_.below(kValues.size())];
  }

  std::string odd_number() {
    static const std::vector<std::string> kMore{
        "1e400",      "-1e400", "1e-400", "NaN", "1.0", "Infinity", "1e5", "-9223372036854775809",
        "2147483647", "65535",  "100000", "3"};
    if (random_.below(2) == 0) return kMore[random_.below(kMore.size())];
    if (random_.below(20) == 0) return std::string(400, '9');
    return number_words()[random_.below(number_words().size())];
  }

  void nudge(Json& value) {
    if (!value.is_number()) return;
    const double x = value.get<double>();
    switch (random_.below(7)) {
      case 0:
        value = static_cast<std::int64_t>(std::min(std::max(x, -1e15), 1e15)) + 1;
        break;
      case 1:
        value = static_cast<std::int64_t>(std::min(std::max(x, -1e15), 1e15)) - 1;
        break;
      case 2:
        value = 2 * x;
        break;
      case 3:
        value = static_cast<std::int64_t>(std::min(std::max(x, -1e12), 1e12)) * 1000;
        break;
      case 4:
        value = -x;
        break;
      case 5:
        value = value.dump();
        break;
      default:
        value = Json::array({value});
    }
  }

  std::string nest() {
    static constexpr std::array<std::size_t, 5> kDepths{3, 100, 5'000, 100'000, 2'000'000};
    // The deepest cost the most and say the least.
    const std::size_t depth = kDepths[random_.below(random_.below(10) == 0 ? 5 : 4)];
    if (random_.below(2) == 0) return std::string(depth, '[') + std::string(depth, ']');
    std::string open, close(depth, '}');
    for (std::size_t k = 0; k < depth; ++k) open += "{\"a\":";
    return open + "0" + close;
  }

  std::string odd_string() {
    static const std::vector<std::string> kEscapes{"\"\\ud800\"",     "\"\\u0000\"",  "\"a\\nb\"",
                                                   "\"\\u001b[31m\"", "\"\\udc00x\"", "\"\\u202e\"",
                                                   "\"\\x\"",         "\"unclosed",   "'single'"};
    if (random_.below(2) == 0) return kEscapes[random_.below(kEscapes.size())];
    return '"' + odd_text(random_) + '"';
  }

  void long_list(Json& value) {
    static constexpr std::array<std::size_t, 4> kLengths{2, 100, 20'000, 300'000};
    const std::size_t length = kLengths[random_.below(kLengths.size())];
    std::string text = "[";
    const std::string item = random_.below(2) == 0 ? "0" : "[]";
    for (std::size_t k = 0; k < length; ++k) text += (k > 0 ? "," : "") + item;
    value = mark(text + "]");
  }

  Random& random_;
  std::vector<std::string> raw_;
};

}  // namespace

std::string mutate_json(const std::string& text, Random& random) {
  std::string out = TreeMutator(random)(text);
  return random.below(10) == 0 ? mutate_bytes(std::move(out), random) : out;
}

}  // namespace gaincell::fuzz
