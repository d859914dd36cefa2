#pragma once
/// The device that a conformance program tests. The sources of this folder are compiled for the CPU and for CUDA; the
/// latter are linked with the emulator and with the compiled kernels for a real GPU.

#include <cstring>
#include <tuple>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/copy.hpp>

#include "tests/support/catch.hpp"

namespace fusiform::test {

using TestDevice = FUSIFORM_TEST_DEVICE;

/// Scalars that the device has operations for, to the full precision of the scalar.
using TestScalars = std::conditional_t<std::same_as<TestDevice, Cpu>, std::tuple<float, double>, std::tuple<float>>;

/// Ways to run an operation that must give the same bits: numbers of threads on the CPU, schedules and kinds of GPU
/// under the emulator, once more on a GPU.
[[nodiscard]] int ways_to_run();
void run_this_way(int way);
[[nodiscard]] const char* name_of_way(int way);

template <class T>
[[nodiscard]] Tensor<T, TestDevice> on_device(const Tensor<T, Cpu>& tensor) {
  if constexpr (std::same_as<TestDevice, Cpu>)
    return tensor;
  else
    return copied_to<TestDevice>(tensor);
}

template <class T>
[[nodiscard]] Tensor<T, Cpu> on_host(const Tensor<T, TestDevice>& tensor) {
  if constexpr (std::same_as<TestDevice, Cpu>)
    return tensor;
  else
    return copied_to<Cpu>(tensor);
}

/// What `operation(View<T, TestDevice> result)` writes into a tensor that was full of NaN (of bits 1, if integers).
/// Requires the same bits in all ways to run it.
template <class T, class Operation>
[[nodiscard]] Tensor<T, Cpu> result_of(const Shape& shape, const Operation& operation) {
  auto poisoned = Tensor<T, Cpu>::uninitialized(shape);
  const auto bytes = static_cast<std::size_t>(shape.size()) * sizeof(T);
  if (bytes > 0) std::memset(static_cast<void*>(poisoned.data()), 0xFF, bytes);
  Tensor<T, Cpu> first;
  for (int way = 0; way < ways_to_run(); ++way) {
    run_this_way(way);
    Tensor<T, TestDevice> result = on_device(poisoned);
    operation(result.view());
    Tensor<T, Cpu> found = on_host(result);
    if (way == 0) {
      first = std::move(found);
    } else if (bytes > 0 && std::memcmp(first.data(), found.data(), bytes) != 0) {
      FAIL("other bits: " << name_of_way(way) << " than " << name_of_way(0));
    }
  }
  run_this_way(0);
  return first;
}

}  // namespace fusiform::test
