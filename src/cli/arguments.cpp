#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/error.h"

namespace gaincell::cli {
namespace {

// The words of CLI11's "TEXT:{a,b}".
std::vector<std::string> choices_of(const std::string& type) {
  const std::size_t open = type.find('{'), close = type.rfind('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos) return words;
  for (std::size_t at = open + 1; at < close;) {
    const std::size_t end = std::min(type.find(',', at), close);
    words.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Arguments::Shown shown(const CLI::Option& option) {
  Arguments::Shown text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  text.positional = text.names.empty();
  if (text.positional) text.names.push_back(option.get_name(true));
  text.required = option.get_required();
  text.repeats = option.get_expected_max() == CLI::detail::expected_max_vector_size;
  if (option.get_type_size() != 0) {
    const std::string type = option.get_type_name();
    text.value = type.substr(0, type.find(':'));
    text.choices = choices_of(type);
    text.standard = option.get_default_str();
    if (text.standard == "[]") text.standard.clear();
  }
  text.help = option.get_description();
  return text;
}

const CLI::App& as_const(const std::unique_ptr<CLI::App>& app) { return *app; }

}  // namespace

Arguments::Option Arguments::Option::required() {
  option_->required();
  return *this;
}

Arguments::Option Arguments::Option::delimiter(char between) {
  option_->delimiter(between);
  return *this;
}

Arguments::Option Arguments::Option::one_at_a_time() {
  option_->allow_extra_args(false);
  return *this;
}

Arguments::Option Arguments::Option::one_of(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words));
  return *this;
}

Arguments::Option Arguments::Option::from_to(int least, int most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Arguments::Option Arguments::Option::needs(const std::string& other) {
  option_->needs(app_->get_option(other));
  return *this;
}

Arguments::Arguments(const std::string& help, const std::string& program)
    : app_(std::make_unique<CLI::App>(help, program)) {
  app_->option_defaults()->always_capture_default();
}

Arguments::~Arguments() = default;

namespace {

template <typename T>
constexpr bool kIsUnsigned = std::is_same_v<T, unsigned> || std::is_same_v<T, std::uint64_t> ||
                             std::is_same_v<T, std::optional<std::uint64_t>>;

// CLI11 reads -1 as the greatest number there is, as it does anything beyond that.
std::string why_not_unsigned(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  errno = 0;
  if (digits) (void)std::strtoull(text.c_str(), nullptr, 10);
  if (digits && errno == 0) return {};
  return fmt::format("{} is no whole number from 0 to {}", text,
                     std::numeric_limits<std::uint64_t>::max());
}

}  // namespace

template <typename T>
Arguments::Option Arguments::add_option(const std::string& names, T& variable,
                                        const std::string& help) {
  CLI::Option* option = app_->add_option(names, variable, help);
  if constexpr (kIsUnsigned<T>) option->check(CLI::Validator(why_not_unsigned, ""));
  return {option, app_.get()};
}

#define GAINCELL_INSTANTIATE(...)                                                    \
  template Arguments::Option Arguments::add_option(const std::string&, __VA_ARGS__&, \
                                                   const std::string&);
GAINCELL_INSTANTIATE(int)
GAINCELL_INSTANTIATE(unsigned)
GAINCELL_INSTANTIATE(std::uint64_t)
GAINCELL_INSTANTIATE(double)
GAINCELL_INSTANTIATE(std::string)
GAINCELL_INSTANTIATE(std::filesystem::path)
GAINCELL_INSTANTIATE(std::optional<int>)
GAINCELL_INSTANTIATE(std::optional<std::uint64_t>)
GAINCELL_INSTANTIATE(std::optional<double>)
GAINCELL_INSTANTIATE(std::vector<std::string>)
GAINCELL_INSTANTIATE(std::vector<std::filesystem::path>)
#undef GAINCELL_INSTANTIATE

Arguments::Option Arguments::add_flag(const std::string& names, bool& variable,
                                      const std::string& help) {
  return {app_->add_flag(names, variable, help), app_.get()};
}

void Arguments::footer(const std::string& text) { app_->footer(text); }

void Arguments::pass_on() {
  app_->set_help_flag();
  app_->allow_extras();
}

std::optional<std::string> Arguments::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return app_->help();
  } catch (const CLI::ParseError& error) {
    throw Error({.place = app_->get_name(),
                 .rule = error.what(),
                 .remedy = fmt::format("see `{} --help`", app_->get_name())});
  }
  return std::nullopt;
}

std::vector<std::string> Arguments::passed_on() const { return app_->remaining(); }

std::vector<std::string> Arguments::given() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : as_const(app_).get_options())
    if (option->count() > 0) names.push_back(option->get_name());
  return names;
}

bool Arguments::was_given(const std::string& option) const {
  const CLI::Option* known = as_const(app_).get_option_no_throw(option);
  return known != nullptr && known->count() > 0;
}

std::vector<Arguments::Shown> Arguments::shown() const {
  std::vector<Shown> all;
  for (const CLI::Option* option : as_const(app_).get_options()) all.push_back(cli::shown(*option));
  return all;
}

std::string Arguments::shown_footer() const { return app_->get_footer(); }

}  // namespace gaincell::cli
