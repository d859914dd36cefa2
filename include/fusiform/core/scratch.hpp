#pragma once
/// Working memory of kernels: one buffer per thread and purpose, which grows and is used again.

#include <fusiform/core/device.hpp>
#include <fusiform/core/storage.hpp>

namespace fusiform {

/// Uninitialised memory for `count` elements on a cache line of its own, valid until the same thread asks for the
/// same purpose again. A purpose is any type; the kernel that owns the memory declares it.
template <class Purpose, class T>
[[nodiscard]] T* scratch(Index count) {
  thread_local Storage<T, Cpu> memory;
  if (count > memory.capacity()) {
    memory = Storage<T, Cpu>();  // frees the old block before the new one is taken
    memory = Storage<T, Cpu>(count);
  }
  return memory.data();
}

}  // namespace fusiform
