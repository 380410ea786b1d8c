#include "plot/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/si_prefix.h"
#include "base/units.h"
#include "plot/gnuplot.h"
#include "plot/markup.h"

namespace gaincell::plot {
namespace {

struct Shade {
  Colour colour;
  std::uint32_t print;   // 0xrrggbb on paper
  const char* property;  // of a page
};
// No two alike, so that a page can tell them apart.
constexpr std::array kShades{Shade{Colour::kInk, 0x1c2127, "--ink"},
                             Shade{Colour::kSoft, 0x5c6670, "--soft"},
                             Shade{Colour::kGrid, 0xd8dde2, "--grid"},
                             Shade{Colour::kPaper, 0xfffffe, "--paper"},
                             Shade{Colour::kTable, 0x1f6fb5, "--table"},
                             Shade{Colour::kMeasured, 0xc2410c, "--measured"},
                             Shade{Colour::kBand, 0x8fb8dc, "--band"},
                             Shade{Colour::kLimit, 0xb3261e, "--limit"},
                             Shade{Colour::kPublished, 0x8b95a1, "--published"}};

std::uint32_t print_of(Colour colour) {
  return std::find_if(kShades.begin(), kShades.end(),
                      [&](const Shade& shade) { return shade.colour == colour; })
      ->print;
}

// Families go from blue to orange at one lightness, which reads on paper and on black.
std::uint32_t family(double member) {
  constexpr std::array<std::array<double, 3>, 4> kStops{
      {{0x2f, 0x7f, 0xc4}, {0x87, 0x68, 0xc8}, {0xc4, 0x50, 0x96}, {0xd0, 0x6a, 0x1e}}};
  const double at = std::clamp(member, 0.0, 1.0) * (kStops.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
  std::uint32_t rgb = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const double part =
        kStops[low][c] + (at - static_cast<double>(low)) * (kStops[low + 1][c] - kStops[low][c]);
    rgb = rgb << 8 | static_cast<std::uint32_t>(std::lround(part));
  }
  return rgb;
}

std::string rgb(Colour colour) { return fmt::format("rgb '#{:06x}'", print_of(colour)); }
std::string rgb(const Pen& pen) {
  return fmt::format("rgb '#{:06x}'", pen.member ? family(*pen.member) : print_of(pen.colour));
}

struct Look {
  int width = 0, height = 0, font = 0;
  bool titles = false;  // with title and facts
};
constexpr Look kAlone{.width = 820, .height = 620, .font = 14, .titles = true};
constexpr Look kOnPage{.width = 480, .height = 450, .font = 13, .titles = false};

class Script {
 public:
  explicit Script(const Look& look) : look_(look) {
    put("set term svg size {},{} fixed rounded font 'sans-serif,{}' noenhanced{}", look.width,
        look.height, look.font, look.titles ? " background rgb 'white'" : "");
    put("set encoding utf8\nset datafile missing '?'");
    // Dark to light as viridis, which keeps its order in grey and to the colour-blind.
    put("set palette maxcolors 64 defined (0 '#440154', 1 '#46327e', 2 '#365c8d', 3 '#277f8e', "
        "4 '#1fa187', 5 '#4ac16d', 6 '#a0da39', 7 '#fde725')");
    put("set border 3 lc {0}\nset tics nomirror tc {0}\nset grid lc {1} lt 1 lw 0.7",
        rgb(Colour::kSoft), rgb(Colour::kGrid));
    put("set style fill solid 1 noborder\nset multiplot");
  }

