#include <fusiform/core/error.hpp>

#include "cudnn.hpp"

#if defined(FUSIFORM_EMULATE_CUDA)
#define FUSIFORM_HAS_CUDNN_HEADERS 0
#elif __has_include(<cudnn.h>)
#define FUSIFORM_HAS_CUDNN_HEADERS 1
#include <map>
#include <optional>

#include <fusiform/core/storage.hpp>

#include "cudnn.cuh"
#include "cudnn_conv2d.hpp"
#else
#define FUSIFORM_HAS_CUDNN_HEADERS 0
#endif

namespace fusiform::kernels {

#if FUSIFORM_HAS_CUDNN_HEADERS

namespace {

using namespace cudnn;

/// The same bits in every run; float as float.
bool acceptable(cudnnDataType_t type, const std::vector<cudnnBackendNumericalNote_t>& notes) {
  return std::none_of(notes.begin(), notes.end(), [type](cudnnBackendNumericalNote_t note) {
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
      case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
        return true;
      case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP:
        return false;
      default:  // tensor cores, rounded factors, FFT, Winograd
        return type == CUDNN_DATA_FLOAT;
    }
  });
}

/// A pass that was asked for before: the first plan that its shapes and types allow, if any.
struct KnownPass {
  std::unique_ptr<CudnnGraphBuilder> builder;
  std::vector<CudnnPlan> plans;
};

/// What a thread has asked cuDNN for so far.
class CudnnThread {
 public:
  [[nodiscard]] const CudnnLibrary& library() const { return library_; }

  /// nullptr if cuDNN has no acceptable plan.
  const CudnnPlan* find(const CudnnConv2d& c) {
    const Conv2dProblem& p = c.problem;
    const Key key{p.images,    p.height,    p.width,         p.in_channels, p.out_channels, p.kernel_h,
                  p.kernel_w,  p.stride,    p.padding,       int(c.pass),   int(c.type),    int(c.weight_gradient_type),
                  int(c.bias), int(c.relu), int(c.alignment)};
    auto [place, is_new] = known_.try_emplace(key);
    KnownPass& pass = place->second;
    if (is_new) {
      pass.builder = std::make_unique<CudnnGraphBuilder>(library_, c);
      try {
        pass.plans = pass.builder->plans(1, [&](const auto& notes) { return acceptable(c.type, notes); });
      } catch (const ConfigError&) {  // a graph that cuDNN has no engine for; the caller may have another
      }
    }
    return pass.plans.empty() ? nullptr : &pass.plans.front();
  }

 private:
  using Key = std::array<int, 15>;
  CudnnLibrary library_;
  std::map<Key, KnownPass> known_;
};

CudnnThread& cudnn_of_thread() {
  thread_local CudnnThread thread;
  return thread;
}

void run(const CudnnPlan& plan, const std::vector<std::int64_t>& names, const std::vector<void*>& memory) {
  const CudnnLibrary& library = cudnn_of_thread().library();
  library.check(library.set_stream(library.handle, current_stream()), "cudnnSetStream");
  const Storage<char, Cuda> workspace(plan.workspace_bytes());
  plan.run(plan.bind(names, memory, workspace.data()));
}

template <Scalar T>
CudnnConv2d description(const Conv2dProblem& p, Pass pass, std::initializer_list<const void*> pointers) {
  const bool aligned = std::all_of(pointers.begin(), pointers.end(),
                                   [](const void* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; });
  return {.problem = p,
          .pass = pass,
          .type = std::same_as<T, float> ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16,
          .alignment = aligned ? 16 : std::int64_t(sizeof(T))};
}

[[noreturn]] void refuse(const char* where, const Conv2dProblem& p) {
  throw ConfigError(text(where,
                         ": expected shapes for which cuDNN has an algorithm with the same bits in every run, got ",
                         p.images, " x ", p.height, " x ", p.width, " x ", p.in_channels, ", ", p.out_channels,
                         " filters ", p.kernel_h, " x ", p.kernel_w, ", stride ", p.stride, ", padding ", p.padding));
}

void* mutable_pointer(const void* pointer) { return const_cast<void*>(pointer); }  // as cuDNN takes them

}  // namespace

