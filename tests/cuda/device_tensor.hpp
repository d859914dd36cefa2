#pragma once
/// Tensors for kernels under the emulator, and how far what they hold is from a reference.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <fusiform/core/tensor.hpp>

#include "kernels/arch/number.cuh"
#include "kernels/wide_access.cuh"

namespace fusiform::test {

/// A tensor at a multiple of 16 bytes, as cudaMalloc gives, with a margin that must stay as it is.
template <class T>
class DeviceTensor {
 public:
  explicit DeviceTensor(Index count) : count_(std::size_t(count)), memory_((count_ * sizeof(T) + 15) / 16 + 16) {
    std::memset(static_cast<void*>(memory_.data()), 0xFF, memory_.size() * 16);  // NaN
  }
  [[nodiscard]] T* data() { return reinterpret_cast<T*>(memory_.data()); }
  [[nodiscard]] T& operator[](Index i) { return data()[i]; }
  [[nodiscard]] bool margin_untouched() const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(memory_.data());
    return std::all_of(bytes + count_ * sizeof(T), bytes + memory_.size() * 16,
                       [](unsigned char b) { return b == 0xFF; });
  }
  [[nodiscard]] bool operator==(const DeviceTensor& other) const {
    return std::memcmp(memory_.data(), other.memory_.data(), memory_.size() * 16) == 0;
  }

 private:
  std::size_t count_;
  std::vector<kernels::SixteenBytes> memory_;
};

/// bf16 copy; `exact` is rounded to the same values.
inline DeviceTensor<bfloat16> rounded(Tensor<double, Cpu>& exact) {
  DeviceTensor<bfloat16> result(exact.size());
  for (Index i = 0; i < exact.size(); ++i) {
    result[i] = arch::to_bf16(float(exact[i]));
    exact[i] = double(arch::to_float(result[i]));
  }
  return result;
}

/// |found - expected| / |expected|; NaN if an element was not written.
template <class T>
double relative_error(DeviceTensor<T>& found, const Tensor<double, Cpu>& expected) {
  double difference = 0, square = 0;
  for (Index i = 0; i < expected.size(); ++i) {
    const double d = double(arch::number(found[i])) - expected[i];
    difference += d * d;
    square += expected[i] * expected[i];
  }
  return std::sqrt(difference / square);
}

}  // namespace fusiform::test
