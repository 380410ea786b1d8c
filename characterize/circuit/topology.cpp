#include "characterize/circuit/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "characterize/schema/net.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxElements = 200'000;
constexpr int kMaxDepth = 100;

bool is_parameter(const std::string& word) { return word.find('=') != std::string::npos; }

// Words ahead of the first parameter.
std::size_t plain_words(const std::vector<std::string>& words) {
  std::size_t k = 0;
  while (k < words.size() && !is_parameter(words[k]) && words[k] != "params:") ++k;
  return k;
}

}  // namespace

// A subcircuit with its lines cut into words once.
struct Topology::Definition {
  const Definition* parent = nullptr;
  std::vector<std::string> ports;
  std::vector<std::pair<CircuitLine, std::vector<std::string>>> elements;
  std::set<std::string> models;
  std::map<std::string, std::unique_ptr<Definition>> inner;

  // Reads from behind the .subckt line up to its .ends; returns the line behind that.
  std::size_t read(std::span<const CircuitLine> lines, std::size_t at) {
    for (; at < lines.size(); ++at) {
      std::vector<std::string> words = circuit_words(lines[at].text);
      if (words.empty()) continue;
      const std::string& first = words[0];
      if (first == ".ends" || first == ".eom") return at + 1;
      if (first == ".subckt" && words.size() > 1) {
        Definition& below = *(inner[words[1]] = std::make_unique<Definition>());
        below.parent = this;
        below.ports.assign(words.begin() + 2,
                           words.begin() + static_cast<std::ptrdiff_t>(
                                               std::max<std::size_t>(plain_words(words), 2)));
        at = below.read(lines, at + 1) - 1;
      } else if (first == ".model" && words.size() > 1) {
        models.insert(words[1]);
      } else if (std::isalpha(static_cast<unsigned char>(first[0])) != 0) {
        elements.emplace_back(lines[at], std::move(words));
      }
    }
    return at;
  }
};

Topology::Topology(const Library& library, std::span<const CircuitLine> lines) : library_(library) {
  for (const CircuitLine& line : library.lines()) {
    if (line.text.empty() || line.text[0] != '.') continue;
    const auto words = circuit_words(line.text);
    if (words[0] == ".global") global_.insert(words.begin() + 1, words.end());
  }
  const Place top;
  (void)number("0", top);
  std::set<std::string> names;
  for (const CircuitLine& line : lines) {
    const auto words = circuit_words(line.text);
    if (words.empty()) continue;
    if (!names.insert(words[0]).second) repeated_.push_back(line);
    add(line, words, top);
  }
  for (std::size_t k = 0; k < nets_.size(); ++k) nets_[k].group = static_cast<int>(root(k));
}

Topology::~Topology() = default;

int Topology::ground() const { return nets_.front().group; }

const Topology::Definition* Topology::definition(const std::string& name, const Definition* from) {
  for (; from != nullptr; from = from->parent) {
    if (const auto at = from->inner.find(name); at != from->inner.end()) return at->second.get();
  }
  if (const auto known = definitions_.find(name); known != definitions_.end())
    return known->second.get();
  const Subcircuit* subcircuit = library_.subcircuit(name);
  if (subcircuit == nullptr) return nullptr;
  Definition& fresh = *(definitions_[name] = std::make_unique<Definition>());
  fresh.ports = subcircuit->ports;
  (void)fresh.read(library_.body(*subcircuit), 1);
  return &fresh;
}

std::size_t Topology::number(const std::string& net, const Place& place) {
  if (const auto port = place.ports.find(net); port != place.ports.end()) return port->second;
  std::string name = is_ground(net) ? "0" : global_.contains(net) ? net : place.path + net;
  const auto [at, fresh] = numbers_.try_emplace(std::move(name), nets_.size());
  if (fresh) {
    nets_.emplace_back().name = at->first;
    parents_.push_back(at->second);
  }
  return at->second;
}

