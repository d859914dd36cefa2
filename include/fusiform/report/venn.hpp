#pragma once
/// Venn diagrams of two or three sets, with the numbers that chance would give.

#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/figure_style.hpp>

namespace fusiform {

/// Region r holds what is in exactly those sets whose bits are set in r: 1 only the first, 3 only the first two, ...
struct VennOptions {
  std::string name;               ///< of the files
  std::vector<std::string> sets;  ///< two or three names
  std::vector<double> counts;     ///< for each region from 0 (in no set) on
  std::vector<double> expected;   ///< the same by chance; empty for none
  std::string unit_name = "units";
};

namespace detail {

/// A point on the drawing, pixels from the upper left corner.
struct VennPoint {
  double x = 0, y = 0;
};

/// Where everything lies. The discs are of one size, whatever the numbers: every region has room for its text.
struct VennLayout {
  double width = 0, height = 0, radius = 0;
  std::vector<VennPoint> discs;
  std::vector<VennPoint> names;
  std::vector<VennPoint> regions;  ///< from 0 on; 0 is not used
};

[[nodiscard]] inline VennLayout two_set_layout() {
  constexpr double y = 146;
  return {.width = 470,
          .height = 300,
          .radius = 100,
          .discs = {{180, y}, {290, y}},
          .names = {{160, 24}, {310, 24}},
          .regions = {{}, {130, y}, {340, y}, {235, y}}};
}

/// The first two sets above, the third below.
[[nodiscard]] inline VennLayout three_set_layout() {
  VennLayout layout{.width = 520,
                    .height = 440,
                    .radius = 112,
                    .discs = {},
                    .names = {{}, {}, {}},
                    .regions = std::vector<VennPoint>(8)};
  const VennPoint center{260, 194};
  const auto at = [&](double degrees, double distance) {
    const double angle = degrees * std::numbers::pi / 180;
    return VennPoint{center.x + distance * std::cos(angle), center.y + distance * std::sin(angle)};
  };
  constexpr std::array<double, 3> own{210, 330, 90};
  constexpr std::array<double, 3> between{270, 30, 150};  // first and second, second and third, third and first
  constexpr std::array<std::size_t, 3> pairs{3, 6, 5};
  for (std::size_t s = 0; s < 3; ++s) {
    layout.discs.push_back(at(own[s], 72));
    layout.regions[std::size_t{1} << s] = at(own[s], 120);
    layout.regions[pairs[s]] = at(between[s], 78);
  }
  layout.regions[7] = center;
  layout.names = {{layout.discs[0].x - 24, 22}, {layout.discs[1].x + 24, 22}, {center.x, 398}};
  return layout;
}

[[nodiscard]] inline std::string venn_label(const Figure& figure, const std::string& words, VennPoint at,
                                            const char* font, std::string_view color) {
  return text("set label ", gnuplot::quote(words), " at ", gnuplot::screen(figure, at.x, at.y), " center front font '",
              font, "' textcolor rgb '", color, "'\n");
}

/// A number that chance gives, to one digit.
[[nodiscard]] inline std::string chance_text(double expected) {
  return "chance " + format_number(std::round(expected * 10) / 10);
}

[[nodiscard]] inline std::string venn_drawing(const Figure& figure, const VennOptions& options,
                                              const VennLayout& layout) {
  std::string script;
  for (std::size_t s = 0; s < options.sets.size(); ++s) {
    const std::string color = palette::color(static_cast<int>(s));
    const std::string disc =
        text("set object circle at ", gnuplot::screen(figure, layout.discs[s].x, layout.discs[s].y), " size screen ",
             layout.radius / figure.width);
    script += text(disc, " back fs transparent solid 0.2 noborder fc rgb '", color, "'\n", disc,
                   " front fs empty border lc rgb '", color, "' lw 2\n");
    script += venn_label(figure, options.sets[s], layout.names[s], "Helvetica Bold,12", color);
  }
  for (std::size_t region = 1; region < options.counts.size(); ++region) {
    VennPoint at = layout.regions[region];
    if (!options.expected.empty()) at.y -= 8;
    script += venn_label(figure, format_number(options.counts[region]), at, "Helvetica Bold,15", palette::ink);
    if (options.expected.empty()) continue;
    at.y += 18;
    script += venn_label(figure, chance_text(options.expected[region]), at, ",10.5", palette::ink);
  }
  std::string outside = text("in no set: ", format_number(options.counts[0]));
  if (!options.expected.empty()) outside += " (" + chance_text(options.expected[0]) + ")";
  return script + venn_label(figure, outside, {figure.width / 2, figure.height - 16}, ",11", palette::label);
}

}  // namespace detail

/// Throws ConfigError unless there are two or three sets, ShapeError unless there is one number per region.
[[nodiscard]] inline Figure venn_figure(const VennOptions& options) {
  const std::string where = "Venn diagram '" + options.name + "'";
  require_setting(options.sets.size() == 2 || options.sets.size() == 3, where, "2 or 3 sets", options.sets.size());
  const std::size_t regions = std::size_t{1} << options.sets.size();
  require_equal(where, "counts, one per region,", regions, options.counts.size());
  if (!options.expected.empty())
    require_equal(where, "expected counts, one per region,", regions, options.expected.size());
  const detail::VennLayout layout = options.sets.size() == 2 ? detail::two_set_layout() : detail::three_set_layout();
  Figure figure{.name = options.name,
                .script = {},
                .width = layout.width,
                .height = layout.height,
                .columns = {"in", options.unit_name, "by_chance"},
                .rows = {}};
  for (std::size_t region = 0; region < regions; ++region) {
    std::string members;
    for (std::size_t s = 0; s < options.sets.size(); ++s)
      if ((region >> s & 1U) != 0) members += (members.empty() ? "" : " + ") + options.sets[s];
    figure.rows.push_back({members, options.counts[region],
                           options.expected.empty() ? CsvValue("") : CsvValue(options.expected[region])});
  }
  figure.script = gnuplot::style() +
                  "unset border\nunset tics\nunset grid\nset margins 0,0,0,0\nset xrange [0:1]\nset yrange [0:1]\n" +
                  detail::venn_drawing(figure, options, layout) + "plot NaN notitle\n";
  return figure;
}

}  // namespace fusiform
