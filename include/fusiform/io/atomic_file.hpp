#pragma once
/// Files that appear whole or not at all: written beside their target, flushed to the disk, renamed.
/// A kill or a full disk at any moment leaves the old file, or none, under the target's name.

#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>

#include <fusiform/io/file.hpp>

namespace fusiform {

class AtomicFile {
 public:
  /// Opens a temporary beside `path`. Throws FileError; also if `path` is something else than a regular file,
  /// which a rename would replace.
  explicit AtomicFile(std::string path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
    struct stat status {};
    if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
      throw FileError(path_, "cannot replace: expected a regular file, found a directory or a device");
    file_ = open_temporary();
    buffer_.reserve(buffer_size);
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  AtomicFile(AtomicFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        file_(std::move(other.file_)),
        buffer_(std::move(other.buffer_)) {}
  AtomicFile& operator=(AtomicFile&&) = delete;

  /// Removes the temporary unless `commit` was reached.
  ~AtomicFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  /// Throws FileError naming the target and the system's reason, for example a full disk.
  void write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > buffer_size) flush();
    if (bytes.size() > buffer_size) {
      write_exactly(file_, path_, bytes);
    } else if (!bytes.empty()) {
      buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  void write(std::string_view characters) { write(std::as_bytes(std::span(characters))); }

  /// Flushes and renames: from here on the new contents are under the target's name. At most once.
  void commit() {
    flush();
    if (::fsync(file_.number()) != 0) throw system_error(path_, "flush");
    if (!file_.close()) throw system_error(path_, "write");
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) throw system_error(path_, "replace");
    temporary_.clear();
    flush_directory();
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  static constexpr std::size_t buffer_size = std::size_t{1} << 16U;

  // In the target's folder, because a rename works within one file system only.
  static std::string temporary_name(const std::string& path) {
    static std::atomic<unsigned> counter{0};
    return text(path, ".", ::getpid(), ".", counter++, ".tmp");
  }

  FileDescriptor open_temporary() const {
    try {
      return FileDescriptor(temporary_, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    } catch (const FileError&) {
      throw system_error(path_, "create");
    }
  }

  void flush() {
    write_exactly(file_, path_, std::as_bytes(std::span(buffer_)));
    buffer_.clear();
  }

  // Makes the rename itself survive a power cut. Some file systems refuse; the contents are safe either way.
  void flush_directory() const noexcept {
    const std::size_t slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    ::fsync(directory);
    ::close(directory);
  }

  std::string path_;
  std::string temporary_;
  FileDescriptor file_;
  std::string buffer_;
};

/// Replaces the file in one step. Throws FileError and leaves the old file alone.
inline void write_file_atomically(const std::string& path, std::string_view contents) {
  AtomicFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace fusiform
