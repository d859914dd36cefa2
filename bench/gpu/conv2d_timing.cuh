#pragma once
/// One convolution, ours and cuDNN's, on several sets of tensors: results compared, then timed in turn.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/conv2d_few_channels.cuh"
#include "kernels/conv2d_hopper.cuh"
#include "kernels/conv2d_then_pool.cuh"
#include "kernels/cudnn_conv2d.hpp"
#include "tests/cuda/device_memory.cuh"

namespace conv2d_timing {

using fusiform::arch::bf16;
using namespace fusiform::kernels;
namespace peer = fusiform::cudnn;
using peer::Pass;

/// One set of tensors; several are used in turn so that the second-level cache holds none of them.
struct Tensors {
  bf16 *x, *w, *y, *other_y, *other_x;
  float *dw, *other_dw, *bias, *db, *scratch;
};

struct Result {
  double ours = 0, cudnn = 0, error = 0;
  double with_bias = 0;  ///< ours, with the bias gradient too
};

/// Milliseconds of a forward pass and a pooling: in one kernel, by every tile (0: not taken), in two, and with cuDNN's
/// convolution.
struct PooledResult {
  double at_once[std::size(hopper_pixel_tiles)] = {};
  double in_two = 0, after_cudnn = 0;
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(const Conv2dProblem& problem, gpu::Arena& arena, int multiprocessors, bool with_peer)
      : p_(problem), arena_(&arena), run_{.multiprocessors = multiprocessors} {
    arena.clear();
    const std::int64_t x = std::int64_t(p_.images) * p_.height * p_.width * p_.in_channels;
    const std::int64_t y = p_.out_pixels() * p_.out_channels;
    const std::int64_t w = std::int64_t(p_.out_channels) * p_.taps() * p_.in_channels;
    const int count = int(std::clamp<std::int64_t>(400'000'000 / (2 * (x + y + w)), 2, 6));
    float* scratch = arena.take<float>(80 * w + 8'000'000);  // for 64 ranges of pixels, or parts of few terms
    for (int i = 0; i < count; ++i) {
      Tensors t{arena.take<bf16>(x),
                arena.take<bf16>(w),
                arena.take<bf16>(y),
                nullptr,
                nullptr,
                arena.take<float>(w),
                nullptr,
                arena.take<float>(p_.out_channels),
                arena.take<float>(p_.out_channels),
                scratch};
      t.other_y = with_peer && i == 0 ? arena.take<bf16>(y) : t.y;
      t.other_x = with_peer && i == 0 ? arena.take<bf16>(x) : t.x;
      t.other_dw = with_peer && i == 0 ? arena.take<float>(w) : t.dw;
      fill(t.x, x, 10 * i + 1, 1.0f);
      fill(t.w, w, 10 * i + 2, 0.1f);
      fill(t.y, y, 10 * i + 3, 1.0f);
      gpu::fill_random_float<<<64, 256>>>(t.bias, p_.out_channels, std::uint64_t(i));
      sets_.push_back(t);
    }
    x_count_ = x, y_count_ = y, w_count_ = w;
  }

  void ours(Pass pass, int set, const HopperRun& run, bool bias_gradient = false) const {
    const Tensors& t = sets_[std::size_t(set)];
    if (few_channels()) return ours_few_channels(pass, t, bias_gradient);
    if (pass == Pass::forward) conv2d_forward_hopper(p_, t.x, t.w, {.bias = t.bias, .relu = true}, t.y, run);
    if (pass == Pass::backward_input) conv2d_backward_input_hopper(p_, t.y, t.w, t.x, run);
    if (pass == Pass::backward_weight)
      conv2d_backward_weight_hopper(p_, t.x, t.y, t.dw, bias_gradient ? t.db : nullptr, t.scratch, run);
  }

  /// Too few channels for the copy engine. Their input gradient is nothing that training needs.
  [[nodiscard]] bool few_channels() const { return p_.in_channels % 8 != 0; }

