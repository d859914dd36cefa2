#pragma once
/// The number types that tensors are computed in.

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace fusiform {

/// Sizes and positions. Signed, so that differences and reverse loops are safe.
using Index = std::int64_t;

/// bf16, the upper half of a float: how GPUs keep activations in training. A storage type without arithmetic; kernels
/// compute in float. Zero if value-initialised. In a Network<bfloat16, Cuda> activations, logits and their gradients
/// are rounded to it, as under PyTorch's autocast; losses are computed from the rounded logits in float.
struct bfloat16 {  // NOLINT(readability-identifier-naming): stands beside float and double
  std::uint16_t bits;
};

/// Types the operations are written for: float for work, double for references (CPU), bfloat16 for speed (GPU).
template <class T>
concept Scalar = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, bfloat16>;

/// What parameters, their gradients, statistics and losses are kept in where activations are T: eight bits are too few
/// to add small steps up.
template <Scalar T>
using Master = std::conditional_t<std::same_as<T, bfloat16>, float, T>;

}  // namespace fusiform
