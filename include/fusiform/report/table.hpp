#pragma once
/// Tables for a reader's eye: cells are finished texts.

#include <cmath>
#include <string>
#include <vector>

#include <fusiform/io/csv.hpp>

namespace fusiform {

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// Throws ShapeError unless there is one cell for each column.
  void add(std::vector<std::string> cells) {
    require_equal("table", "cells in a row", header.size(), cells.size());
    rows.push_back(std::move(cells));
  }
};

/// What a table shows where there is no number.
inline constexpr const char* no_value = "–";

/// 0.1423 as "14.2 %".
[[nodiscard]] inline std::string percent_text(double share, int digits = 1) {
  return std::isfinite(share) ? format_fixed(share * 100, digits) + " %" : no_value;
}

[[nodiscard]] inline std::string number_text(double value, int digits = 3) {
  return std::isfinite(value) ? format_fixed(value, digits) : no_value;
}

/// The ends of an interval.
struct Ends {
  double low = 0;
  double high = 0;
};

/// "[12.9, 15.1]", to stand behind its estimate; nothing if an end is undefined.
[[nodiscard]] inline std::string ends_text(const Ends& ends, int digits = 3, double scale = 1) {
  if (!std::isfinite(ends.low) || !std::isfinite(ends.high)) return {};
  return "[" + format_fixed(ends.low * scale, digits) + ", " + format_fixed(ends.high * scale, digits) + "]";
}

/// "0.142 [0.129, 0.151]".
[[nodiscard]] inline std::string interval_text(double estimate, const Ends& ends, int digits = 3) {
  const std::string behind = ends_text(ends, digits);
  return number_text(estimate, digits) + (behind.empty() ? "" : " " + behind);
}

/// "14.2 % [12.9, 15.1]".
[[nodiscard]] inline std::string percent_interval_text(double estimate, const Ends& ends, int digits = 1) {
  const std::string behind = ends_text(ends, digits, 100);
  return percent_text(estimate, digits) + (behind.empty() ? "" : " " + behind);
}

/// "p < 0.001" or "p = 0.013".
[[nodiscard]] inline std::string p_text(double p) {
  if (!std::isfinite(p)) return no_value;
  return p < 0.001 ? "p < 0.001" : "p = " + format_fixed(p, 3);
}

/// Throws FileError.
inline void write_table_csv(const std::string& path, const Table& table) {
  CsvWriter file(path, table.header);
  for (const std::vector<std::string>& row : table.rows) file.row(std::vector<CsvValue>(row.begin(), row.end()));
  file.commit();
}

}  // namespace fusiform
