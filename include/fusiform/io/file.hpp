#pragma once
/// Files as POSIX descriptors, with errors that name the file and what the system said.

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// FileError "<path>: cannot <action>: <what errno says>".
[[nodiscard]] inline FileError system_error(const std::string& path, const std::string& action) {
  return FileError(path, text("cannot ", action, ": ", std::strerror(errno)));
}

/// An open file that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;

  /// `flags` and `mode` as for open(2). Throws FileError.
  FileDescriptor(const std::string& path, int flags, mode_t mode = 0)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (number_ < 0) throw system_error(path, "open");
  }
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

  /// Closes now. False if the system reports an error that write(2) had not reported yet.
  bool close() noexcept { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_ = -1;
};

/// Size in bytes. Throws FileError, also for a directory or a device.
[[nodiscard]] inline Index file_size(const FileDescriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw system_error(path, "inspect");
  if (!S_ISREG(status.st_mode)) throw FileError(path, "expected a regular file, found a directory or a device");
  return status.st_size;
}

/// Fills `bytes` from `offset` on. Safe from several threads. Throws FileError if the file ends before.
inline void read_exactly(const FileDescriptor& file, const std::string& path, Index offset,
                         std::span<std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(file.number(), bytes.data() + done, bytes.size() - done, offset + static_cast<Index>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(path, "read");
    if (got == 0)
      throw FileError(
          path, text("expected ", bytes.size(), " bytes at ", offset, ", found the end of the file after ", done));
    done += static_cast<std::size_t>(got);
  }
}

/// Writes all bytes at the current position. Throws FileError ("No space left on device").
inline void write_exactly(const FileDescriptor& file, const std::string& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

/// The whole file. Throws FileError.
[[nodiscard]] inline std::string read_file(const std::string& path) {
  const FileDescriptor file(path, O_RDONLY);
  std::string contents(static_cast<std::size_t>(file_size(file, path)), '\0');
  read_exactly(file, path, 0, std::as_writable_bytes(std::span(contents)));
  return contents;
}

}  // namespace fusiform
