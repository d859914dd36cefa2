#pragma once
/// Who waits where, when nobody can go on.

#include <string>

#include "block.hpp"

namespace fusiform::cuda_emulation {

inline std::string file_name(const Where& where) {
  const std::string path = where.file;
  return path.substr(path.rfind('/') + 1);
}

inline std::string what_it_does(const Thread& thread) {
  if (thread.done) return "exited";
  const Wait& wait = thread.wait;
  std::string line = text(wait.what, " at ", file_name(wait.where), ":", wait.where.line);
  if (wait.mbarrier != nullptr) {
    const Mbarrier& m = *wait.mbarrier;
    line += text(" (mbarrier at ", m.address, ", ", m.generation, " phases complete, waits for ", m.pending, " of ",
                 m.count, " arrivals and ", m.bytes, " bytes)");
  }
  return line;
}

/// One line for every run of threads that do the same.
inline std::string waiting_threads(const Block& block) {
  std::string report;
  for (std::size_t begin = 0; begin < block.threads.size();) {
    const std::string doing = what_it_does(block.threads[begin]);
    std::size_t end = begin + 1;
    while (end < block.threads.size() && what_it_does(block.threads[end]) == doing) ++end;
    report += end - begin == 1 ? text("\n  thread ", begin, ": ") : text("\n  threads ", begin, "-", end - 1, ": ");
    report += doing;
    begin = end;
  }
  return report;
}

}  // namespace fusiform::cuda_emulation
