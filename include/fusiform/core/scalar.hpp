#pragma once
/// The number types that tensors are computed in.

#include <concepts>
#include <cstdint>

namespace fusiform {

/// Sizes and positions. Signed, so that differences and reverse loops are safe.
using Index = std::int64_t;

/// Types the operations are written for: float for work, double for references.
template <class T>
concept Scalar = std::same_as<T, float> || std::same_as<T, double>;

}  // namespace fusiform
