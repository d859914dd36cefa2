#pragma once
/// Where the time on a GPU goes. Defined in the compiled target fusiform::cuda.

#include <memory>
#include <string>
#include <vector>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

struct KernelTime {
  std::string what;  ///< the operation and its shapes: "relu (128, 224, 224, 64)"
  Index launches = 0;
  double milliseconds = 0;  ///< of all launches together
};

/// Measures every kernel that this thread starts while the object lives, each between two events on the stream. The
/// events keep kernels from overlapping at their ends: the sum is a few percent above the time without them. Not
/// measured: copies, zeros and recordings (core/cuda_graph.hpp). One object a thread at a time; ConfigError else.
class KernelTimes {
 public:
  KernelTimes();
  ~KernelTimes();
  KernelTimes(const KernelTimes&) = delete;
  KernelTimes& operator=(const KernelTimes&) = delete;

  /// Whether this thread's kernels are measured now.
  [[nodiscard]] static bool is_measuring() noexcept;

  /// Waits, and sums up by operation and shapes, in the order of their first launches.
  [[nodiscard]] std::vector<KernelTime> sums() const;

 private:
  struct Launches;
  std::unique_ptr<Launches> launches_;
};

}  // namespace fusiform
