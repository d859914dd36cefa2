#pragma once
/// Operations that a thread issues and waits for later, in groups that finish in the order they were closed.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

namespace fusiform::cuda_emulation {

/// cp.async: `bytes` from global to shared memory, or zeros.
struct SharedCopy {
  void* to;
  const void* from;
  std::size_t bytes;
  bool fill_with_zeros;
};

/// A TMA store: reads shared memory first, writes global memory later.
struct BulkStore {
  std::function<void()> read, write;
};

/// wgmma: sums(64, columns) of a warpgroup += a b, by descriptors.
struct WarpgroupProduct {
  float* sums;
  std::uint64_t a, b;
  int columns;
  bool a_mn_major, b_mn_major, accumulate;
};

/// The operations of one thread: those of the open group, and the closed groups that have not finished.
template <class Operation>
class AsynchronousGroups {
 public:
  void issue(Operation operation) { open_.push_back(std::move(operation)); }
  void commit() {
    closed_.push_back(std::move(open_));
    open_.clear();
  }
  [[nodiscard]] bool idle() const { return open_.empty() && closed_.empty(); }
  [[nodiscard]] std::size_t groups() const { return closed_.size(); }
  /// The oldest closed group, which the caller then finishes.
  [[nodiscard]] std::vector<Operation>& oldest() { return closed_.front(); }
  void drop_oldest() { closed_.pop_front(); }
  [[nodiscard]] std::deque<std::vector<Operation>>& closed() { return closed_; }
  void clear() {
    open_.clear();
    closed_.clear();
  }

 private:
  std::vector<Operation> open_;
  std::deque<std::vector<Operation>> closed_;
};

}  // namespace fusiform::cuda_emulation