std::size_t Topology::root(std::size_t net) {
  while (parents_[net] != net) net = parents_[net] = parents_[parents_[net]];
  return net;
}

void Topology::join(std::size_t a, std::size_t b) {
  const std::size_t low = std::min(root(a), root(b));
  parents_[std::max(root(a), root(b))] = low;
}

std::size_t Topology::pin(const std::vector<std::string>& words, std::size_t word,
                          const Place& place) {
  const std::size_t net = number(words[word], place);
  if (nets_[net].first_element.empty()) nets_[net].first_element = place.path + words[0];
  if (place.depth == 0) nets_[net].pins.push_back({words[0], "", ""});
  return net;
}

std::size_t Topology::nets_before_model(const std::vector<std::string>& words, std::size_t least,
                                        std::size_t most, const Place& place) const {
  const auto is_model = [&](const std::string& name) {
    for (const Definition* d = place.inside; d != nullptr; d = d->parent) {
      if (d->models.contains(name)) return true;
    }
    return library_.has_model(name);
  };
  for (std::size_t nets = least; nets <= most; ++nets) {
    if (nets + 1 < words.size() && is_model(words[nets + 1])) return nets;
  }
  return least;
}

// v(net) and v(a,b) in an expression: it watches these nets and gives them nothing.
void Topology::add_watched(const std::string& element, const std::string& text,
                           const Place& place) {
  for (std::size_t k = 0; k + 1 < text.size(); ++k) {
    if (lower(text[k]) != 'v' || text[k + 1] != '(') continue;
    if (k > 0 && (std::isalnum(static_cast<unsigned char>(text[k - 1])) != 0 || text[k - 1] == '_'))
      continue;
    const std::size_t close = std::min(text.find(')', k), text.size());
    const auto inside = circuit_words(std::string_view(text).substr(k + 2, close - k - 2));
    for (const std::string& net : inside) (void)pin({element, net}, 1, place);
    k = close;
  }
}

void Topology::add_transistor(const std::vector<std::string>& words, const Place& place) {
  const std::size_t count = nets_before_model(words, 4, 7, place);
  std::vector<std::size_t> nets;
  for (std::size_t k = 1; k <= count && k < words.size(); ++k) nets.push_back(pin(words, k, place));
  // The gate leads no direct current.
  for (std::size_t k = 2; k < nets.size(); ++k) join(nets[0], nets[k]);
  if (nets.size() > 3) nets_[nets[3]].bulk = true;
}

// E and G: two nets of their own, then what they watch.
void Topology::add_controlled(const std::vector<std::string>& words, const Place& place) {
  const std::size_t plain = plain_words(words);
  std::size_t watched = 2;
  std::size_t from = 3;
  if (plain > 3 && words[3].starts_with("poly")) {
    const std::string& poly = words[3].size() > 4 || plain < 5 ? words[3] : words[4];
    const std::size_t digit = std::min(poly.find_first_of("0123456789"), poly.size());
    watched = 2 * static_cast<std::size_t>(std::atoi(poly.c_str() + digit));
    from = &poly == &words[3] ? 4 : 5;
  } else if (plain > 3 && (words[3] == "table" || words[3] == "value" || words[3] == "vol" ||
                           words[3] == "cur" || words[3] == "laplace" || words[3][0] == '{')) {
    return;
  }
  for (std::size_t k = from; k < std::min(from + watched, plain); ++k) {
    std::string net = words[k];
    std::erase_if(net, [](char c) { return c == '(' || c == ')'; });
    if (!net.empty()) (void)pin({words[0], net}, 1, place);
  }
}

