#pragma once
/// A journal: one JSON text per line, only ever appended to. A kill while writing costs at most the last line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/io/file.hpp>

namespace fusiform {

struct JsonLines {
  std::vector<std::string> lines;
  std::optional<Index> torn_at;  ///< Byte where an unfinished last line starts; it is not among `lines`.
};

/// The finished lines. Throws FileError if the file cannot be read; a torn last line is no error.
[[nodiscard]] inline JsonLines read_json_lines(const std::string& path) {
  const std::string contents = read_file(path);
  JsonLines journal;
  std::size_t begin = 0;
  for (std::size_t end = contents.find('\n'); end != std::string::npos; end = contents.find('\n', begin)) {
    journal.lines.push_back(contents.substr(begin, end - begin));
    begin = end + 1;
  }
  if (begin < contents.size()) journal.torn_at = static_cast<Index>(begin);
  return journal;
}

/// Appends to a journal, which is created if it does not exist. One writer at a time.
class JsonLinesWriter {
 public:
  /// Cuts off a torn last line, so that the next one starts clean. Throws FileError.
  explicit JsonLinesWriter(std::string path) : path_(std::move(path)), file_(path_, O_RDWR | O_CREAT | O_APPEND, 0666) {
    size_ = file_size(file_, path_);
    const Index end = end_of_last_line();
    if (end < size_) truncate(end);
  }

  /// `json` is one complete JSON text without line breaks. After a failure (FileError, for example a full disk) the
  /// journal is as it was before.
  void append(std::string_view json) {
    require_setting(json.find('\n') == std::string_view::npos && !json.empty(), path_, "one line of JSON", json);
    const std::string line = std::string(json) + '\n';
    try {
      write_exactly(file_, path_, std::as_bytes(std::span(line)));
    } catch (const FileError&) {
      truncate(size_);
      throw;
    }
    size_ += static_cast<Index>(line.size());
  }

  /// Returns when the lines are on the disk. Throws FileError.
  void flush() {
    if (::fsync(file_.number()) != 0) throw system_error(path_, "flush");
  }

 private:
  [[nodiscard]] Index end_of_last_line() const {
    std::string block;
    for (Index end = size_; end > 0;) {
      const Index begin = end > block_size ? end - block_size : 0;
      block.resize(static_cast<std::size_t>(end - begin));
      read_exactly(file_, path_, begin, std::as_writable_bytes(std::span(block)));
      const std::size_t last = block.rfind('\n');
      if (last != std::string::npos) return begin + static_cast<Index>(last) + 1;
      end = begin;
    }
    return 0;
  }

  void truncate(Index size) {
    if (::ftruncate(file_.number(), size) != 0) throw system_error(path_, "cut the torn last line of");
    size_ = size;
  }

  static constexpr Index block_size = 65536;

  std::string path_;
  FileDescriptor file_;
  Index size_ = 0;
};

}  // namespace fusiform
