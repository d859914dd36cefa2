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

/// One row of an inline data block.
[[nodiscard]] inline std::string row(std::initializer_list<double> values) {
  std::string line;
  for (const double value : values)
    line += (line.empty() ? "" : " ") + (std::isfinite(value) ? format_number(value) : "NaN");
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
  [[nodiscard]] double step() const noexcept {
    const double raw = (high - low) / 5;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    const double leading = raw / power;
    return power * (leading < 1.5 ? 1 : leading < 3.5 ? 2 : leading < 7.5 ? 5 : 10);
  }
  [[nodiscard]] Range rounded() const noexcept {
    if (!(low <= high)) return {.low = 0, .high = 1};
    Range range = *this;
    if (range.low == range.high) {
      const double room = range.low == 0 ? 1 : std::abs(range.low) / 2;
      range = {.low = range.low - room, .high = range.high + room};
    }
    const double unit = range.step();
    return {.low = std::floor(range.low / unit + 1e-9) * unit, .high = std::ceil(range.high / unit - 1e-9) * unit};
  }
};

/// The look shared by all figures: two axes, a light grid, no frame.
[[nodiscard]] inline std::string style() {
  return text("set encoding utf8\nset border 3 lc rgb '", palette::axis, "' lw 1\nset tics out nomirror scale 0.5 ",
              "textcolor rgb '", palette::label, "' font ',11'\nset grid ytics lc rgb '", palette::grid,
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
              " left font ',13' textcolor rgb '", palette::ink, "'\n");
}

[[nodiscard]] inline std::string axis_labels(const std::string& x, const std::string& y) {
  return text("set xlabel ", quote(x), " font ',12' textcolor rgb '", palette::label, "' offset 0,0.2\nset ylabel ",
              quote(y), " font ',12' textcolor rgb '", palette::label, "' offset 0.4,0\n");
}

enum class Mark { line, dashed_line, dotted_line, block, dot };

struct LegendEntry {
  std::string name;
  std::string color;
  Mark mark = Mark::line;
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

/// The legend, in rows above the data from the left edge on. Returns the script and the height it takes.
[[nodiscard]] inline std::pair<std::string, double> legend(const Figure& figure, double left,
                                                           const std::vector<LegendEntry>& entries) {
  constexpr double row_height = 20;
  constexpr double swatch = 22;
  std::string script;
  double x = left;
  double y = 16;
  for (const LegendEntry& entry : entries) {
    const double needed = swatch + 7 + text_width(entry.name) + 20;
    if (x > left && x + needed > figure.width) {
      x = left;
      y += row_height;
    }
    if (entry.mark == Mark::block || entry.mark == Mark::dot) {
      const double radius = entry.mark == Mark::block ? 5.5 : 4.5;
      const std::string shape =
          entry.mark == Mark::block
              ? text("rect from ", screen(figure, x + swatch - 2 * radius, y + radius), " to ",
                     screen(figure, x + swatch, y - radius))
              : text("circle at ", screen(figure, x + swatch - radius, y), " size screen ", radius / figure.width);
      script += text("set object ", shape, " fs solid 1 noborder fc rgb '", entry.color, "'\n");
    } else {
      const std::string_view dash = entry.mark == Mark::line          ? "solid"
                                    : entry.mark == Mark::dashed_line ? "'-'"
                                                                      : "'.'";
      script += text("set arrow from ", screen(figure, x, y), " to ", screen(figure, x + swatch, y), " nohead lc rgb '",
                     entry.color, "' lw 2.4 dt ", dash, "\n");
    }
    script += text("set label ", quote(entry.name), " at ", screen(figure, x + swatch + 7, y), " left textcolor rgb '",
                   palette::ink, "'\n");
    x += needed;
  }
  return {script, entries.empty() ? 0 : y + 12};
}

}  // namespace gnuplot

}  // namespace fusiform
