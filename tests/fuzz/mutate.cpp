#include "mutate.h"

#include <sys/stat.h>

#include <array>
#include <fstream>
#include <limits>

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string>& numbers() {
  static const std::vector<std::string> words{
      "0",     "-1",    "-0",         "1e999",       "1e-999",
      "nan",   "inf",   "-inf",       "1e308",       "2147483648",
      "1e-30", "65536", "4294967296", "-2147483649", "18446744073709551616",
      "0x10",  "1,5",   "1.5.2",      "1e",          "9223372036854775807",
      "1e15",  "007",   "1_000",      "+",           "999999999999"};
  return words;
}

class TextMutator {
 public:
  TextMutator(Random& random, Words words, const std::vector<Sample>& others)
      : random_(random), words_(words), others_(others) {}
  std::string operator()(std::string text) {
    for (std::uint64_t k = 1 + random_.below(2); k > 0; --k) once(text);
    return text;
  }

 private:
  std::size_t at(const std::string& text) { return random_.below(text.size() + 1); }
  std::pair<std::size_t, std::size_t> range(const std::string& text) {
    const std::size_t begin = at(text);
    return {begin, std::min<std::size_t>(1 + random_.below(40), text.size() - begin)};
  }
  const std::string& word() { return words_[random_.below(words_.size())]; }

  void once(std::string& text) {
    const auto [begin, size] = range(text);
    switch (random_.below(9)) {
      case 0:
        if (size > 0) text[begin] = static_cast<char>(text[begin] ^ (1 << random_.below(8)));
        break;
      case 1:
        text.erase(begin, size);
        break;
      case 2:
        text.insert(at(text), text.substr(begin, size));
        break;
      case 3:
        text.insert(begin, word());
        break;
      case 4:
        text.replace(begin, size, word());
        break;
      case 5:
        text.resize(at(text));
        break;
      case 6:
        splice(text);
        break;
      case 7:
        move_line(text);
        break;
      default:
        change_number(text);
    }
  }
  void splice(std::string& text) {
    const std::string& other = others_[random_.below(others_.size())].bytes;
    const auto [begin, size] = range(other);
    text.insert(at(text), other.substr(begin, 4 * size));
  }
  // A whole line is removed, or comes a second time, here or elsewhere.
  void move_line(std::string& text) {
    const std::size_t begin = text.rfind('\n', at(text));
    const std::size_t from = begin == std::string::npos ? 0 : begin + 1;
    const std::size_t end = std::min(text.find('\n', from), text.size() - 1);
    if (end + 1 <= from) return;
    const std::string line = text.substr(from, end + 1 - from);
    if (random_.below(2) == 0) text.erase(from, line.size());
    if (random_.below(2) == 0) {
      const std::size_t feed = text.rfind('\n', at(text));
      text.insert(feed == std::string::npos ? 0 : feed + 1, line);
    }
  }
  void change_number(std::string& text) {
    const std::size_t begin = text.find_first_of("0123456789", at(text));
    if (begin == std::string::npos) return;
    const std::size_t end = std::min(text.find_first_not_of("0123456789.e-", begin), text.size());
    text.replace(begin, end - begin, numbers()[random_.below(numbers().size())]);
  }

  Random& random_;
  Words words_;
  const std::vector<Sample>& others_;
};

}  // namespace

Words number_words() { return numbers(); }

