#pragma once
/// A file as read-only memory: pages are read when touched and shared between programs.

#include <cstddef>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/mman.h>
#include <utility>

#include <fusiform/io/file.hpp>

namespace fusiform {

class MappedFile {
 public:
  MappedFile() = default;

  /// Throws FileError. The file must not be truncated while it is mapped; replacing it by rename is harmless.
  explicit MappedFile(const std::string& path) {
    const FileDescriptor file(path, O_RDONLY);
    size_ = static_cast<std::size_t>(file_size(file, path));
    if (size_ == 0) return;  // an empty file cannot be mapped
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number(), 0);
    if (address == MAP_FAILED) throw system_error(path, "map");  // NOLINT(performance-no-int-to-ptr)
    address_ = address;
  }
  MappedFile(MappedFile&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(address_), size_};
  }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fusiform