  // A box of the picture, from its lower left, in shares of it.
  void panel(const Panel& panel, double x, double y, double width, double height) {
    // Both pictures of a chart have one left edge, also where the upper one has a colour scale.
    const double em = static_cast<double>(look_.font) / look_.width;
    const double line = static_cast<double>(look_.font) / look_.height;
    put("set origin {:.4f},{:.4f}\nset size {:.4f},{:.4f}", x, y, width, height);
    put("set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}", x + 5.6 * em,
        x + width -
            (beside_colours_         ? 8.2
             : panel.x_names.empty() ? 2.2
                                     : 5.5) *
                em);
    put("set bmargin at screen {:.4f}\nset tmargin at screen {:.4f}",
        y + (panel.x_names.empty() ? 4.7 : 7.0) * line,
        y + height - (panel.surface ? 1.2 : 2.2) * line);
    axis("x", panel.x);
    axis("y", panel.y);
    // gnuplot's own place depends on how wide the numbers are, and may lie outside.
    const double middle = y + 0.5 * height + (panel.x_names.empty() ? 1.2 : 2.4) * line;
    put("unset ylabel\nset label 999 {} at screen {:.4f},{:.4f} center rotate by 90 tc {}",
        quoted(panel.y.label), x + 0.9 * em, middle, rgb(Colour::kInk));
    names(panel.x_names);
    if (panel.y_range)
      put("set yrange [{}:{}]", format_exact(panel.y_range->first / panel.y.factor),
          format_exact(panel.y_range->second / panel.y.factor));
    else
      put("set yrange [*:*]");
    if (panel.y_step) put("set ytics {}", format_exact(*panel.y_step / panel.y.factor));
    panel.surface ? surface(panel) : curves(panel);
    // Else each further panel would draw them again.
    put("unset label");
  }

  void text(const std::string& words, double x, double y, int size, Colour colour) {
    ++texts_;
    put("set label {} {} at screen {:.4f},{:.4f} left front tc {} font 'sans-serif,{}'",
        1000 + texts_, quoted(words), x, y, rgb(colour), size);
  }

  // All panels leave room for the colours of one of them.
  void keep_colours_beside(bool any) { beside_colours_ = any; }

  std::string finish() {
    put("unset multiplot");
    return std::move(text_);
  }

 private:
  template <typename... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format(format, std::forward<Values>(values)...) + "\n";
  }

  void axis(const char* which, const Scale& scale) {
    put("set {}label {} tc {} offset 0,0", which, quoted(scale.label), rgb(Colour::kInk));
    put("{} logscale {}", scale.log ? "set" : "unset", which);
    put("set {}range [*:*] {}\nset {}tics autofreq", which, *which == 'x' ? "noextend" : "", which);
    put("set format {} {}", which, scale.log ? quoted("%.0s %c" + scale.prefixed) : "'%g'");
  }

  // Bars have names in place of numbers, aslant where they're many.
  void names(const std::vector<std::string>& words) {
    if (words.empty()) {
      put("set xtics norotate");
      return;
    }
    std::string tics;
    for (std::size_t i = 0; i < words.size(); ++i)
      tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted(words[i]), i);
    put("set xtics rotate by -35 left ({})\nset xrange [-0.6:{}]", tics,
        static_cast<double>(words.size()) - 0.4);
  }

  static std::string number(double si, const Scale& scale) {
    return std::isfinite(si) ? fmt::format("{:.7g}", si / scale.factor) : "NaN";
  }

  // A word among data, which knows no other quotes.
  static std::string in_data(std::string word) {
    std::erase_if(word, [](char c) { return c == '"' || c == '\\' || c == '`'; });
    return '"' + word + '"';
  }

  std::string data(const std::string& rows) {
    std::string name = fmt::format("$d{}", ++blocks_);
    put("{} << EOD\n{}EOD", name, rows);
    return name;
  }