  /// Milliseconds of one run of `work(set)`, from a sample of at least 2 ms, or 3 runs.
  double sample(const std::function<void(int)>& work, double about) {
    const int repeats = std::max(3, int(2.0 / std::max(about, 1e-3)));
    return timer_.milliseconds([&] {
      for (int i = 0; i < repeats; ++i) work(next_ = (next_ + 1) % int(sets_.size()));
    }) / repeats;
  }

  Result measure(Pass pass, const peer::CudnnLibrary* library) {
    const auto our_work = [&](int set) { ours(pass, set, run_); };
    our_work(0);
    gpu::check(cudaDeviceSynchronize(), "our convolution");
    Result result;
    try {
      if (library != nullptr) choose_peer(pass, *library, result);
    } catch (const std::runtime_error& error) {
      std::printf("without cuDNN: %s\n", error.what());
    }
    const double about = sample(our_work, 1.0), peer_about = peer_ ? sample(*peer_, 1.0) : 0;
    std::vector<double> our_times, peer_times;
    for (int i = 0; i < 9; ++i) {
      our_times.push_back(sample(our_work, about));
      if (peer_) peer_times.push_back(sample(*peer_, peer_about));
    }
    result.ours = median(our_times);
    if (pass == Pass::backward_weight) {
      const auto with_bias = [&](int set) { ours(pass, set, run_, true); };
      std::vector<double> times;
      for (int i = 0; i < 5; ++i) times.push_back(sample(with_bias, about));
      result.with_bias = median(times);
    }
    if (peer_) result.cudnn = median(peer_times);
    return result;
  }

  double time_tile(Pass pass, int tile, int splits) {
    HopperRun run = run_;
    run.tile = tile;
    run.splits = splits;
    return time([&](int set) { ours(pass, set, run); });
  }

  /// After the forward pass has been measured: the peer is its.
  PooledResult measure_pooled() {
    const std::int64_t count = std::int64_t(p_.images) * (p_.out_height() / 2) * (p_.out_width() / 2) * p_.out_channels;
    auto* y = arena_->take<bf16>(count);
    const Conv2dMaxPool pool{true, arena_->take<std::int32_t>(count), true};
    PooledResult result;
    result.in_two = time([&](int set) {
      ours(Pass::forward, set, run_);
      pool_between(p_, sets_[std::size_t(set)].y, pool, y);
    });
    if (peer_)
      result.after_cudnn = time([&](int set) {
        (*peer_)(set);
        pool_between(p_, sets_[std::size_t(set)].other_y, pool, y);
      });
    HopperRun run = run_;
    for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile)
      if (pooled_product(p_).takes(hopper_pixel_tiles[run.tile]))
        result.at_once[run.tile] = time([&](int set) {
          const Tensors& t = sets_[std::size_t(set)];
          conv2d_forward_hopper(p_, t.x, t.w, {.bias = t.bias, .relu = true, .max_pool = pool}, y, run);
        });
    return result;
  }

  /// An input gradient that goes on through a ReLU whose output is another set's image.
  double measure_with_relu() {
    return time([&](int set) {
      const Tensors& t = sets_[std::size_t(set)];
      conv2d_backward_input_hopper(p_, t.y, t.w, t.x, run_, sets_[std::size_t(set + 1) % sets_.size()].x);
    });
  }

 private:
  /// The median of 5 samples.
  double time(const std::function<void(int)>& work) {
    const double about = sample(work, 1.0);
    std::vector<double> times;
    for (int i = 0; i < 5; ++i) times.push_back(sample(work, about));
    return median(times);
  }

  void ours_few_channels(Pass pass, const Tensors& t, bool bias_gradient) const {
    const FewChannelsRun run{.multiprocessors = run_.multiprocessors, .shared_bytes = 227 << 10};
    if (pass == Pass::forward) conv2d_forward_few_channels(p_, t.x, t.w, {.bias = t.bias, .relu = true}, t.y, run);
    if (pass == Pass::backward_weight)
      conv2d_backward_weight_few_channels(p_, t.x, t.y, t.dw, bias_gradient ? t.db : nullptr, t.scratch, run);
  }

  static void fill(bf16* data, std::int64_t count, int seed, float scale) {
    gpu::fill_random_bf16<<<1024, 256>>>(data, count, std::uint64_t(seed), scale);
  }

