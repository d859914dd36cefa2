#pragma once
/// What CUDA adds to the language, for g++ and clang++: qualifiers without effect, and the index types.

// NOLINTBEGIN: the names are CUDA's
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
// NOLINTEND

namespace fusiform::cuda_emulation {

[[nodiscard]] inline unsigned volume(const dim3& shape) { return shape.x * shape.y * shape.z; }

/// The index of element `i` of `shape`, x fastest.
[[nodiscard]] inline uint3 index_in(const dim3& shape, unsigned i) {
  return {i % shape.x, i / shape.x % shape.y, i / shape.x / shape.y};
}

}  // namespace fusiform::cuda_emulation
