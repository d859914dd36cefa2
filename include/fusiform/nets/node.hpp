#pragma once
/// The parts of a network: its nodes, and parameters by their full names.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/layers/layer.hpp>
#include <fusiform/nets/pass_plan.hpp>

namespace fusiform {

template <Scalar T, Device D>
struct Node {
  std::string name;                    ///< PyTorch's where PyTorch has the net: "features.28"
  std::string alias;                   ///< the literature's: "conv5_3"; may be empty
  std::unique_ptr<Layer<T, D>> layer;  ///< null for the input
  std::vector<NodeId> inputs;          ///< nodes that are read, all of them earlier in the list
  Shape shape;                         ///< of one image's output: (H, W, C) or (features)
};

/// A learned or recorded tensor of a network under its full name, "features.28.weight".
template <Scalar T, Device D>
struct NamedParameter {
  std::string name;
  NodeId node{};
  Parameter<T, D>* parameter = nullptr;
};

namespace detail {

/// A number for the structure of a network that no other has, in this process.
[[nodiscard]] inline std::uint64_t new_structure() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace detail

}  // namespace fusiform
