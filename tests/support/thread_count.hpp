#pragma once

#include <fusiform/core/parallel.hpp>

namespace fusiform::test {

/// Sets the number of threads and restores it at the end of its scope, also of a test that fails.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(thread_count()) { set_thread_count(threads); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
  ~ThreadCount() { set_thread_count(before_); }

 private:
  int before_;
};

}  // namespace fusiform::test
