#include "page/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/sha256.h"
#include "base/si_prefix.h"
#include "base/units.h"
#include "base/version.h"
#include "page/style.h"
#include "plot/markup.h"

namespace gaincell::page {
namespace {

using plot::markup;

// The hash by which a browser knows the one script that it may run.
std::string script_hash() {
  const std::string hex = sha256(kScript);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? kDigits[three >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

std::string cell_html(const Cell& cell, bool numbers) {
  // Texts get room by their length, so that no column becomes a string of words.
  const std::size_t letters = cell.html.size();
  const char* kind = letters > 60 ? " class=\"l\"" : letters > 24 ? " class=\"m\"" : " class=\"s\"";
  if (!cell.number) return fmt::format("<td{}>{}</td>", numbers ? " class=\"n\"" : kind, cell.html);
  const std::string exact = format_exact(*cell.number);
  return fmt::format("<td class=\"n\" data-v=\"{}\" title=\"{}{}{}\">{}</td>", exact, exact,
                     cell.unit.empty() ? "" : " ", markup(cell.unit), cell.html);
}

}  // namespace

Cell words(const std::string& text) { return {.html = markup(text)}; }
Cell code(const std::string& text) { return {.html = "<code>" + markup(text) + "</code>"}; }
Cell hash(const std::string& text) {
  return {.html = fmt::format("<code title=\"{}\">{}</code>", markup(text),
                              markup(text.substr(0, 12)))};
}
Cell none() { return {.html = "-"}; }

Cell number(double value, const std::string& unit, int digits) {
  if (!std::isfinite(value)) return words("not known");
  const bool plain = unit.empty() || unit == "1";
  // A count is no power of ten.
  const bool whole = plain && std::abs(value) >= std::pow(10.0, digits) && std::abs(value) < 1e15;
  return {.html = whole   ? fmt::format("{:.0f}", value)
                  : plain ? fmt::format("{:.{}g}", value, digits)
                          : markup(told(value, unit, digits)),
          .number = value,
          .unit = plain ? "" : unit};
}

Cell share_percent(double percent) {
  const std::string text =
      percent > 0 && percent < 0.001 ? "&lt;0.001" : fmt::format("{:.3g}", percent);
  return {.html = text, .number = percent, .unit = "%"};
}

Cell verdict(bool holds) {
  return {.html =
              holds ? "<span class=\"pass\">holds</span>" : "<span class=\"fail\">missed</span>"};
}

std::string Table::html() const {
  std::string text = "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>";
  std::vector<bool> numbers;
  for (std::size_t c = 0; c < head_.size(); ++c) {
    numbers.push_back(std::any_of(rows_.begin(), rows_.end(), [c](const std::vector<Cell>& row) {
      return row[c].number.has_value();
    }));
    text += fmt::format("<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                        numbers[c] ? " class=\"n\"" : "", markup(head_[c]));
  }
  text += "</tr></thead><tbody>\n";
  for (const std::vector<Cell>& row : rows_) {
    assert(row.size() == head_.size());
    text += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) text += cell_html(row[c], numbers[c]);
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

std::string paragraph(const std::string& text) { return "<p>" + markup(text) + "</p>\n"; }

std::string heading(int level, const std::string& text) {
  return fmt::format("<h{0}>{1}</h{0}>\n", level, markup(text));
}

std::string list(const std::vector<std::string>& lines) {
  std::string text = "<ul>\n";
  for (const std::string& line : lines) text += "<li>" + markup(line) + "</li>\n";
  return lines.empty() ? "" : text + "</ul>\n";
}

void Gallery::add(const plot::Chart& chart) {
  const std::string id = fmt::format("{}-{}", prefix_, ++count_);
  std::string facts;
  for (const std::string& fact : chart.facts) facts += " " + fact;
  figures_ +=
      fmt::format("<figure id=\"{}\"><figcaption><strong>{}</strong>{}</figcaption>{}</figure>\n",
                  id, markup(chart.title), markup(facts), plot::svg_for_page(chart, id));
}

std::string Gallery::html() const {
  return count_ == 0 ? "" : "<div class=\"gallery\">\n" + figures_ + "</div>\n";
}

std::string document(const std::string& title, const std::vector<Section>& sections) {
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:; script-src 'sha256-{}'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<header><h1>{}</h1>"
      "<button id=\"theme\" type=\"button\">dark / light</button></header>\n<nav>",
      script_hash(), markup(title), kStyle, markup(title));
  for (const Section& section : sections)
    text += fmt::format("<a href=\"#{}\">{}</a> ", section.id, markup(section.title));
  text += "</nav>\n<main>\n";
  for (const Section& section : sections)
    text += fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", section.id,
                        markup(section.title), section.body);
  text += fmt::format(
      "</main>\n<footer>Made by gaincell {}. Numbers have SI prefixes; pointing at one shows it in "
      "full. A click on a column's head sorts.</footer>\n<script>{}</script>\n</body>\n</html>\n",
      kVersion, kScript);
  return text;
}

}  // namespace gaincell::page
