/// bf16 convolutions on Hopper. Its kernels take channels in multiples of 8 at aligned addresses; other tensors are
/// copied into scratch memory, with channels of zeros beside their own. First layers have kernels for few channels.

// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <fusiform/core/storage.hpp>

#include "conv2d_bfloat16.cuh"
#include "conv2d_few_channels.cuh"
#include "conv2d_hopper.cuh"
#include "conv2d_then_pool.cuh"
#include "resize_channels.cuh"

namespace fusiform::kernels {

namespace {

[[nodiscard]] constexpr int to_multiple_of_8(int channels) { return (channels + 7) / 8 * 8; }
[[nodiscard]] bool is_aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

/// (rows, channels) and where they lie: rows from `rows` to `all_rows` are there in the kernels' copy only.
struct Place {
  Index rows, all_rows;
  int channels;

  [[nodiscard]] int wide() const { return to_multiple_of_8(channels); }
  [[nodiscard]] bool suits(const void* pointer) const {
    return all_rows == rows && wide() == channels && is_aligned(pointer);
  }
};

[[nodiscard]] Place x_place(const Conv2dProblem& p) {
  const Index pixels = Index{p.images} * p.height * p.width;
  return {pixels, pixels, p.in_channels};
}
[[nodiscard]] Place y_place(const Conv2dProblem& p) { return {p.out_pixels(), p.out_pixels(), p.out_channels}; }
[[nodiscard]] Place weight_place(const Conv2dProblem& p) {
  return {Index{p.out_channels} * p.taps(), Index{to_multiple_of_8(p.out_channels)} * p.taps(), p.in_channels};
}
[[nodiscard]] Place bias_place(const Conv2dProblem& p) { return {1, 1, p.out_channels}; }

/// What a kernel reads: the tensor, or a copy as the kernel takes it.
template <class T>
class Operand {
 public:
  Operand(const T* tensor, const Place& place, const std::string& what) : data_(tensor) {
    if (tensor == nullptr || place.suits(tensor)) return;
    copy_ = Storage<T, Cuda>(place.all_rows * place.wide());
    data_ = copy_.data();
    resize_channels<T>({tensor, copy_.data(), place.rows, place.all_rows, place.channels, place.wide()},
                       what + ": channels to a multiple of 8");
  }
  [[nodiscard]] const T* data() const noexcept { return data_; }

 private:
  Storage<T, Cuda> copy_;
  const T* data_;
};

/// Where a kernel writes: the tensor, or scratch memory that `finish` copies from.
template <class T>
class Result {
 public:
  Result(T* tensor, const Place& place) : tensor_(tensor), place_(place) {
    if (tensor != nullptr && !place.suits(tensor)) scratch_ = Storage<T, Cuda>(place.all_rows * place.wide());
  }
  [[nodiscard]] T* data() const noexcept { return scratch_.data() != nullptr ? scratch_.data() : tensor_; }
  void finish(const std::string& what) const {
    if (scratch_.data() != nullptr)
      resize_channels<T>({scratch_.data(), tensor_, place_.rows, place_.rows, place_.wide(), place_.channels},
                         what + ": channels from a multiple of 8");
  }