  std::string rows_of(const Series& series, const Panel& panel) const {
    std::string rows;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const std::string place = number(series.x[i], panel.x) + " " + number(series.y[i], panel.y);
      rows += place;
      if (series.kind == Series::Kind::kBand) rows += " " + number(series.high[i], panel.y);
      if (series.kind == Series::Kind::kWords) rows += " " + in_data(series.words[i]);
      rows += "\n";
    }
    return rows.empty() ? "NaN NaN NaN\n" : rows;
  }

  static std::string style_of(const Series& series, const Panel& panel) {
    const std::string colour = "lc " + rgb(series.pen);
    switch (series.kind) {
      case Series::Kind::kLine:
        return "using 1:2 with lines lw 1.8 " + colour;
      case Series::Kind::kDashes:
        return "using 1:2 with lines lw 1.5 dt (6,4) " + colour;
      case Series::Kind::kDots:
        return "using 1:2 with points pt 7 ps 0.35 " + colour;
      case Series::Kind::kMarks:
        return "using 1:2 with points pt 7 ps 0.8 " + colour;
      case Series::Kind::kBand:
        return "using 1:2:3 with filledcurves fs solid 0.35 noborder " + colour;
      case Series::Kind::kBars:
        return fmt::format("using 1:2:({}) with boxes {}",
                           format_exact(series.width / panel.x.factor), colour);
      case Series::Kind::kWords:
        return fmt::format(
            "using 1:2:3 with labels rotate by 90 left offset 0,0.4 font ',10' tc {} ",
            rgb(series.pen));
    }
    return {};
  }

  void curves(const Panel& panel) {
    std::string plots;
    bool any_label = false;
    for (const Series& series : panel.series) {
      const std::string name = data(rows_of(series, panel));
      plots += fmt::format("{}{} {} {}", plots.empty() ? "" : ", ", name, style_of(series, panel),
                           series.label.empty() ? "notitle" : "title " + quoted(series.label));
      any_label = any_label || !series.label.empty();
    }
    if (any_label)
      put("set key tmargin center horizontal samplen 1 width -1 font ',{}' tc {}", look_.font - 2,
          rgb(Colour::kInk));
    else
      put("unset key");
    put("plot {}", plots);
  }

  void surface(const Panel& panel) {
    const Surface& s = *panel.surface;
    std::string rows, points;
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      for (std::size_t j = 0; j < s.y.size(); ++j)
        rows += fmt::format("{} {} {}\n", number(s.x[i], panel.x), number(s.y[j], panel.y),
                            number(s.values[i * s.y.size() + j], panel.z));
      rows += "\n";
    }
    for (std::size_t k = 0; k < s.point_x.size(); ++k)
      points += fmt::format("{} {} {}\n", number(s.point_x[k], panel.x),
                            number(s.point_y[k], panel.y), number(s.point_value[k], panel.z));
    const std::string fields = data(rows);
    put("unset key\nset view map\nset cblabel {} tc {} offset 0.5,0", quoted(panel.z.label),
        rgb(Colour::kInk));
    put("set format cb '%g'\nset xrange [{}:{}]\nset yrange [{}:{}]", number(s.x.front(), panel.x),
        number(s.x.back(), panel.x), number(s.y.front(), panel.y), number(s.y.back(), panel.y));
    std::string plots = fields + " using 1:2:3 with pm3d";
    if (!points.empty()) {
      const std::string dots = data(points);
      plots += fmt::format(
          ", {0} using 1:2:3 with points pt 7 ps 0.55 lc {1}, "
          "{0} using 1:2:3:3 with points pt 7 ps 0.4 lc palette",
          dots, rgb(Colour::kPaper));
    }
    put("splot {}", plots);
  }

  Look look_;
  std::string text_;
  int blocks_ = 0, texts_ = 0;
  bool beside_colours_ = false;
};

