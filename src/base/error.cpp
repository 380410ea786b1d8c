#include "base/error.h"

#include <utility>

namespace gaincell {
namespace {

std::string message(const Complaint& c) {
  std::string text = c.place;
  const auto part = [&text](const std::string& separator, const std::string& more) {
    if (more.empty()) return;
    if (!text.empty()) text += separator;
    text += more;
  };
  if (c.value.empty()) {
    part(": ", c.key);
  } else {
    part(": ", c.key.empty() ? c.value : c.key + " = " + c.value);
  }
  part(": ", c.rule);
  part("; ", c.remedy);
  return text;
}

}  // namespace

Error::Error(Complaint complaint)
    : std::runtime_error(message(complaint)), complaint_(std::move(complaint)) {}

}  // namespace gaincell