void Topology::add_instance(const std::vector<std::string>& words, const Place& place) {
  const std::size_t plain = plain_words(words);
  if (plain < 2) return;
  const std::string& name = words[plain - 1];
  const Definition* found = definition(name, place.inside);
  Place inside{place.path + words[0] + ".", {}, found, place.depth + 1};
  for (std::size_t k = 1; k + 1 < plain; ++k) {
    const std::size_t net = number(words[k], place);
    const std::string port =
        found != nullptr && k - 1 < found->ports.size() ? found->ports[k - 1] : "";
    if (place.depth == 0) nets_[net].pins.push_back({words[0], port, name});
    if (found == nullptr) join(net, 0);
    inside.ports[port] = net;
  }
  if (found == nullptr) return;
  if (place.depth >= kMaxDepth) {
    cut_short_ = true;
    return;
  }
  for (const auto& [line, own] : found->elements) {
    if (cut_short_) return;
    add(line, own, inside);
  }
}

void Topology::add(const CircuitLine& line, const std::vector<std::string>& words,
                   const Place& place) {
  if (++elements_ > kMaxElements) cut_short_ = true;
  if (cut_short_) return;
  const char letter = words[0][0];
  if (letter == 'x') return add_instance(words, place);
  devices_.insert(place.depth == 0 ? words[0]
                                   : fmt::format("{}.{}{}", letter, place.path, words[0]));
  if (letter == 'm') return add_transistor(words, place);
  const std::size_t plain = plain_words(words);
  const auto two = [&](auto take) {
    if (words.size() > 2 && plain > 2) take(pin(words, 1, place), pin(words, 2, place));
  };
  const auto note_short = [&](std::size_t a, std::size_t b) {
    if (a == b && place.depth < 2) shorted_.push_back(place.path + words[0]);
  };
  const auto joined = [&](std::size_t a, std::size_t b) { join(a, b); };
  const auto driven = [&](std::size_t a, std::size_t b) {
    nets_[a].driven = nets_[b].driven = true;
  };
  const auto all = [&](std::size_t count) {
    std::size_t first = 0;
    for (std::size_t k = 1; k <= count && k < plain; ++k) {
      const std::size_t net = pin(words, k, place);
      if (k == 1) first = net;
      join(first, net);
    }
  };
  switch (letter) {
    case 'k':
      return;
    case 'c':
      two([&](std::size_t a, std::size_t b) {
        nets_[a].capacitor = nets_[b].capacitor = true;
        note_short(a, b);
      });
      return add_watched(words[0], line.text, place);
    case 'r':
    case 'l':
      two([&](std::size_t a, std::size_t b) {
        join(a, b);
        note_short(a, b);
      });
      return add_watched(words[0], line.text, place);
    case 'v':
    case 'h':
    case 'w':
      return two(joined);
    case 'i':
    case 'f':
      return two(driven);
    case 'b':
      // v=... holds the voltage, i=... drives a current.
      two([&](std::size_t a, std::size_t b) {
        const bool current = std::any_of(words.begin(), words.end(), [](const std::string& word) {
          return word.starts_with("i=");
        });
        current ? driven(a, b) : joined(a, b);
      });
      return add_watched(words[0], line.text, place);
    case 'e':
      two(joined);
      add_controlled(words, place);
      return add_watched(words[0], line.text, place);
    case 'g':
      two(driven);
      add_controlled(words, place);
      return add_watched(words[0], line.text, place);
    case 's':
      two(joined);
      for (std::size_t k = 3; k < std::min<std::size_t>(plain, 5); ++k) (void)pin(words, k, place);
      return;
    case 'd':
      return all(nets_before_model(words, 2, 3, place));
    case 'q':
      return all(nets_before_model(words, 3, 5, place));
    case 'j':
    case 'z':
    case 'u':
      return all(3);
    case 't':
    case 'o':
      return all(4);
    default:
      // Not known here: it may drive whatever it names.
      for (std::size_t k = 1; k < plain; ++k) {
        std::string net = words[k];
        std::erase_if(net, [](char c) { return c == '[' || c == ']' || c == '%' || c == '~'; });
        if (net.empty()) continue;
        nets_[pin({words[0], net}, 1, place)].driven = true;
        join(number(net, place), 0);
      }
  }
}

}  // namespace gaincell::characterize
