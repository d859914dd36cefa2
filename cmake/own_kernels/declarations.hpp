#pragma once
/// Included before every source of our own programs: says that the kernels that take long to compile are compiled
/// elsewhere (cmake/own_build.cmake), once for all programs. `prefix` is `extern template` here and `template` there.

#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform::kernels {

#define FUSIFORM_KERNELS_implicit_gemm(prefix, T)                                                                   \
  prefix void conv2d_forward_implicit_gemm<T>(View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>,           \
                                              const Conv2dOptions&, View<T, Cpu>);                                  \
  prefix void conv2d_backward_input_implicit_gemm<T>(View<const T, Cpu>, View<const T, Cpu>, const Conv2dOptions&,  \
                                                     View<T, Cpu>);                                                 \
  prefix void conv2d_backward_weight_implicit_gemm<T>(View<const T, Cpu>, View<const T, Cpu>, const Conv2dOptions&, \
                                                      View<T, Cpu>);

#define FUSIFORM_KERNELS_direct(prefix, T)                                                                   \
  prefix void conv2d_forward_direct<T>(View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>,           \
                                       const Conv2dOptions&, View<T, Cpu>);                                  \
  prefix void conv2d_backward_input_direct<T>(View<const T, Cpu>, View<const T, Cpu>, const Conv2dOptions&,  \
                                              View<T, Cpu>);                                                 \
  prefix void conv2d_backward_weight_direct<T>(View<const T, Cpu>, View<const T, Cpu>, const Conv2dOptions&, \
                                               View<T, Cpu>);

#define FUSIFORM_WINOGRAD_KERNELS(prefix, tile, T)                                                                   \
  prefix void conv2d_forward_winograd<tile, T>(View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>,           \
                                               const Conv2dOptions&, View<T, Cpu>, FilterCache<T, Cpu>*);            \
  prefix void conv2d_backward_input_winograd<tile, T>(View<const T, Cpu>, View<const T, Cpu>, const Conv2dOptions&,  \
                                                      View<T, Cpu>);                                                 \
  prefix void conv2d_backward_weight_winograd<tile, T>(View<const T, Cpu>, View<const T, Cpu>, const Conv2dOptions&, \
                                                       View<T, Cpu>);
#define FUSIFORM_KERNELS_winograd_2x2(prefix, T) FUSIFORM_WINOGRAD_KERNELS(prefix, 2, T)
#define FUSIFORM_KERNELS_winograd_4x4(prefix, T) FUSIFORM_WINOGRAD_KERNELS(prefix, 4, T)

#define FUSIFORM_KERNELS_linear(prefix, T)                                                                \
  prefix void linear_forward<T>(View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>, View<T, Cpu>, \
                                const LinearOptions&);                                                    \
  prefix void linear_backward_input<T>(View<const T, Cpu>, View<const T, Cpu>, View<T, Cpu>);             \
  prefix void linear_backward_weight<T>(View<const T, Cpu>, View<const T, Cpu>, View<T, Cpu>);

#define FUSIFORM_ALL_KERNELS(T)                                                                           \
  FUSIFORM_KERNELS_implicit_gemm(extern template, T) FUSIFORM_KERNELS_direct(extern template, T)          \
      FUSIFORM_KERNELS_winograd_2x2(extern template, T) FUSIFORM_KERNELS_winograd_4x4(extern template, T) \
          FUSIFORM_KERNELS_linear(extern template, T)

FUSIFORM_ALL_KERNELS(float)
FUSIFORM_ALL_KERNELS(double)

}  // namespace fusiform::kernels
