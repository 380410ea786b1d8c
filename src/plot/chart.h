#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gaincell::plot {

// Colours by what they stand for: a page gives each its own in light and dark.
enum class Colour { kInk, kSoft, kGrid, kPaper, kTable, kMeasured, kBand, kLimit, kPublished };

// A colour of the table above, or, of curves that belong together, the `member`-th of so many.
struct Pen {
  Colour colour = Colour::kTable;
  std::optional<double> member{};  // 0 .. 1 along the family
};
// The i-th of a family of n.
Pen family_pen(std::size_t i, std::size_t n);

// How numbers of one quantity are drawn: in units that its size asks for.
struct Scale {
  std::string label;  // "stored voltage (mV)"
  double factor = 1;  // a drawn number times this is SI
  bool log = false;
  std::string prefixed{};  // log only: unit behind the prefix that each tick has
};
// `values`: all that will be drawn.
Scale scale_of(const std::string& name, const std::string& unit, const std::vector<double>& values);

struct Series {
  enum class Kind {
    kLine,
    kDashes,
    kDots,   // of measurements
    kMarks,  // the same where they are few
    kBand,   // between y and high
    kBars,   // around x, `width` wide
    kWords,  // `words` at each place, upright
  };
  Kind kind = Kind::kLine;
  std::string label{};  // of the key; empty: not in it
  Pen pen{};
  std::vector<double> x{}, y{};  // SI
  std::vector<double> high{};
  double width = 0;
  std::vector<std::string> words{};
};

// A quantity over two others, in fields of colour, with measured points filled by the same colours.
struct Surface {
  std::vector<double> x{}, y{};  // rising
  std::vector<double> values{};  // [x][y]; NaN: nothing there
  std::vector<double> point_x{}, point_y{}, point_value{};
};

struct Panel {
  Scale x, y, z{};
  std::vector<Series> series{};
  std::optional<Surface> surface{};
  std::vector<std::string> x_names{};                  // of bars at 0, 1, ..
  std::optional<std::pair<double, double>> y_range{};  // SI
  std::optional<double> y_step{};                      // SI, from tick to tick
  double share = 1;                                    // of the chart's height
};

struct Chart {
  std::string name;                  // as a user asks for it
  std::string title;                 // one line
  std::vector<std::string> facts{};  // what the picture alone doesn't say, a line each
  std::vector<Panel> panels{};       // from the top; the first is the one of overviews
};

// A picture by itself, in print's colours, with title and facts.
std::string svg_of(const Chart& chart);
// Charts side by side, each by its first panel.
std::string svg_of_all(const std::vector<Chart>& charts, const std::string& title);
// For a page: the panels alone, small; every id in it begins with `id`, and colours are the page's
// custom properties --ink, --soft, --grid, --paper, --table, --measured,
// --band, --limit, --published.
std::string svg_for_page(const Chart& chart, const std::string& id);

}  // namespace gaincell::plot
