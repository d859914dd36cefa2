#pragma once
/// Errors of the CUDA runtime as exceptions.

#include <cuda_runtime.h>
#include <string>
#include <string_view>

#include <fusiform/core/error.hpp>

namespace fusiform {

/// A call of the CUDA runtime or driver failed. Device memory may be undefined afterwards.
class CudaError : public Error {
 public:
  CudaError(cudaError_t code, const std::string& message) : Error(message), code_(code) {}
  [[nodiscard]] cudaError_t code() const noexcept { return code_; }

 private:
  cudaError_t code_;
};

/// Throws CudaError "<where>: <what CUDA says> (<its name>)" unless `code` is cudaSuccess.
inline void check_cuda(cudaError_t code, std::string_view where) {
  if (code == cudaSuccess) return;
  throw CudaError(code, text(where, ": ", cudaGetErrorString(code), " (", cudaGetErrorName(code), ")"));
}

}  // namespace fusiform