 private:
  Storage<T, Cuda> scratch_;
  T* tensor_;
  Place place_;
};

[[nodiscard]] Conv2dProblem widened(Conv2dProblem p) {
  p.in_channels = to_multiple_of_8(p.in_channels);
  p.out_channels = to_multiple_of_8(p.out_channels);
  return p;
}

[[nodiscard]] HopperRun hopper_run(const std::string& what) {
  return {.multiprocessors = multiprocessor_count(), .stream = current_stream(), .what = what.c_str()};
}

[[nodiscard]] FewChannelsRun few_channels_run(const std::string& what) {
  return {.multiprocessors = multiprocessor_count(),
          .stream = current_stream(),
          .shared_bytes = 227 * 1024,
          .what = what.c_str()};
}

/// Whether a problem is a first layer's that goes without copies. `wide` is the tensor with the output's channels.
[[nodiscard]] bool has_few_channels(const Conv2dProblem& p, const void* wide, const FewChannelsRun& run) {
  return p.in_channels <= 4 && is_aligned(wide) && few_channels_apply(p, run);
}

/// Whether one kernel makes the maxima that are wanted, and is expected to take no longer than two.
[[nodiscard]] bool pools_in_kernel(const Conv2dProblem& p, const Bfloat16Forward& pass) {
  return !has_few_channels(p, pass.y, few_channels_run({})) && y_place(p).suits(pass.y) &&
         is_aligned(pass.max_pool.positions) && pools_at_once(widened(p), multiprocessor_count(), sizeof(bfloat16));
}

void convolve_then_pool(const Conv2dProblem& p, const Bfloat16Forward& pass, const std::string& what) {
  const Storage<bfloat16, Cuda> between(p.out_pixels() * p.out_channels);
  conv2d_bfloat16_hopper(p, Bfloat16Forward{pass.x, pass.weight, pass.bias, pass.relu, between.data()}, what);
  pool_between(p, between.data(), pass.max_pool, pass.y);
}

}  // namespace

void conv2d_bfloat16_hopper(const Conv2dProblem& p, const Bfloat16Forward& pass, const std::string& what) {
  if (pass.max_pool.wanted && !pools_in_kernel(p, pass)) return convolve_then_pool(p, pass, what);
  if (const FewChannelsRun run = few_channels_run(what); has_few_channels(p, pass.y, run))
    return conv2d_forward_few_channels(p, pass.x, pass.weight, {.bias = pass.bias, .relu = pass.relu}, pass.y, run);
  const Operand<bfloat16> x(pass.x, x_place(p), what), weight(pass.weight, weight_place(p), what);
  const Operand<float> bias(pass.bias, bias_place(p), what);
  const Result<bfloat16> y(pass.y, y_place(p));
  conv2d_forward_hopper(widened(p), x.data(), weight.data(),
                        {.bias = bias.data(), .relu = pass.relu, .max_pool = pass.max_pool}, y.data(),
                        hopper_run(what));
  y.finish(what);
}

void conv2d_bfloat16_hopper(const Conv2dProblem& p, const Bfloat16BackwardInput& pass, const std::string& what) {
  const Operand<bfloat16> dy(pass.dy, y_place(p), what), weight(pass.weight, weight_place(p), what);
  const Operand<bfloat16> relu_output(pass.relu_output, x_place(p), what);
  const Result<bfloat16> dx(pass.dx, x_place(p));
  conv2d_backward_input_hopper(widened(p), dy.data(), weight.data(), dx.data(), hopper_run(what), relu_output.data());
  dx.finish(what);
}

void conv2d_bfloat16_hopper(const Conv2dProblem& p, const Bfloat16BackwardParameters& pass, const std::string& what) {
  if (const FewChannelsRun run = few_channels_run(what); has_few_channels(p, pass.dy, run)) {
    const Storage<float, Cuda> scratch(few_channels_scratch(p, run));
    return conv2d_backward_weight_few_channels(p, pass.x, pass.dy, pass.dw, pass.db, scratch.data(), run);
  }
  const Operand<bfloat16> x(pass.x, x_place(p), what), dy(pass.dy, y_place(p), what);
  const Result<float> dw(pass.dw, weight_place(p)), db(pass.db, bias_place(p));
  const Conv2dProblem wide = widened(p);
  const HopperRun run = hopper_run(what);
  const Storage<float, Cuda> scratch(backward_weight_scratch(wide, run).floats());
  conv2d_backward_weight_hopper(wide, x.data(), dy.data(), dw.data(), db.data(), scratch.data(), run);
  dw.finish(what);
  db.finish(what);
}

}  // namespace fusiform::kernels
