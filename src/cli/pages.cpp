#include "cli/pages.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <vector>

#include "base/version.h"
#include "characterize/results/cache.h"
#include "cli/commands.h"
#include "cli/program.h"

namespace gaincell::cli {
namespace {

using Option = Arguments::Shown;

struct Verb {
  std::string name, help, footer;
  std::vector<Option> options;
};

std::vector<Verb> verbs() {
  std::vector<Verb> all;
  for (const Command& command : commands()) {
    Arguments app(std::string(command.help), std::string(command.name));
    const Run run = command.declare(app);
    Verb verb{std::string(command.name), std::string(command.help), app.shown_footer(),
              app.shown()};
    // The same page on every machine.
    for (Option& option : verb.options)
      if (option.standard == characterize::default_cache_folder())
        option.standard = "~/.cache/gaincell";
    all.push_back(std::move(verb));
  }
  return all;
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

// Text of a man page: no word of it is a macro, and a dash is the one that is typed.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

std::string man_option(const Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.names)
    names.push_back(option.positional ? italic(name) : bold(name));
  std::string text = ".TP\n" + join(names, ", ");
  if (!option.choices.empty())
    text += " " + join(option.choices, "|");
  else if (!option.value.empty() && !option.positional)
    text += " " + italic(option.value);
  if (option.repeats) text += " ...";
  text += "\n" + roff(option.help);
  if (option.required) text += " (required)";
  if (!option.standard.empty()) text += fmt::format(" (default: {})", roff(option.standard));
  return text + "\n";
}

std::string man_verb(const Verb& verb) {
  std::string text = fmt::format(".SS gaincell {}\n{}\n", roff(verb.name), roff(verb.help));
  for (const Option& option : verb.options) text += man_option(option);
  if (!verb.footer.empty()) text += ".PP\n" + roff(verb.footer) + "\n";
  if (verb.options.empty())
    text += fmt::format(".PP\nOptions: gaincell {} \\-\\-help\n", verb.name);
  return text;
}

// Inside single quotes of a shell.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string verb_names(const std::vector<Verb>& all) {
  std::vector<std::string> names;
  for (const Verb& verb : all) names.push_back(verb.name);
  return join(names, " ");
}

// Inside the brackets of zsh's `_arguments`.
std::string zsh_help(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string man_page() {
  std::string text = fmt::format(
      ".TH GAINCELL 1 \"\" \"gaincell {}\" \"User Commands\"\n"
      ".SH NAME\ngaincell \\- {}\n"
      ".SH SYNOPSIS\n.B gaincell\n.I verb\n[options]\n.PP\n.B gaincell\n.I verb\n.B \\-\\-help\n"
      ".SH DESCRIPTION\n"
      "Characterizes gain cells and charge\\-to\\-pulse converters with ngspice, compiles what it\n"
      "measured into tables with a measured error, and runs transformer inference on them. The\n"
      "verbs stand in the order of that work.\n.SH VERBS\n",
      kVersion, roff(kPurpose));
  for (const Verb& verb : verbs()) text += man_verb(verb);
  return text +
         fmt::format(
             ".SH EXIT STATUS\n{}\n"
             ".SH ENVIRONMENT\n.TP\n.B GAINCELL_DATA\nFolder of netlists and models, in place of\n"
             "those that gaincell was installed with.\n"
             ".TP\n.B XDG_CACHE_HOME\nWhere results of earlier simulations are kept (default:\n"
             "~/.cache).\n"
             ".SH FILES\n.TP\n.I share/gaincell\nOf the prefix that gaincell is installed in: "
             "circuits with their benches, device cards,\nreference models, text.\n",
             roff(kExitCodes));
}

std::string bash_completion() {
  const std::vector<Verb> all = verbs();
  std::string text =
      "# Completion of gaincell for bash; made by `gaincell doc bash-completion`.\n"
      "_gaincell() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= "
      "choices=\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W " +
      shell_quoted(verb_names(all) + " --help --version") +
      " -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n";
  for (const Verb& verb : all) {
    std::vector<std::string> names;
    std::string choices;
    for (const Option& option : verb.options) {
      if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
      if (option.choices.empty()) continue;
      choices += fmt::format("        {}) choices={} ;;\n",
                             option.positional ? verb.name : join(option.names, "|"),
                             shell_quoted(join(option.choices, " ")));
    }
    text += fmt::format("    {})\n      options={}\n", verb.name, shell_quoted(join(names, " ")));
    if (!choices.empty())
      text += "      case $before in\n" + choices + "      esac ;;\n";
    else
      text += "      ;;\n";
  }
  return text +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  elif [[ -n $choices ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _gaincell gaincell\n";
}

std::string zsh_completion() {
  const std::vector<Verb> all = verbs();
  std::string text =
      "#compdef gaincell\n"
      "# Completion of gaincell for zsh; made by `gaincell doc zsh-completion`.\n"
      "local -a verbs=(\n";
  for (const Verb& verb : all)
    text += "  " + shell_quoted(verb.name + ":" + zsh_help(verb.help)) + "\n";
  text +=
      ")\n"
      "if ((CURRENT == 2)); then\n  _describe verb verbs\n  return\nfi\n"
      "local verb=$words[2]\nshift words\n((CURRENT--))\ncase $verb in\n";
  for (const Verb& verb : all) {
    text += fmt::format("  {})\n    _arguments", verb.name);
    bool rest = false;
    for (const Option& option : verb.options) {
      const std::string action =
          option.choices.empty() ? std::string("_files") : "(" + join(option.choices, " ") + ")";
      if (option.positional && !option.choices.empty())
        text += " \\\n      " + shell_quoted(":" + option.names.front() + ":" + action);
      rest = rest || (option.positional && option.choices.empty());
      if (option.positional) continue;
      for (const std::string& name : option.names)
        text += " \\\n      " +
                shell_quoted(fmt::format(
                    "{}{}[{}]{}", option.repeats ? "*" : "", name, zsh_help(option.help),
                    option.value.empty() ? "" : ":" + option.value + ":" + action));
    }
    text += rest ? " \\\n      '*:file:_files' ;;\n" : " ;;\n";
  }
  return text + "esac\n";
}

std::string fish_completion() {
  const std::vector<Verb> all = verbs();
  std::string text = "# Completion of gaincell for fish; made by `gaincell doc fish-completion`.\n";
  for (const Verb& verb : all)
    text += fmt::format("complete -c gaincell -n __fish_use_subcommand -f -a {} -d {}\n", verb.name,
                        shell_quoted(verb.help));
  for (const Verb& verb : all)
    for (const Option& option : verb.options) {
      std::string line =
          fmt::format("complete -c gaincell -n '__fish_seen_subcommand_from {}'", verb.name);
      if (option.positional && option.choices.empty()) continue;
      if (!option.positional)
        for (const std::string& name : option.names)
          line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.choices.empty())
        line +=
            (option.positional ? " -f -a " : " -x -a ") + shell_quoted(join(option.choices, " "));
      else if (!option.value.empty())
        line += " -r";
      text += line + " -d " + shell_quoted(option.help) + "\n";
    }
  return text;
}

}  // namespace gaincell::cli