// Lines of a text, broken at blanks.
std::vector<std::string> wrapped(const std::string& text, std::size_t most) {
  std::vector<std::string> lines;
  std::string line, word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += c;
      continue;
    }
    if (!line.empty() && line.size() + 1 + word.size() > most) {
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    word.clear();
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

void put_panels(Script& script, const Chart& chart, double top) {
  double shares = 0, y = top;
  for (const Panel& panel : chart.panels) shares += panel.share;
  script.keep_colours_beside(std::any_of(chart.panels.begin(), chart.panels.end(),
                                         [](const Panel& panel) { return panel.surface; }));
  for (const Panel& panel : chart.panels) {
    const double height = top * panel.share / shares;
    y -= height;
    script.panel(panel, 0, std::max(0.0, y), 1, height);
  }
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Groups in which gnuplot drew nothing, a third of the bytes of a small chart.
void drop_empty_groups(std::string& svg) {
  constexpr std::string_view kOpen = "<g fill=\"none\" color=", kClose = ">\n</g>\n";
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = svg.find(kOpen, at)) != std::string::npos;) {
    const std::size_t end = svg.find('>', at);
    if (svg.compare(end, kClose.size(), kClose) == 0) {
      out.append(svg, from, at - from);
      from = at = end + kClose.size();
    } else {
      at = end;
    }
  }
  svg = out.append(svg, from);
}

// Dots that follow each other, drawn as one path of round ends: a quarter of the bytes.
void join_dots(std::string& svg) {
  constexpr std::string_view kUse = "\t<use xlink:href='#gpPt6' transform='translate(";
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = svg.find(kUse, at)) != std::string::npos;) {
    out.append(svg, from, at - from);
    std::string path, tail;
    while (svg.compare(at, kUse.size(), kUse) == 0) {
      const std::size_t place = at + kUse.size(), close = svg.find(')', place);
      const std::size_t end = svg.find('\n', close);
      const std::string style = svg.substr(close, end - close);
      if (!path.empty() && style != tail) break;
      tail = style;
      path += "M" + svg.substr(place, close - place) + "h0";
      at = end + 1;
    }
    const std::size_t scale = tail.find("scale(") + 6, colour = tail.find("color='") + 7;
    out += fmt::format("<path d='{}' stroke-linecap='round' stroke-width='{:.2f}' stroke='{}'/>\n",
                       path, 2 * std::stod(tail.substr(scale)),
                       tail.substr(colour, tail.find('\'', colour) - colour));
    from = at;
  }
  svg = out.append(svg, from);
}

// Fields of one colour, drawn as one path: a third of the bytes. They don't overlap, so the order
// in which they are drawn doesn't matter.
void join_fields(std::string& svg) {
  constexpr std::string_view kOpen = "\t\t<polygon fill = '", kPoints = "' points = '";
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = svg.find(kOpen, at)) != std::string::npos; from = at) {
    out.append(svg, from, at - from);
    std::map<std::string, std::string> paths;
    while (svg.compare(at, kOpen.size(), kOpen) == 0) {
      const std::size_t points = svg.find(kPoints, at), close = svg.find(" '/>", points);
      std::string colour = svg.substr(at + kOpen.size(), points - at - kOpen.size());
      std::string corners = svg.substr(points + kPoints.size(), close - points - kPoints.size());
      corners[corners.find(' ')] = 'L';
      paths[std::move(colour)] += "M" + corners + "z";
      at = svg.find('\n', close) + 1;
    }
    for (const auto& [colour, path] : paths)
      out += fmt::format("<path fill='{}' d='{}'/>\n", colour, path);
  }
  svg = out.append(svg, from);
}

void tidy(std::string& svg) {
  drop_empty_groups(svg);
  join_fields(svg);
  join_dots(svg);
}

// As gnuplot writes a colour: in paths with blanks, in text without.
std::array<std::string, 2> written(std::uint32_t print) {
  const unsigned r = print >> 16, g = print >> 8 & 255U, b = print & 255U;
  return {fmt::format("rgb({:3}, {:3}, {:3})", r, g, b), fmt::format("rgb({},{},{})", r, g, b)};
}

