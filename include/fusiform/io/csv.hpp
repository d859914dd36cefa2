#pragma once
/// Tables as comma-separated values (RFC 4180), numbers written so that they read back exactly.

#include <algorithm>
#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/format.hpp>

namespace fusiform {

/// One cell: a number or a text.
class CsvValue {
 public:
  template <class T>
  requires std::integral<T> || std::floating_point<T> CsvValue(T number)  // NOLINT(google-explicit-constructor)
      : characters_(format_number(number)) {}
  CsvValue(std::string_view characters) : characters_(characters) {}    // NOLINT(google-explicit-constructor)
  CsvValue(const std::string& characters) : characters_(characters) {}  // NOLINT(google-explicit-constructor)
  CsvValue(const char* characters) : characters_(characters) {}         // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& characters() const noexcept { return characters_; }

  /// As it stands in a file: within quotation marks where it must be.
  [[nodiscard]] std::string quoted() const {
    if (characters_.find_first_of(",\"\r\n") == std::string::npos) return characters_;
    std::string result = "\"";
    for (const char character : characters_) result.append(character == '"' ? 2 : 1, character);
    return result + '"';
  }

 private:
  std::string characters_;
};

/// Writes a table row by row; the file appears on `commit`.
class CsvWriter {
 public:
  /// Throws FileError.
  CsvWriter(const std::string& path, const std::vector<std::string>& header) : file_(path), columns_(header.size()) {
    const std::vector<CsvValue> cells(header.begin(), header.end());
    row(cells);
  }

  /// Throws ShapeError unless there is one value for each column, FileError if the disk is full.
  void row(std::span<const CsvValue> cells) {
    require_equal(file_.path(), "values in a row", columns_, cells.size());
    std::string line;
    for (const CsvValue& cell : cells) {
      if (!line.empty() || &cell != cells.data()) line += ',';
      line += cell.quoted();
    }
    file_.write(line + '\n');
  }
  void row(std::initializer_list<CsvValue> cells) { row(std::span(cells.begin(), cells.size())); }

  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
  std::size_t columns_;
};

/// A table in memory.
struct CsvTable {
  std::string path;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// Throws FileError naming the columns there are.
  [[nodiscard]] std::size_t column(std::string_view name) const {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
    std::string names;
    for (const std::string& other : header) names += (names.empty() ? "" : ", ") + other;
    throw FileError(path, text("expected a column '", name, "', found ", names));
  }

  /// Throws FileError unless the cell is a number.
  [[nodiscard]] double number(std::size_t row, std::string_view name) const {
    const std::string& cell = rows.at(row)[column(name)];
    const auto value = parse_number<double>(cell);
    if (!value)
      throw FileError(path, text("row ", row + 1, ", column '", name, "': expected a number, found '", cell, "'"));
    return *value;
  }
};

/// Reads a table with a header row. Lines may end in LF or CRLF. Throws FileError naming the line.
[[nodiscard]] inline CsvTable read_csv(const std::string& path) {
  const std::string contents = read_file(path);
  CsvTable table{.path = path, .header = {}, .rows = {}};
  std::vector<std::string> cells;
  std::size_t position = 0;
  Index line = 1;
  const auto finish_row = [&](Index row_line) {
    if (table.header.empty()) {
      table.header = std::move(cells);
    } else if (cells.size() != table.header.size()) {
      throw FileError(path,
                      text("line ", row_line, ": expected ", table.header.size(), " cells, found ", cells.size()));
    } else {
      table.rows.push_back(std::move(cells));
    }
    cells.clear();
  };
  while (position < contents.size()) {
    const Index row_line = line;
    for (bool more = true; more;) {
      std::string cell;
      if (contents[position] == '"') {
        for (++position;; ++position) {
          if (position >= contents.size())
            throw FileError(path, text("line ", row_line, ": expected a closing quotation mark, found the end"));
          if (contents[position] == '\n') ++line;
          if (contents[position] != '"') {
            cell += contents[position];
          } else if (position + 1 < contents.size() && contents[position + 1] == '"') {
            cell += contents[position++];
          } else {
            break;
          }
        }
        ++position;
      } else {
        const std::size_t end = std::min(contents.find_first_of(",\r\n", position), contents.size());
        cell = contents.substr(position, end - position);
        position = end;
      }
      cells.push_back(std::move(cell));
      more = position < contents.size() && contents[position] == ',';
      if (more) ++position;
      if (more && position == contents.size()) {
        cells.emplace_back();
        more = false;
      }
    }
    if (position < contents.size() && contents[position] == '\r') ++position;
    if (position < contents.size() && contents[position] != '\n')
      throw FileError(path, text("line ", line, ": expected a comma or the end of the line after a cell, found '",
                                 contents[position], "'"));
    ++position;
    ++line;
    finish_row(row_line);
  }
  if (table.header.empty()) throw FileError(path, "expected a header row, found an empty file");
  return table;
}

}  // namespace fusiform
