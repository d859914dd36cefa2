#pragma once
/// Networks and their layers, in groups; see kernels.hpp.

#include <fusiform/nets/build_network.hpp>

#define FUSIFORM_NETWORKS_layers(prefix, T) \
  prefix class Conv2d<T, Cpu>;              \
  prefix class Linear<T, Cpu>;              \
  prefix class BatchNorm<T, Cpu>;           \
  prefix class Add<T, Cpu>;                 \
  prefix class AvgPool2d<T, Cpu>;           \
  prefix class Dropout<T, Cpu>;             \
  prefix class Flatten<T, Cpu>;             \
  prefix class GlobalAvgPool2d<T, Cpu>;     \
  prefix class LocalResponseNorm<T, Cpu>;   \
  prefix class MaxPool2d<T, Cpu>;           \
  prefix class Relu<T, Cpu>;

#define FUSIFORM_NETWORKS_network(prefix, T) \
  prefix class Network<T, Cpu>;              \
  prefix class Activations<T, Cpu>;          \
  prefix class LayerFactory<T, Cpu>;
