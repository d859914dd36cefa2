#pragma once
/// What a CUDA graph records: work that is started later, as often as wanted.

#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "device.hpp"

namespace fusiform::cuda_emulation {

/// Memory that was freed while recording belongs to the recording, as it does to a graph.
struct Recording {
  std::vector<std::function<void()>> work;
  std::vector<void*> memory;

  Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    for (void* block : memory) std::free(block);
  }
};

/// Of the calling thread; nullptr: none.
inline thread_local Recording* recording = nullptr;

/// Does it now, or puts it into the recording.
template <class Work>
void start(Work work) {
  check_device();
  if (recording == nullptr)
    work();
  else
    recording->work.emplace_back(std::move(work));
}

}  // namespace fusiform::cuda_emulation
