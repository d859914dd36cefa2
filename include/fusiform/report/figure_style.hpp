#pragma once
/// The look of all figures, and the building blocks of their gnuplot scripts.

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/report/figure.hpp>

namespace fusiform {

/// Colours that people with any kind of colour vision can tell apart (Okabe & Ito 2008), and greys.
namespace palette {
inline constexpr std::array<std::string_view, 7> series{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                        "#e69f00", "#56b4e9", "#7a5195"};
inline constexpr std::string_view neutral = "#9aa3ad";
inline constexpr std::string_view ink = "#22272e";
inline constexpr std::string_view label = "#57606a";
inline constexpr std::string_view axis = "#8c959f";
inline constexpr std::string_view grid = "#e7eaee";

/// Series i; `neutral` for a negative i.
[[nodiscard]] inline std::string color(int i) {
  return std::string(i < 0 ? neutral : series[static_cast<std::size_t>(i) % series.size()]);
}

/// Gnuplot's point type for series i, so that series differ in grey print too: filled shapes first.
[[nodiscard]] inline int shape(int i) {
  constexpr std::array<int, 7> types{7, 5, 9, 13, 11, 6, 4};
  return types[static_cast<std::size_t>(std::max(0, i)) % types.size()];
}

/// How densely areas of series i are filled: neighbours differ in lightness.
[[nodiscard]] inline double density(int i) {
  constexpr std::array<double, 4> steps{0.9, 0.42, 0.66, 0.16};
  return steps[static_cast<std::size_t>(std::max(0, i)) % steps.size()];
}

/// From dark to light, evenly in lightness for every kind of colour vision: viridis (van der Walt & Smith 2015).
inline constexpr std::string_view sequential =
    "set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', 5 '#28ae80', 6 '#5ec962', "
    "7 '#addc30', 8 '#fde725')\n";

/// Blue below, white in the middle, red above, alike in lightness on both sides: RdBu (Brewer & Harrower 2003).
inline constexpr std::string_view diverging =
    "set palette defined (0 '#053061', 1 '#2166ac', 2 '#4393c3', 3 '#92c5de', 4 '#d1e5f0', 5 '#f7f7f7', 6 '#fddbc7', "
    "7 '#f4a582', 8 '#d6604d', 9 '#b2182b', 10 '#67001f')\n";
}  // namespace palette

/// "No value" in the data of a figure.
inline constexpr double undefined_number = std::numeric_limits<double>::quiet_NaN();

/// Building blocks of gnuplot scripts.
namespace gnuplot {

/// A string in a script.
[[nodiscard]] inline std::string quote(std::string_view characters) {
  std::string result = "'";
  for (const char character : characters) {
    if (character == '\'') result += '\'';
    result += character == '\n' || character == '\r' ? ' ' : character;
  }
  return result + "'";
}

/// The names of tics are formats.
[[nodiscard]] inline std::string literal_percents(std::string_view name) {
  std::string result;
  for (const char character : name) result.append(character == '%' ? 2 : 1, character);
  return result;
}

/// One row of an inline data block.
[[nodiscard]] inline std::string row(std::initializer_list<double> values) {
  std::string line;
  for (const double value : values) {
    if (!line.empty()) line += ' ';
    line += std::isfinite(value) ? format_number(value) : "NaN";
  }
  return line + "\n";
}

/// A range with room, whose ends lie on round numbers; [0, 1] if there is nothing to show.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) noexcept {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// A round distance that cuts the range in about `pieces`.
  [[nodiscard]] double step(double pieces = 5) const noexcept {
    const double raw = (high - low) / pieces;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    const double leading = raw / power;
    return power * (leading < 1.5 ? 1 : leading < 3.5 ? 2 : leading < 7.5 ? 5 : 10);
  }
  [[nodiscard]] Range rounded(double pieces = 5) const noexcept {
    if (!(low <= high)) return {.low = 0, .high = 1};
    Range range = *this;
    if (range.low == range.high) {
      const double room = range.low == 0 ? 1 : std::abs(range.low) / 2;
      range = {.low = range.low - room, .high = range.high + room};
    }
    const double unit = range.step(pieces);
    return {.low = std::floor(range.low / unit + 1e-9) * unit, .high = std::ceil(range.high / unit - 1e-9) * unit};
  }
};

/// The look shared by all figures: two axes, a light grid, no frame.
[[nodiscard]] inline std::string style() {
  return text("set encoding utf8\nset minussign\nset border 3 lc rgb '", palette::axis,
              "' lw 1\nset tics out nomirror scale 0.5 ", "textcolor rgb '", palette::label,
              "' font ',11'\nset grid ytics lc rgb '", palette::grid,
              "' lw 1 lt 1 dt solid\nset style fill transparent solid 0.16 noborder\nset errorbars small\nunset key\n");
}

/// The inside of a panel, in pixels from the upper left corner of the figure.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

[[nodiscard]] inline std::string screen(const Figure& figure, double x, double y) {
  return text("screen ", x / figure.width, ", screen ", 1 - y / figure.height);
}

[[nodiscard]] inline std::string margins(const Figure& figure, const Box& box) {
  return text("set lmargin at screen ", box.left / figure.width, "\nset rmargin at screen ", box.right / figure.width,
              "\nset tmargin at screen ", 1 - box.top / figure.height, "\nset bmargin at screen ",
              1 - box.bottom / figure.height, "\n");
}

/// Titles above the panel's left edge, so that panels line up.
[[nodiscard]] inline std::string panel_title(const Figure& figure, const Box& box, const std::string& title) {
  if (title.empty()) return {};
  return text("set label ", quote(title), " at ", screen(figure, box.left, box.top - 14),
              " left font 'Helvetica Bold,13' textcolor rgb '", palette::ink, "'\n");
}

struct AxisLabels {
  std::string x;
  std::string y;
  double x_distance = 42;  ///< pixels below the axis
  double y_distance = 46;  ///< pixels left of the axis
};

/// At fixed places: gnuplot's own placement depends on the fonts of the terminal.
[[nodiscard]] inline std::string axis_labels(const Figure& figure, const Box& box, const AxisLabels& labels) {
  const std::string look = text(" font ',12' textcolor rgb '", palette::label, "'\n");
  std::string script;
  if (!labels.x.empty())
    script += text("set label ", quote(labels.x), " at ",
                   screen(figure, (box.left + box.right) / 2, box.bottom + labels.x_distance), " center", look);
  if (!labels.y.empty())
    script +=
        text("set label ", quote(labels.y), " at ",
             screen(figure, box.left - labels.y_distance, (box.top + box.bottom) / 2), " center rotate by 90", look);
  return script;
}

enum class Mark { line, dashed_line, dotted_line, block, dot, point };

struct LegendEntry {
  std::string name;
  std::string color;
  Mark mark = Mark::line;
  int shape = -1;   ///< of the points on a line; negative for none
  double fill = 1;  ///< of a block
};

/// Width of a text in the figure's font, roughly.
[[nodiscard]] inline double text_width(std::string_view characters, double size = 12) {
  double width = 0;
  for (const char character : characters) {
    const auto code = static_cast<unsigned char>(character);
    if ((code & 0xC0U) == 0x80U) continue;  // the rest of a UTF-8 character
    width += std::string_view("iljtfr.,:;'|()[] ").find(character) != std::string_view::npos ? 0.36 : 0.58;
  }
  return width * size;
}

/// The filled stretches of a swatch, in pixels. Lines are made of rectangles: gnuplot loses dashes of short lines.
[[nodiscard]] inline std::vector<std::pair<double, double>> swatch_pieces(Mark mark) {
  switch (mark) {
    case Mark::line:
      return {{0, 24}};
    case Mark::dashed_line:
      return {{0, 6.5}, {8.75, 15.25}, {17.5, 24}};
    case Mark::dotted_line:
      return {{0, 2.4}, {5.4, 7.8}, {10.8, 13.2}, {16.2, 18.6}, {21.6, 24}};
    case Mark::block:
      return {{13, 24}};
    case Mark::dot:
      return {{14.5, 23.5}};
    case Mark::point:
      return {{12, 12}};  // nothing but the shape
  }
  return {};
}

/// The legend, in rows above the data from the left edge on. Returns the script and the height it takes.
[[nodiscard]] inline std::pair<std::string, double> legend(const Figure& figure, double left,
                                                           const std::vector<LegendEntry>& entries) {
  constexpr double row_height = 20;
  std::string script;
  double x = left;
  double y = 16;
  for (const LegendEntry& entry : entries) {
    const double swatch = swatch_pieces(entry.mark).back().second;
    const double needed = swatch + 7 + text_width(entry.name) + 20;
    if (x > left && x + needed > figure.width) {
      x = left;
      y += row_height;
    }
    for (const auto& [begin, end] : swatch_pieces(entry.mark)) {
      const double half = entry.mark == Mark::block ? 5.5 : 1.3;
      const std::string shape = entry.mark == Mark::dot ? text("circle at ", screen(figure, x + (begin + end) / 2, y),
                                                               " size screen ", (end - begin) / 2 / figure.width)
                                                        : text("rect from ", screen(figure, x + begin, y + half),
                                                               " to ", screen(figure, x + end, y - half));
      script += text("set object ", shape, " fs solid ", entry.fill,
                     entry.fill < 1 ? text(" border lc rgb '", entry.color, "'") : std::string(" noborder"),
                     " fc rgb '", entry.color, "'\n");
    }
    if (entry.shape >= 0)
      script += text("set label '' at ", screen(figure, x + swatch / 2, y), " point pt ", palette::shape(entry.shape),
                     " ps 0.62 lc rgb '", entry.color, "'\n");
    script += text("set label ", quote(entry.name), " at ", screen(figure, x + swatch + 7, y), " left textcolor rgb '",
                   palette::ink, "'\n");
    x += needed;
  }
  return {script, entries.empty() ? 0 : y + 12};
}

}  // namespace gnuplot

}  // namespace fusiform
