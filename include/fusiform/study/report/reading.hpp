#pragma once
/// What all figures of a study's report need: numbers and names read from the summary, means over seeds.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/report/curves.hpp>
#include <fusiform/report/dots.hpp>
#include <fusiform/report/table.hpp>

namespace fusiform {

/// A figure with what stands below it.
struct CaptionedFigure {
  Figure figure;
  std::string caption;
};

namespace detail {

using Json = nlohmann::ordered_json;

/// More curves or bars than this in one figure cannot be told apart.
inline constexpr std::size_t most_nets_in_figure = 7;

[[nodiscard]] inline double number_or_nan(const Json& value) {
  return value.is_number() ? value.get<double>() : undefined;
}

/// The member `key`, null if there is none.
[[nodiscard]] inline const Json& member(const Json& object, const char* key) {
  static const Json null;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? null : *found;
}

[[nodiscard]] inline std::string string_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

[[nodiscard]] inline std::uint64_t seed_of(const Json& entry) { return entry.at("seed").get<std::uint64_t>(); }

[[nodiscard]] inline std::vector<std::string> names_of(const Json& list, const char* key) {
  std::vector<std::string> names;
  for (const Json& entry : list) names.push_back(entry.at(key).get<std::string>());
  return names;
}

/// The different values of `key` in a list, in order of appearance.
[[nodiscard]] inline std::vector<std::string> distinct(const Json& list, const char* key) {
  std::vector<std::string> names;
  for (const Json& entry : list) {
    const std::string name = string_at(entry, key);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

[[nodiscard]] inline std::string joined(const std::vector<std::string>& words, const std::string& between = ", ") {
  std::string result;
  for (const std::string& word : words) result += (result.empty() ? "" : between) + word;
  return result;
}

/// An interval as the summary stores it; undefined where it is null.
[[nodiscard]] inline DotMark mark_of(const Json& interval) {
  return {number_or_nan(member(interval, "estimate")), number_or_nan(member(interval, "low")),
          number_or_nan(member(interval, "high"))};
}

/// "95 %"
[[nodiscard]] inline std::string level_text(const Json& summary) {
  return format_number(std::round(summary.at("level").get<double>() * 1000) / 10) + " %";
}

/// "percentile" or "BCa": the kind of the summary's bootstrap intervals.
[[nodiscard]] inline std::string interval_kind_words(const Json& summary) {
  return string_at(summary, "interval") == "bca" ? "BCa" : "percentile";
}

[[nodiscard]] inline std::string bootstrap_words(const Json& summary) {
  return interval_kind_words(summary) + " bootstrap, hierarchical over classes and images, " +
         summary.at("replicates").dump() + " replicates";
}

/// Tasks that a net was trained on; of a summary that does not say so, those it is judged on as themselves.
[[nodiscard]] inline std::vector<std::string> trained_tasks(const Json& net) {
  if (member(net, "trained_tasks").is_array()) return net["trained_tasks"].get<std::vector<std::string>>();
  std::vector<std::string> tasks;
  for (const Json& task : member(net, "tasks"))
    if (!task.contains("trained_as") || task["trained_as"] == task.at("name")) tasks.push_back(task.at("name"));
  return tasks;
}

/// What a reader calls a net: the variant's name; for the main net its tasks.
[[nodiscard]] inline std::string net_title(const Json& summary, const std::string& variant) {
  if (!variant.empty()) return variant;
  for (const Json& net : member(summary, "nets"))
    if (string_at(net, "net").empty()) return "main net (" + joined(trained_tasks(net), " + ") + ")";
  return "main net";
}

/// A mean over nets that differ in their seeds only, or one net's own interval.
struct OverSeeds {
  DotMark mark;
  std::size_t seeds = 0;
};

/// Several: mean with a t interval over seeds; one: as it is. Undefined values are left out.
[[nodiscard]] inline OverSeeds over_seeds(const std::vector<DotMark>& marks, double level) {
  std::vector<double> values;
  const DotMark* last = nullptr;
  for (const DotMark& mark : marks) {
    if (!std::isfinite(mark.value)) continue;
    values.push_back(mark.value);
    last = &mark;
  }
  if (values.empty()) return {};
  if (values.size() == 1) return {*last, 1};
  const auto n = static_cast<double>(values.size());
  const double half = student_t_quantile((1 + level) / 2, n - 1) * standard_deviation(values) / std::sqrt(n);
  const double center = mean(values);
  return {{center, center - half, center + half}, values.size()};
}

/// Which interval a figure shows: nets with one seed and with several may stand side by side.
[[nodiscard]] inline std::string interval_words(const Json& summary, const std::vector<std::size_t>& seeds) {
  const bool some_one = std::any_of(seeds.begin(), seeds.end(), [](std::size_t n) { return n == 1; });
  const bool some_more = std::any_of(seeds.begin(), seeds.end(), [](std::size_t n) { return n > 1; });
  std::string words = level_text(summary) + " intervals: ";
  if (some_more) words += "Student's t over seeds" + std::string(some_one ? " where a net has several, else " : "");
  if (some_one || !some_more) words += bootstrap_words(summary);
  return words + ".";
}

/// "3", "3 to 5"
[[nodiscard]] inline std::string range_words(const std::vector<std::size_t>& numbers) {
  if (numbers.empty()) return "0";
  const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
  return *least == *most ? text(*least) : text(*least, " to ", *most);
}

/// "1 seed per net. ", "1 to 3 seeds per net. "
[[nodiscard]] inline std::string seeds_words(const std::vector<std::size_t>& seeds) {
  const std::string numbers = range_words(seeds);
  return numbers + (numbers == "1" ? " seed" : " seeds") + " per net. ";
}

inline void add_mark(Curve& curve, double x, const DotMark& mark) {
  curve.x.push_back(x);
  curve.y.push_back(mark.value);
  curve.low.push_back(mark.low);
  curve.high.push_back(mark.high);
}

/// A line style and shape for the curve of net i: colour alone does not survive grey print.
inline void style_as_net(Curve& curve, std::size_t i, std::size_t nets, double spacing = 0.05) {
  curve.color = static_cast<int>(i);
  curve.shape = static_cast<int>(i);
  curve.style = i % 3 == 0 ? LineStyle::solid : i % 3 == 1 ? LineStyle::dashed : LineStyle::dotted;
  curve.uncertainty = Uncertainty::bars;
  curve.dodge = (static_cast<double>(i) - (static_cast<double>(nets) - 1) / 2) * spacing;
}

/// Cuts names into portions that one figure can show.
[[nodiscard]] inline std::vector<std::vector<std::string>> portions(const std::vector<std::string>& names,
                                                                    std::size_t most = most_nets_in_figure) {
  std::vector<std::vector<std::string>> result;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i % most == 0) result.emplace_back();
    result.back().push_back(names[i]);
  }
  return result;
}

/// The end of a figure's name and of its caption, where it shows one portion of several.
[[nodiscard]] inline std::string portion_suffix(std::size_t portion, std::size_t count) {
  return count > 1 ? text("_", portion + 1) : std::string();
}
[[nodiscard]] inline std::string portion_words(std::size_t portion, std::size_t count) {
  return count > 1 ? text(" Part ", portion + 1, " of ", count, ".") : std::string();
}

}  // namespace detail

}  // namespace fusiform
