#pragma once
/// Errors with facts: every exception of the library says where, what was expected and what was found.

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fusiform {

/// Base of all exceptions thrown by the library.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Tensors whose shapes do not fit together. Programming error or a net that does not fit its input.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be read, written or understood. The message starts with its path.
class FileError : public Error {
 public:
  FileError(const std::string& path, const std::string& problem) : Error(path + ": " + problem), path_(path) {}
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// A setting (option, configuration key, layer name) that does not exist or is out of range.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A computation that left the numbers (NaN or infinite loss).
class NumericError : public Error {
 public:
  using Error::Error;
};

/// Joins its arguments into one string, as a stream would print them.
template <class... Parts>
[[nodiscard]] std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws ShapeError "<where>: expected <expected> <what>, got <found>" unless the two are equal.
template <class A, class B>
void require_equal(std::string_view where, std::string_view what, const A& expected, const B& found) {
  if (!(expected == found)) throw ShapeError(text(where, ": expected ", expected, " ", what, ", got ", found));
}

/// Throws ConfigError "<where>: expected <expectation>, got <found>" unless `condition` holds.
template <class A>
void require_setting(bool condition, std::string_view where, std::string_view expectation, const A& found) {
  if (!condition) throw ConfigError(text(where, ": expected ", expectation, ", got ", found));
}

}  // namespace fusiform