// On a page with other charts an id is a chart's own, and symbols that it doesn't use are bytes.
void own_ids(std::string& svg, const std::string& id) {
  const std::size_t begin = svg.find("<defs>"), end = svg.find("</defs>");
  if (begin == std::string::npos || end == std::string::npos) return;
  if (svg.find("#gp", end) == std::string::npos) svg.erase(begin, end + 7 - begin);
  for (const char* name : {"gpDot", "gpPt", "textbox", "greybox", "gnuplot_canvas"}) {
    replace_all(svg, fmt::format("id='{}", name), fmt::format("id='{}-{}", id, name));
    replace_all(svg, fmt::format("id=\"{}", name), fmt::format("id=\"{}-{}", id, name));
    replace_all(svg, fmt::format("href='#{}", name), fmt::format("href='#{}-{}", id, name));
  }
}

}  // namespace

Pen family_pen(std::size_t i, std::size_t n) {
  const double member = n < 2 ? 0.0 : static_cast<double>(i) / static_cast<double>(n - 1);
  return {.colour = Colour::kTable, .member = member};
}

Scale scale_of(const std::string& name, const std::string& unit,
               const std::vector<double>& values) {
  double most = 0;
  for (const double value : values)
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  if (unit.empty() || unit == "1") return {.label = name};
  if (!takes_prefix(unit)) return {.label = fmt::format("{} ({})", name, unit)};
  const SiPrefix prefix = si_prefix(most);
  return {.label = fmt::format("{} ({}{})", name, prefix.letter, unit), .factor = prefix.factor};
}

std::string svg_of(const Chart& chart) {
  Script script(kAlone);
  double y = 1;
  const auto line = [&](const std::string& words, int size, Colour colour) {
    y -= (size + 7.0) / kAlone.height;
    script.text(words, 0.02, y, size, colour);
  };
  for (const std::string& words : wrapped(chart.title, 95)) line(words, 16, Colour::kInk);
  for (const std::string& fact : chart.facts)
    for (const std::string& words : wrapped(fact, 120)) line(words, 12, Colour::kSoft);
  put_panels(script, chart, y - 0.015);
  std::string svg = run_gnuplot(script.finish());
  tidy(svg);
  replace_all(svg, "<title>Gnuplot</title>", "<title>" + markup(chart.name) + "</title>");
  return svg;
}

std::string svg_of_all(const std::vector<Chart>& charts, const std::string& title) {
  constexpr int kColumns = 3, kCellWidth = 420, kCellHeight = 330, kHead = 40;
  const int rows = static_cast<int>((charts.size() + kColumns - 1) / kColumns);
  const Look look{kColumns * kCellWidth, rows * kCellHeight + kHead, 12, true};
  Script script(look);
  script.text(title, 0.01, 1 - 24.0 / look.height, 16, Colour::kInk);
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const std::size_t above = i / kColumns;
    const double column = static_cast<double>(i % kColumns), row = static_cast<double>(above);
    const double height = static_cast<double>(kCellHeight) / look.height;
    const double top = 1 - static_cast<double>(kHead) / look.height - row * height;
    script.text(charts[i].name, (column + 0.03) / kColumns, top - 14.0 / look.height, 13,
                Colour::kInk);
    script.keep_colours_beside(charts[i].panels.front().surface.has_value());
    script.panel(charts[i].panels.front(), column / kColumns, std::max(0.0, top - height),
                 1.0 / kColumns, height - 20.0 / look.height);
  }
  std::string svg = run_gnuplot(script.finish());
  tidy(svg);
  return svg;
}

std::string svg_for_page(const Chart& chart, const std::string& id) {
  Look look = kOnPage;
  if (chart.panels.size() == 1) look.height = 300;
  Script script(look);
  put_panels(script, chart, 1);
  std::string svg = run_gnuplot(script.finish());
  tidy(svg);
  svg.erase(0, svg.find("<svg"));
  own_ids(svg, id);
  for (const Shade& shade : kShades)
    for (const std::string& literal : written(shade.print))
      replace_all(svg, literal, fmt::format("var({})", shade.property));
  return svg;
}

}  // namespace gaincell::plot
