#pragma once
/// bf16 convolutions of any number of channels by the kernels of the current GPU: what conv2d_bfloat16.cu and
/// linear_bfloat16.cu share. Pointers are device memory; filters are (out, kernel_h, kernel_w, in), rounded to bf16.

#include <limits>
#include <string>

#include <fusiform/core/storage.hpp>
#include <fusiform/core/view.hpp>

#include "conv2d_problem_of.hpp"

namespace fusiform::kernels {

struct Bfloat16Forward {
  const bfloat16* x;
  const bfloat16* weight;
  const float* bias;  ///< nullptr: none
  bool relu;
  bfloat16* y;
  Conv2dMaxPool max_pool = {};
};

struct Bfloat16BackwardInput {
  const bfloat16* dy;
  const bfloat16* weight;
  bfloat16* dx;
  const bfloat16* relu_output = nullptr;  ///< dx is 0 where it is not positive
};

struct Bfloat16BackwardParameters {
  const bfloat16* x;
  const bfloat16* dy;
  float* dw;
  float* db;  ///< nullptr: not wanted
};

/// `what` begins the text of an error. At least one image. Throw ConfigError where no kernel takes the problem.
void conv2d_bfloat16(const Conv2dProblem& p, const Bfloat16Forward& pass, const std::string& what);
void conv2d_bfloat16(const Conv2dProblem& p, const Bfloat16BackwardInput& pass, const std::string& what);
void conv2d_bfloat16(const Conv2dProblem& p, const Bfloat16BackwardParameters& pass, const std::string& what);

/// Those for Hopper GPUs, whose kernels take strides to 8, padding and kernels to 100.
void conv2d_bfloat16_hopper(const Conv2dProblem& p, const Bfloat16Forward& pass, const std::string& what);
void conv2d_bfloat16_hopper(const Conv2dProblem& p, const Bfloat16BackwardInput& pass, const std::string& what);
void conv2d_bfloat16_hopper(const Conv2dProblem& p, const Bfloat16BackwardParameters& pass, const std::string& what);

/// What becomes of parameters' gradients when there are no images: all zero.
inline void zero_gradients(View<float, Cuda> dw, View<float, Cuda> db) {
  zero_bytes(Cuda{}, dw.data(), static_cast<std::size_t>(dw.size()) * sizeof(float));
  if (db.data() != nullptr) zero_bytes(Cuda{}, db.data(), static_cast<std::size_t>(db.size()) * sizeof(float));
}

}  // namespace fusiform::kernels
