#pragma once
/// Keeps what an algorithm made of a convolution's filters for as long as the filters stay the same.

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d_shape.hpp>

namespace fusiform {

/// One entry: the filters as they were, and what was made of them. Filters are compared number by number on every use,
/// which costs one pass over them and cannot be wrong: nobody has to say that weights have changed. Several threads
/// may use one cache at the same time.
template <Scalar T, Device D>
class FilterCache {
 public:
  /// What `make(View<T, D> result)` writes for `weight`, `size` elements; made now or by an earlier call with the same
  /// weights and algorithm.
  template <class Make>
  [[nodiscard]] std::shared_ptr<const Tensor<T, D>> get(View<const T, D> weight, ConvAlgorithm algorithm, Index size,
                                                        const Make& make) requires std::same_as<D, Cpu> {
    {
      const std::shared_lock reading(mutex_);  // threads compare at the same time
      if (holds(weight, algorithm, size)) return made_;
    }
    const std::unique_lock writing(mutex_);
    if (holds(weight, algorithm, size)) return made_;  // another thread was faster
    auto made = std::make_shared<Tensor<T, D>>(Tensor<T, D>::uninitialized(Shape{size}));
    make(made->view());
    weight_ = Tensor<T, D>::uninitialized(weight.shape());
    std::copy_n(weight.data(), weight.size(), weight_.data());
    algorithm_ = algorithm;
    made_ = std::move(made);
    return made_;
  }

 private:
  [[nodiscard]] bool holds(View<const T, D> weight, ConvAlgorithm algorithm, Index size) const {
    return made_ && algorithm == algorithm_ && size == made_->size() && weight.shape() == weight_.shape() &&
           std::memcmp(weight.data(), weight_.data(), static_cast<std::size_t>(weight.size()) * sizeof(T)) == 0;
  }

  std::shared_mutex mutex_;
  Tensor<T, D> weight_;
  ConvAlgorithm algorithm_ = ConvAlgorithm::automatic;
  std::shared_ptr<const Tensor<T, D>> made_;
};

}  // namespace fusiform
