#pragma once
/// One run at a time in a results folder.

#include <cctype>
#include <filesystem>
#include <string>
#include <sys/file.h>
#include <vector>

#include <fusiform/io/file.hpp>

namespace fusiform {

namespace detail {

/// Whether a file is named as AtomicFile names its temporaries: "<target>.<process>.<count>.tmp".
[[nodiscard]] inline bool is_temporary_name(std::string name) {
  if (!name.ends_with(".tmp")) return false;
  name.resize(name.size() - 4);
  for (int number = 0; number < 2; ++number) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos || dot + 1 == name.size()) return false;
    for (std::size_t i = dot + 1; i < name.size(); ++i)
      if (std::isdigit(static_cast<unsigned char>(name[i])) == 0) return false;
    name.resize(dot);
  }
  return !name.empty();
}

}  // namespace detail

/// Holds the folder as long as it lives, also against other processes.
class FolderLock {
 public:
  /// Throws FileError if another run holds the folder. Where the file system has no locks, there is none.
  explicit FolderLock(const std::string& folder) : folder_(folder, O_RDONLY | O_DIRECTORY) {
    if (::flock(folder_.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw FileError(folder, "another run is at work in this folder; wait for its end or choose another --out");
  }

 private:
  FileDescriptor folder_;
};

/// Removes the unfinished files that a killed run left below the folder. Only under a FolderLock.
inline void remove_temporaries(const std::string& folder) {
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && detail::is_temporary_name(entry.path().filename().string()))
      leftovers.push_back(entry.path());
  std::error_code ignored;
  for (const std::filesystem::path& file : leftovers) std::filesystem::remove(file, ignored);
}

}  // namespace fusiform
