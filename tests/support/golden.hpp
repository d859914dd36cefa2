#pragma once
/// Results of PyTorch, stored in tests/goldens, in this library's layout.

#include <string>

#include <fusiform/core/tensor.hpp>
#include <fusiform/io/safetensors.hpp>

namespace fusiform::test {

/// (A, B, C, D) to (A, C, D, B): images from (N, C, H, W), filters from (out, in, kernel_h, kernel_w).
template <class T>
[[nodiscard]] Tensor<T, Cpu> channels_last(const Tensor<T, Cpu>& tensor) {
  const Shape from = tensor.shape();
  Tensor<T, Cpu> result(Shape{from[0], from[2], from[3], from[1]});
  Index position = 0;
  for (Index a = 0; a < from[0]; ++a)
    for (Index b = 0; b < from[1]; ++b)
      for (Index c = 0; c < from[2]; ++c)
        for (Index d = 0; d < from[3]; ++d)
          result[((a * from[2] + c) * from[3] + d) * from[1] + b] = tensor[position++];
  return result;
}

class Goldens {
 public:
  explicit Goldens(const std::string& file = "operations.safetensors")
      : file_(std::string(FUSIFORM_GOLDENS) + "/" + file) {}

  [[nodiscard]] const SafetensorsFile& file() const noexcept { return file_; }

  /// In the order of axes of the file.
  template <class T>
  [[nodiscard]] Tensor<T, Cpu> plain(const std::string& name) const {
    const std::vector<Index> dimensions = file_.shape(name);
    Shape shape{1};
    if (!dimensions.empty()) shape = Shape{dimensions[0]};
    if (dimensions.size() == 2) shape = Shape{dimensions[0], dimensions[1]};
    if (dimensions.size() == 3) shape = Shape{dimensions[0], dimensions[1], dimensions[2]};
    if (dimensions.size() == 4) shape = Shape{dimensions[0], dimensions[1], dimensions[2], dimensions[3]};
    const std::vector<T> values = file_.read<T>(name);
    return Tensor<T, Cpu>(shape, values);
  }

  /// With channels last if there are four axes.
  template <class T>
  [[nodiscard]] Tensor<T, Cpu> tensor(const std::string& name) const {
    Tensor<T, Cpu> result = plain<T>(name);
    return result.shape().rank() == 4 ? channels_last(result) : result;
  }

 private:
  SafetensorsFile file_;
};

}  // namespace fusiform::test
