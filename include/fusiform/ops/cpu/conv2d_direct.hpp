#pragma once
/// Convolution without packed patches, all three passes.

#include <fusiform/ops/cpu/conv2d_direct_forward.hpp>
#include <fusiform/ops/cpu/conv2d_direct_input_gradient.hpp>
#include <fusiform/ops/cpu/conv2d_direct_weight_gradient.hpp>