  /// Takes cuDNN's fastest plan, and compares its result with ours on set 0. Its filter gradient may be float or bf16,
  /// whichever is faster; ours is float.
  void choose_peer(Pass pass, const peer::CudnnLibrary& library, Result& result) {
    std::vector<cudnnDataType_t> types{CUDNN_DATA_BFLOAT16};
    if (pass == Pass::backward_weight) types.push_back(CUDNN_DATA_FLOAT);
    peer_.reset();
    plans_.clear();
    builders_.clear();
    std::size_t bf16_plans = 0;
    for (const cudnnDataType_t type : types) {
      const bool forward = pass == Pass::forward;
      auto& builder = builders_.emplace_back(std::make_unique<peer::CudnnGraphBuilder>(
          library, peer::CudnnConv2d{
                       .problem = p_, .pass = pass, .weight_gradient_type = type, .bias = forward, .relu = forward}));
      for (auto& plan : builder->plans(5, [](const auto&) { return true; })) plans_.push_back(std::move(plan));
      if (type == CUDNN_DATA_BFLOAT16) bf16_plans = plans_.size();
    }
    if (plans_.empty()) throw std::runtime_error("no plan");
    const std::size_t chosen = fastest_plan(pass);
    peer_ = bound(pass, plans_[chosen], workspace_);
    (*peer_)(0);
    const Tensors& t = sets_[0];
    if (pass == Pass::forward) result.error = gpu::relative_error(t.y, t.other_y, y_count_);
    if (pass == Pass::backward_input) result.error = gpu::relative_error(t.x, t.other_x, x_count_);
    if (pass == Pass::backward_weight && chosen < bf16_plans)
      result.error = gpu::relative_error(t.dw, reinterpret_cast<const bf16*>(t.other_dw), w_count_);
    if (pass == Pass::backward_weight && chosen >= bf16_plans)
      result.error = gpu::relative_error(t.dw, t.other_dw, w_count_);
  }

  std::size_t fastest_plan(Pass pass) {
    std::int64_t bytes = 0;
    for (const auto& plan : plans_) bytes = std::max(bytes, plan.workspace_bytes());
    if (bytes > workspace_bytes_) workspace_ = arena_->take<char>(workspace_bytes_ = bytes);
    double best = 1e30;
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      const auto work = bound(pass, plans_[i], workspace_);
      work(1);
      const double time = std::min(sample(work, 1.0), sample(work, 1.0));
      if (time < best) best = time, chosen = i;
    }
    return chosen;
  }

  /// cuDNN's work on a set. Set 0 writes beside our result, so that both can be compared.
  std::function<void(int)> bound(Pass pass, const peer::CudnnPlan& plan, void* workspace) const {
    auto packs = std::make_shared<std::vector<peer::CudnnDescriptor>>();
    for (const Tensors& t : sets_) {
      std::vector<std::int64_t> names{peer::tensor_x, peer::tensor_w, peer::tensor_y};
      std::vector<void*> memory{pass == Pass::backward_input ? t.other_x : t.x,
                                pass == Pass::backward_weight ? static_cast<void*>(t.other_dw) : t.w,
                                pass == Pass::forward ? t.other_y : t.y};
      if (pass == Pass::forward) names.push_back(peer::tensor_bias), memory.push_back(t.bias);
      packs->push_back(plan.bind(names, memory, workspace));
    }
    return [&plan, packs](int set) { plan.run((*packs)[std::size_t(set)]); };
  }

  Conv2dProblem p_;
  gpu::Arena* arena_;
  HopperRun run_;
  std::vector<Tensors> sets_;
  std::int64_t x_count_ = 0, y_count_ = 0, w_count_ = 0;
  int next_ = 0;
  gpu::Timer timer_;
  char* workspace_ = nullptr;
  std::int64_t workspace_bytes_ = 0;
  std::vector<std::unique_ptr<peer::CudnnGraphBuilder>> builders_;
  std::vector<peer::CudnnPlan> plans_;
  std::optional<std::function<void(int)>> peer_;
};

}  // namespace conv2d_timing
