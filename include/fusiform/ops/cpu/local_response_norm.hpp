#pragma once

#include <cmath>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/local_response_norm_options.hpp>

namespace fusiform::kernels {

/// powers = sums^-beta. The usual exponent 3/4 by square roots, which vectorise and std::pow does not.
template <Scalar T>
void inverse_powers(const T* __restrict sums, Index count, double beta, T* __restrict powers) {
  if (beta == 0.75) {
    for (Index c = 0; c < count; ++c) {
      const T root = std::sqrt(sums[c]);
      powers[c] = T{1} / (root * std::sqrt(root));
    }
  } else {
    for (Index c = 0; c < count; ++c) powers[c] = std::pow(sums[c], static_cast<T>(-beta));
  }
}

/// The channels of one pixel with zeros around them, so that window sums need no border cases.
template <Scalar T>
class PaddedChannels {
 public:
  PaddedChannels(Index channels, Index before, Index after)
      : values_(static_cast<std::size_t>(channels + before + after)), channels_(channels), before_(before) {}

  [[nodiscard]] T* data() noexcept { return values_.data() + before_; }

  /// sums[c] = sum of the `size` values that start `before` places ahead of c.
  void window_sums(Index size, T* __restrict sums) const {
    std::fill_n(sums, channels_, T{0});
    for (Index shift = 0; shift < size; ++shift) {
      const T* __restrict shifted = values_.data() + shift;
      for (Index c = 0; c < channels_; ++c) sums[c] += shifted[c];
    }
  }

 private:
  std::vector<T> values_;
  Index channels_;
  Index before_;
};

/// Scratch of one thread's piece, and s_c and s_c^-beta for one pixel after another.
template <Scalar T>
class LocalResponseScale {
 public:
  LocalResponseScale(Index channels, const LocalResponseNormOptions& options)
      : options_(options),
        squares_(channels, options.size / 2, (options.size - 1) / 2),
        sums_(static_cast<std::size_t>(channels)),
        powers_(sums_.size()) {}

  void compute(const T* __restrict x) {
    const auto channels = static_cast<Index>(sums_.size());
    T* __restrict squares = squares_.data();
    for (Index c = 0; c < channels; ++c) squares[c] = x[c] * x[c];
    squares_.window_sums(options_.size, sums_.data());
    const auto slope = static_cast<T>(options_.alpha / static_cast<double>(options_.size));
    const auto base = static_cast<T>(options_.k);
    T* __restrict sums = sums_.data();
    for (Index c = 0; c < channels; ++c) sums[c] = base + slope * sums[c];
    inverse_powers(sums_.data(), channels, options_.beta, powers_.data());
  }

  [[nodiscard]] const T* sums() const noexcept { return sums_.data(); }      ///< s_c
  [[nodiscard]] const T* powers() const noexcept { return powers_.data(); }  ///< s_c^-beta

 private:
  LocalResponseNormOptions options_;
  PaddedChannels<T> squares_;
  std::vector<T> sums_;
  std::vector<T> powers_;
};

template <Scalar T>
void local_response_norm_forward(View<const T, Cpu> x, const LocalResponseNormOptions& options, View<T, Cpu> y) {
  if (x.empty()) return;
  const Index channels = x.shape().channels();
  parallel_ranges(x.size() / channels, rows_grain(channels), [&](Index begin, Index end) {
    LocalResponseScale<T> scale(channels, options);
    for (Index row = begin; row < end; ++row) {
      const T* __restrict source = x.data() + row * channels;
      T* __restrict result = y.data() + row * channels;
      scale.compute(source);
      const T* __restrict powers = scale.powers();
      for (Index c = 0; c < channels; ++c) result[c] = source[c] * powers[c];
    }
  });
}

template <Scalar T>
void local_response_norm_backward(View<const T, Cpu> x, View<const T, Cpu> dy, const LocalResponseNormOptions& options,
                                  View<T, Cpu> dx) {
  if (x.empty()) return;
  const Index channels = x.shape().channels();
  const auto slope = static_cast<T>(2 * options.alpha * options.beta / static_cast<double>(options.size));
  parallel_ranges(x.size() / channels, rows_grain(channels), [&](Index begin, Index end) {
    LocalResponseScale<T> scale(channels, options);
    // x_i is used by the outputs on its other side: the window is mirrored.
    PaddedChannels<T> through(channels, (options.size - 1) / 2, options.size / 2);
    std::vector<T> through_sums(static_cast<std::size_t>(channels));
    for (Index row = begin; row < end; ++row) {
      const T* __restrict source = x.data() + row * channels;
      const T* __restrict gradient = dy.data() + row * channels;
      T* __restrict result = dx.data() + row * channels;
      scale.compute(source);
      const T* __restrict sums = scale.sums();
      const T* __restrict powers = scale.powers();
      T* __restrict terms = through.data();
      for (Index c = 0; c < channels; ++c) terms[c] = gradient[c] * source[c] * powers[c] / sums[c];
      through.window_sums(options.size, through_sums.data());
      const T* __restrict collected = through_sums.data();
      for (Index c = 0; c < channels; ++c) result[c] = gradient[c] * powers[c] - slope * source[c] * collected[c];
    }
  });
}

}  // namespace fusiform::kernels