Words bench_words() {
  static const std::vector<std::string> words{"0",
                                              "-1",
                                              "1e999",
                                              "1e-999",
                                              "nan",
                                              "inf",
                                              "999999999999",
                                              "{",
                                              "}",
                                              "{}",
                                              "[",
                                              "]",
                                              ":",
                                              ": ",
                                              "- ",
                                              "\n",
                                              "\n\n",
                                              "\t",
                                              "  ",
                                              "\"",
                                              "'",
                                              "#",
                                              "*",
                                              "$",
                                              ";",
                                              "//",
                                              "+ ",
                                              "=",
                                              "&a",
                                              "*a",
                                              "&a [*a]",
                                              "<<: *a",
                                              "!!int",
                                              "!!binary x",
                                              "|",
                                              ">",
                                              "~",
                                              "null",
                                              "true",
                                              "---\n",
                                              "{{",
                                              "{v_dd",
                                              "v_dd}",
                                              "{1/0}",
                                              "{1e300*1e300}",
                                              "(",
                                              ")",
                                              "((((",
                                              "1n 1n",
                                              "1M",
                                              "5F",
                                              "µs",
                                              "\xff",
                                              "\xc3(",
                                              "\x1b[31m",
                                              "\"\\n.control\\n\"",
                                              std::string(1, '\0'),
                                              std::string(3000, 'x'),
                                              std::string(100'000, 'x'),
                                              std::string(300, '('),
                                              std::string(300, '['),
                                              std::string(20'000, '['),
                                              std::string(20'000, '('),
                                              ".control\nshell id\n.endc\n",
                                              ".include /etc/passwd\n",
                                              ".include .\n",
                                              ".lib a b\n",
                                              ".ends\n",
                                              ".subckt a b\n",
                                              ".if (1)\n",
                                              ".model m nmos level=14\n",
                                              ".param a={a}\n",
                                              ".func f(x) {f(x)}\n",
                                              "agauss(0,1,1)",
                                              "*#shell id\n",
                                              "\r\n",
                                              "count: 1000000000",
                                              "points: 1000000000"};
  return words;
}

Words text_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> made{",",
                                  ";",
                                  "\t",
                                  "\n",
                                  "\r\n",
                                  "\r",
                                  "\"",
                                  "\"\"",
                                  "'",
                                  "#",
                                  " ",
                                  "\xef\xbb\xbf",
                                  "\xff\xfe",
                                  "\xfe\xff",
                                  "\xc3(",
                                  "\xe4",
                                  "\xed\xa0\x80",
                                  "\xf4\x90\x80\x80",
                                  "\xc0\x80",
                                  "\xe2\x80\xae",
                                  "\xcc\x80",
                                  "\x1b[31m",
                                  "\x7f",
                                  "<|endoftext|>",
                                  "V_store",
                                  "V_in",
                                  "I",
                                  "I (uA)",
                                  "V_store [mV]",
                                  "#version: 0.2",
                                  "Ġ",
                                  "ĠĠ",
                                  " \n \n",
                                  "=",
                                  std::string(1, '\0'),
                                  std::string(5000, ' '),
                                  std::string(5000, ','),
                                  std::string(100'000, 'a'),
                                  std::string(20'000, '"'),
                                  std::string(10'000, '\n')};
    made.insert(made.end(), numbers().begin(), numbers().end());
    return made;
  }();
  return words;
}

std::string mutate_text(std::string text, Random& random, Words words,
                        const std::vector<Sample>& others) {
  return TextMutator(random, words, others)(std::move(text));
}

std::string mutate_bytes(std::string bytes, Random& random) {
  for (std::uint64_t k = 1 + random.below(3); k > 0; --k) {
    const std::size_t at = random.below(bytes.size() + 1);
    const std::size_t size =
        std::min<std::size_t>(std::size_t{1} << random.below(10), bytes.size() - at);
    switch (random.below(10)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.erase(at, size);
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, size));
        break;
      case 3:
        bytes.replace(at, size, size, random.below(2) == 0 ? '\0' : '\xff');
        break;
      case 4:
        bytes.append(random.below(5000), static_cast<char>(random.below(256)));
        break;
      case 5:
        for (std::size_t i = 0; i < std::min<std::size_t>(size, 8); ++i)
          bytes[at + i] = static_cast<char>(random.below(256));
        break;
      default:  // most often a single bit or byte
        if (size == 0) break;
        bytes[at] = random.below(2) == 0 ? static_cast<char>(bytes[at] ^ (1 << random.below(8)))
                                         : static_cast<char>(random.below(256));
    }
  }
  return bytes;
}

std::string odd_text(Random& random) {
  static const std::vector<std::string> kTexts{"",
                                               " ",
                                               "\n",
                                               "a\nb",
                                               "a\r\nb",
                                               "\x1b[31mred",
                                               "\xff\xfe",
                                               "caf\xe9",
                                               "\xc3(",
                                               "\xed\xa0\x80",
                                               "\302\2332J",
                                               "\342\200\256cba",
                                               "a\tb",
                                               std::string("a\0b", 3),
                                               "../../etc/passwd",
                                               "/",
                                               ".",
                                               "a/b",
                                               "{",
                                               "%s%n",
                                               "\"",
                                               std::string(300, 'y'),
                                               std::string(60'000, 'z')};
  return kTexts[random.below(kTexts.size())];
}

double odd_number(Random& random) {
  using DoubleLimits = std::numeric_limits<double>;
  static constexpr std::array kNumbers{0.0,
                                       -0.0,
                                       1.0,
                                       -1.0,
                                       0.5,
                                       2.0,
                                       3.0,
                                       -2.0,
                                       1e300,
                                       -1e300,
                                       1e-300,
                                       1e30,
                                       1e-30,
                                       5e-324,
                                       255.0,
                                       65536.0,
                                       2147483647.0,
                                       2147483648.0,
                                       4294967296.0,
                                       9007199254740993.0,
                                       9223372036854775808.0,
                                       18446744073709551616.0,
                                       DoubleLimits::quiet_NaN(),
                                       DoubleLimits::infinity(),
                                       -DoubleLimits::infinity(),
                                       DoubleLimits::max(),
                                       1e9,
                                       1e12,
                                       1e6,
                                       -1e-15};
  return kNumbers[random.below(kNumbers.size())];
}

std::string recode(std::string text, Random& random) {
  std::string out;
  switch (random.below(5)) {
    case 0:
      for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
      return out;
    case 1:
      for (const char c : text) out += c == '\n' ? '\r' : c;
      return out;
    case 2:
      return "\xef\xbb\xbf" + text;
    case 3:
      out = "\xff\xfe";
      for (const char c : text) (out += c) += '\0';
      return out;
    default:
      out = "\xfe\xff";
      for (const char c : text) (out += '\0') += c;
      return out;
  }
}

void put_input(const fs::path& path, std::string_view bytes, Random& random) {
  fs::remove_all(path);
  const auto write = [](const fs::path& to, std::string_view what) {
    std::ofstream(to, std::ios::binary) << what;
  };
  if (random.below(100) != 0) return write(path, bytes);
  switch (random.below(7)) {
    case 0:
      fs::create_directory(path);
      break;
    case 1:
      fs::create_symlink("nowhere", path);
      break;
    case 2:
      fs::create_symlink(path, path);
      break;
    case 3:
      ::mkfifo(path.c_str(), 0600);
      break;
    case 4:
      fs::create_symlink("/dev/zero", path);
      break;
    case 5:
      fs::create_symlink("/proc/self/environ", path);
      break;
    default:
      write(path, "");
  }
}

}  // namespace gaincell::fuzz
