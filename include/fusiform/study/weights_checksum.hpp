#pragma once
/// Whether two nets have the same weights.

#include <cstdint>
#include <utility>

#include <fusiform/data/checksum.hpp>
#include <fusiform/study/context.hpp>

namespace fusiform {

/// Of all learned and recorded tensors.
[[nodiscard]] inline std::uint64_t weights_checksum(const StudyNetwork& network) {
  std::uint64_t checksum = 0;
  for (NodeId id = 1; id < network.size(); ++id)
    for (const auto& parameter : std::as_const(*network.node(id).layer).parameters())
      checksum = mix(checksum, checksum_of(std::as_bytes(parameter.value.span())));
  return checksum;
}

}  // namespace fusiform
