#pragma once
/// Names like a misspelt one, for error messages.

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace fusiform {

/// Number of letters to change, add or drop to make `a` into `b` (Levenshtein 1966).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // distances of the first i letters of a to the beginnings of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// All names in one line, each after a space, the most similar to `word` first (equally similar: as given). A name may
/// be "name=alias"; the more similar of the two counts.
[[nodiscard]] inline std::string nearest_first(std::string_view word, std::vector<std::string> names) {
  const auto distance = [&](std::string_view name) {
    const std::size_t alias = name.find('=');
    const std::size_t own = edit_distance(word, name.substr(0, alias));
    return alias == std::string_view::npos ? own : std::min(own, edit_distance(word, name.substr(alias + 1)));
  };
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
  std::string line;
  for (const std::string& name : names) line += " " + name;
  return line;
}

}  // namespace fusiform
