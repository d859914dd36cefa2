#pragma once
/// Included before every source of our own programs: says that what takes long to compile is compiled elsewhere
/// (cmake/own_build.cmake), once for all programs.

#include "cmake/own_templates/kernels.hpp"
#include "cmake/own_templates/networks.hpp"

#define FUSIFORM_ALL_KERNELS(T)                                                                           \
  FUSIFORM_KERNELS_implicit_gemm(extern template, T) FUSIFORM_KERNELS_direct(extern template, T)          \
      FUSIFORM_KERNELS_winograd_2x2(extern template, T) FUSIFORM_KERNELS_winograd_4x4(extern template, T) \
          FUSIFORM_KERNELS_linear(extern template, T) FUSIFORM_KERNELS_pool2d(extern template, T)         \
              FUSIFORM_KERNELS_norm(extern template, T)

#define FUSIFORM_ALL_NETWORKS(T) \
  FUSIFORM_NETWORKS_layers(extern template, T) FUSIFORM_NETWORKS_network(extern template, T)

namespace fusiform::kernels {
FUSIFORM_ALL_KERNELS(float)
FUSIFORM_ALL_KERNELS(double)
}  // namespace fusiform::kernels

namespace fusiform {
FUSIFORM_ALL_NETWORKS(float)
FUSIFORM_ALL_NETWORKS(double)
}  // namespace fusiform
