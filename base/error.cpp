#include "base/error.h"

#include <utility>

#include "base/printable.h"

namespace gaincell {
namespace {

constexpr std::size_t kMostPlace = 1024;  // a path has at most 4096 bytes
constexpr std::size_t kMostValue = 200;
constexpr std::size_t kMostSentence = 1000;

std::string message(const Complaint& c) {
  std::string text;
  const auto part = [&text](const char* separator, const std::string& more, std::size_t most) {
    if (more.empty()) return;
    if (!text.empty()) text += separator;
    text += printable(more, most);
  };
  part("", c.place, kMostPlace);
  part(": ", c.key, kMostValue);
  part(c.key.empty() ? ": " : " = ", c.value, kMostValue);
  part(": ", c.rule, kMostSentence);
  part("; ", c.remedy, kMostSentence);
  return text;
}

}  // namespace

Error::Error(Complaint complaint)
    : std::runtime_error(message(complaint)), complaint_(std::move(complaint)) {}

}  // namespace gaincell
