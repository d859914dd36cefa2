#pragma once
/// Division by a number that is known when a kernel starts: a multiplication and a shift.

#include <cstdint>

#include "arch/target.cuh"

namespace fusiform::kernels {

/// Exact for divisors from 1 and dividends from 0, both below 2^31 (Granlund & Montgomery 1994, figure 4.1).
class Divider {
 public:
  struct Result {
    std::uint32_t quotient, remainder;
  };

  explicit Divider(std::int64_t divisor) : divisor_(static_cast<std::uint32_t>(divisor)) {
    while (std::uint64_t{1} << shift_ < divisor_) ++shift_;
    factor_ = static_cast<std::uint32_t>(
        ((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift_) - divisor_)) / divisor_ + 1);
  }

  [[nodiscard]] __device__ std::uint32_t quotient(std::uint32_t dividend) const {
    const auto high = static_cast<std::uint32_t>(std::uint64_t{factor_} * dividend >> 32);
    return (high + dividend) >> shift_;  // the sum is below 2^32, since high < dividend < 2^31
  }
  [[nodiscard]] __device__ Result operator()(std::uint32_t dividend) const {
    const std::uint32_t q = quotient(dividend);
    return {q, dividend - q * divisor_};
  }

 private:
  std::uint32_t divisor_, factor_ = 0, shift_ = 0;
};

}  // namespace fusiform::kernels
