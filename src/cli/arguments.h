#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gaincell::cli {

// What a verb takes on its command line: all that verbs know of CLI11, whose headers cost seconds
// in every file that includes them.
class Arguments {
 public:
  // What is said of an option beside its names, variable and help.
  class Option {
   public:
    Option required();
    Option delimiter(char between);  // one word holds several values
    Option one_at_a_time();  // each value after the option's name, so that others may follow
    Option one_of(const std::vector<std::string>& words);
    Option from_to(int least, int most);
    Option needs(const std::string& other);  // declared before

   private:
    friend class Arguments;
    Option(CLI::Option* option, CLI::App* app) : option_(option), app_(app) {}
    CLI::Option* option_;
    CLI::App* app_;
  };

  // `program`: how it is called, "gaincell show".
  Arguments(const std::string& help, const std::string& program);
  ~Arguments();
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  // `names`: "-o,--output", or a word for a positional. The variable's value is the default; its
  // types are those that arguments.cpp instantiates.
  template <typename T>
  Option add_option(const std::string& names, T& variable, const std::string& help);
  Option add_flag(const std::string& names, bool& variable, const std::string& help);
  void footer(const std::string& text);
  // Takes every word, --help too, as another program's.
  void pass_on();

  // Fills the variables. The text of --help where that was asked for. Throws Error.
  std::optional<std::string> parse(int argc, char** argv);
  std::vector<std::string> passed_on() const;
  std::vector<std::string> given() const;           // names of options on the command line
  bool was_given(const std::string& option) const;  // false where there is no such option

  // For reference pages.
  struct Shown {
    std::vector<std::string> names;  // with their dashes; a positional has one
    bool positional = false, required = false, repeats = false;
    std::string value;                 // kind of its value; empty for a flag
    std::vector<std::string> choices;  // where it is one of a few words
    std::string standard;              // default
    std::string help;
  };
  std::vector<Shown> shown() const;
  std::string shown_footer() const;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace gaincell::cli
