#pragma once
/// The kernels that take long to compile, in groups. `prefix` is `extern template` in declarations.hpp, and `template`
/// in the one source of a group and scalar that cmake/own_build.cmake writes.

#include <fusiform/ops/avg_pool2d.hpp>
#include <fusiform/ops/batch_norm.hpp>
#include <fusiform/ops/channel_update.hpp>
#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/linear.hpp>
#include <fusiform/ops/local_response_norm.hpp>
#include <fusiform/ops/max_pool2d.hpp>

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

#define FUSIFORM_KERNELS_linear(prefix, T)                                                                          \
  prefix void channel_update<T>(const ChannelUpdate<T>&);                                                           \
  prefix void linear_forward<T>(View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>, View<T, Cpu>,           \
                                const LinearOptions&);                                                              \
  prefix void linear_backward_input<T>(View<const T, Cpu>, View<const T, Cpu>, View<T, Cpu>, const LinearOptions&); \
  prefix void linear_backward_weight<T>(View<const T, Cpu>, View<const T, Cpu>, View<T, Cpu>, const LinearOptions&);

#define FUSIFORM_KERNELS_pool2d(prefix, T)                                                                 \
  prefix void max_pool2d_forward<T>(View<const T, Cpu>, const PoolWindow&, bool, View<T, Cpu>,             \
                                    View<std::int32_t, Cpu>);                                              \
  prefix void max_pool2d_backward<T>(View<const T, Cpu>, View<const std::int32_t, Cpu>, const PoolWindow&, \
                                     View<T, Cpu>);                                                        \
  prefix void avg_pool2d_forward<T>(View<const T, Cpu>, const PoolWindow&, bool, View<T, Cpu>);            \
  prefix void avg_pool2d_backward<T>(View<const T, Cpu>, const PoolWindow&, bool, View<T, Cpu>);

#define FUSIFORM_KERNELS_norm(prefix, T)                                                                               \
  prefix void batch_norm_statistics<T>(View<const T, Cpu>, double, View<T, Cpu>, View<T, Cpu>, View<T, Cpu>);          \
  prefix void batch_norm_apply<T>(View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>, View<const T, Cpu>,      \
                                  View<const T, Cpu>, View<T, Cpu>);                                                   \
  prefix void batch_norm_backward<T>(const BatchNormGradients<T, Cpu>&);                                               \
  prefix void local_response_norm_forward<T>(View<const T, Cpu>, const LocalResponseNormOptions&, View<T, Cpu>);       \
  prefix void local_response_norm_backward<T>(View<const T, Cpu>, View<const T, Cpu>, const LocalResponseNormOptions&, \
                                              View<T, Cpu>);