template <Scalar T>
void conv2d_forward_cudnn(const Conv2dProblem& p, const T* x, const T* weight, const Conv2dEpilogue& epilogue, T* y) {
  constexpr const char* where = "conv2d_forward_cudnn";
  require_setting(epilogue.factor == nullptr, where, "no factor of the channels", "one");
  if (p.out_pixels() == 0) return;
  CudnnConv2d c = description<T>(p, Pass::forward, {x, weight, epilogue.bias, y});
  c.bias = epilogue.bias != nullptr, c.relu = epilogue.relu;
  std::vector<std::int64_t> names{tensor_x, tensor_w, tensor_y};
  std::vector<void*> memory{mutable_pointer(x), mutable_pointer(weight), y};
  const CudnnPlan* fused = cudnn_of_thread().find(c);
  if (fused != nullptr) {
    if (c.bias) names.push_back(tensor_bias), memory.push_back(mutable_pointer(epilogue.bias));
    return run(*fused, names, memory);
  }
  if (!c.bias && !c.relu) refuse(where, p);
  c.bias = c.relu = false;
  const CudnnPlan* alone = cudnn_of_thread().find(c);
  if (alone == nullptr) refuse(where, p);
  run(*alone, names, memory);
  const Index count = p.out_pixels() * p.out_channels;
  launch(finish_sums<T>, over_elements(count, "bias and ReLU after cuDNN"), y, count, p.out_channels, epilogue);
}

template <Scalar T>
void conv2d_backward_input_cudnn(const Conv2dProblem& p, const T* dy, const T* weight, T* dx) {
  if (p.images == 0) return;
  const CudnnPlan* plan = cudnn_of_thread().find(description<T>(p, Pass::backward_input, {dy, weight, dx}));
  if (plan == nullptr) refuse("conv2d_backward_input_cudnn", p);
  run(*plan, {tensor_x, tensor_w, tensor_y}, {dx, mutable_pointer(weight), mutable_pointer(dy)});
}

template <Scalar T>
void conv2d_backward_weight_cudnn(const Conv2dProblem& p, const T* x, const T* dy, float* dw) {
  const Index count = Index{p.out_channels} * p.taps() * p.in_channels;
  if (p.images == 0) return zero_bytes(Cuda{}, dw, std::size_t(count) * sizeof(float));
  CudnnConv2d c = description<T>(p, Pass::backward_weight, {x, dy, dw});
  const std::vector<std::int64_t> names{tensor_x, tensor_w, tensor_y};
  if (const CudnnPlan* plan = cudnn_of_thread().find(c))
    return run(*plan, names, {mutable_pointer(x), dw, mutable_pointer(dy)});
  if constexpr (std::same_as<T, bfloat16>) {  // there may be one that writes bf16
    c.weight_gradient_type = CUDNN_DATA_BFLOAT16;
    if (const CudnnPlan* plan = cudnn_of_thread().find(c)) {
      const Storage<bfloat16, Cuda> rounded(count);
      run(*plan, names, {mutable_pointer(x), rounded.data(), mutable_pointer(dy)});
      return launch(widen<>, over_elements(count, "filter gradient of cuDNN"), rounded.data(), count, dw);
    }
  }
  refuse("conv2d_backward_weight_cudnn", p);
}

#else

namespace {
[[noreturn]] void refuse() {
#if defined(FUSIFORM_EMULATE_CUDA)
  throw ConfigError("cuDNN: expected a GPU, got the emulator");
#else
  throw ConfigError("cuDNN: expected fusiform::cuda to be compiled with cudnn.h on the path, got a build without");
#endif
}
}  // namespace

template <Scalar T>
void conv2d_forward_cudnn(const Conv2dProblem&, const T*, const T*, const Conv2dEpilogue&, T*) {
  refuse();
}
template <Scalar T>
void conv2d_backward_input_cudnn(const Conv2dProblem&, const T*, const T*, T*) {
  refuse();
}
template <Scalar T>
void conv2d_backward_weight_cudnn(const Conv2dProblem&, const T*, const T*, float*) {
  refuse();
}

#endif

template void conv2d_forward_cudnn(const Conv2dProblem&, const float*, const float*, const Conv2dEpilogue&, float*);
template void conv2d_forward_cudnn(const Conv2dProblem&, const bfloat16*, const bfloat16*, const Conv2dEpilogue&,
                                   bfloat16*);
template void conv2d_backward_input_cudnn(const Conv2dProblem&, const float*, const float*, float*);
template void conv2d_backward_input_cudnn(const Conv2dProblem&, const bfloat16*, const bfloat16*, bfloat16*);
template void conv2d_backward_weight_cudnn(const Conv2dProblem&, const float*, const float*, float*);
template void conv2d_backward_weight_cudnn(const Conv2dProblem&, const bfloat16*, const bfloat16*, float*);

}  // namespace fusiform::kernels
