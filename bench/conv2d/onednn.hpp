#pragma once
/// The convolutions of oneDNN 2 or 3 (Apache-2.0, https://github.com/oneapi-src/oneDNN), through its C++ interface. It
/// may choose every memory layout; reorders between its layouts and ours are not measured. Of the algorithms for which
/// it can create a primitive the fastest is taken.

#include <algorithm>
#include <dnnl.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "../support/duration.hpp"
#include "implementation.hpp"

namespace fusiform::bench::onednn {

inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

inline dnnl::stream& stream() {
  static dnnl::stream default_stream(engine());
  return default_stream;
}

/// Version and the widest instructions it may use (see ONEDNN_MAX_CPU_ISA).
inline std::string version() {
  const dnnl_version_t* const version = dnnl::version();
  std::string instructions = "other instructions";
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx2:
      instructions = "AVX2";
      break;
    case dnnl::cpu_isa::avx512_core:
      instructions = "AVX-512";
      break;
    case dnnl::cpu_isa::avx512_core_vnni:
      instructions = "AVX-512 VNNI";
      break;
    case dnnl::cpu_isa::avx512_core_bf16:
      instructions = "AVX-512 BF16";
      break;
    default:
      break;
  }
  return text(version->major, ".", version->minor, ".", version->patch, ", ", instructions);
}

/// In oneDNN's order of dimensions, which has channels second.
inline dnnl::memory::dims dims(const Shape& shape) {
  if (shape.rank() == 1) return {shape[0]};
  return {shape[0], shape[3], shape[1], shape[2]};
}

/// A tensor of ours as oneDNN sees it. oneDNN's type has no read-only form; operands are only read.
inline dnnl::memory wrap(const Tensor<float, Cpu>& tensor) {
  using Tag = dnnl::memory::format_tag;
  // (N, H, W, C) and (out, kernel_h, kernel_w, in) are the same order of four dimensions.
  const dnnl::memory::desc description(dims(tensor.shape()), dnnl::memory::data_type::f32,
                                       tensor.shape().rank() == 1 ? Tag::a : Tag::acdb);
  return {description, engine(), const_cast<float*>(tensor.data())};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

/// The same dimensions in whatever layout the primitive prefers.
inline dnnl::memory::desc any_layout(const Tensor<float, Cpu>& tensor) {
  return {dims(tensor.shape()), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

inline dnnl::memory reordered(dnnl::memory from, const dnnl::memory::desc& to) {
  dnnl::memory copy(to, engine());
  dnnl::reorder(from, copy).execute(stream(), from, copy);
  stream().wait();
  return copy;
}

struct Candidate {
  std::string name;
  dnnl::primitive primitive;
  std::unordered_map<int, dnnl::memory> arguments;
  int result = 0;  ///< which argument is computed

  void run() const {
    primitive.execute(stream(), arguments);
    stream().wait();
  }
};

/// What a primitive of the type needs, from the arguments of its description and, for a gradient, from the description
/// of the forward pass. Throws dnnl::error if there is no such primitive.
template <class Convolution, class... Forward, class... Arguments>
typename Convolution::primitive_desc describe(const std::tuple<Forward...>& forward, const Arguments&... arguments) {
  return std::apply(
      [&](const Forward&... hint) {
#if DNNL_VERSION_MAJOR >= 3
        return typename Convolution::primitive_desc(engine(), arguments..., hint...);
#else
        return typename Convolution::primitive_desc(typename Convolution::desc(arguments...), engine(), hint...);
#endif
      },
      forward);
}

inline dnnl::memory::dims strides(const Problem& problem) { return {problem.shape.stride, problem.shape.stride}; }
inline dnnl::memory::dims padding(const Problem& problem) { return {problem.shape.padding, problem.shape.padding}; }

inline dnnl::convolution_forward::primitive_desc describe_forward(const Problem& problem, dnnl::algorithm algorithm,
                                                                  dnnl::prop_kind kind) {
  return describe<dnnl::convolution_forward>(
      std::tuple<>(), kind, algorithm, any_layout(problem.x), any_layout(problem.weight), wrap(problem.bias).get_desc(),
      any_layout(problem.y), strides(problem), padding(problem), padding(problem));
}

/// Of one of the gradients.
template <class Convolution>
typename Convolution::primitive_desc describe_backward(const Problem& problem, dnnl::algorithm algorithm) {
  return describe<Convolution>(std::tuple(describe_forward(problem, algorithm, dnnl::prop_kind::forward_training)),
                               algorithm, any_layout(problem.x), any_layout(problem.weight), any_layout(problem.y),
                               strides(problem), padding(problem), padding(problem));
}

inline Candidate forward(const Problem& problem, dnnl::algorithm algorithm, dnnl::prop_kind kind) {
  const auto description = describe_forward(problem, algorithm, kind);
  return {description.impl_info_str(),
          dnnl::convolution_forward(description),
          {{DNNL_ARG_SRC, reordered(wrap(problem.x), description.src_desc())},
           {DNNL_ARG_WEIGHTS, reordered(wrap(problem.weight), description.weights_desc())},
           {DNNL_ARG_BIAS, wrap(problem.bias)},
           {DNNL_ARG_DST, dnnl::memory(description.dst_desc(), engine())}},
          DNNL_ARG_DST};
}

inline Candidate backward_input(const Problem& problem, dnnl::algorithm algorithm) {
  const auto description = describe_backward<dnnl::convolution_backward_data>(problem, algorithm);
  return {description.impl_info_str(),
          dnnl::convolution_backward_data(description),
          {{DNNL_ARG_DIFF_DST, reordered(wrap(problem.y), description.diff_dst_desc())},
           {DNNL_ARG_WEIGHTS, reordered(wrap(problem.weight), description.weights_desc())},
           {DNNL_ARG_DIFF_SRC, dnnl::memory(description.diff_src_desc(), engine())}},
          DNNL_ARG_DIFF_SRC};
}

inline Candidate backward_weight(const Problem& problem, dnnl::algorithm algorithm) {
  const auto description = describe_backward<dnnl::convolution_backward_weights>(problem, algorithm);
  return {description.impl_info_str(),
          dnnl::convolution_backward_weights(description),
          {{DNNL_ARG_SRC, reordered(wrap(problem.x), description.src_desc())},
           {DNNL_ARG_DIFF_DST, reordered(wrap(problem.y), description.diff_dst_desc())},
           {DNNL_ARG_DIFF_WEIGHTS, dnnl::memory(description.diff_weights_desc(), engine())}},
          DNNL_ARG_DIFF_WEIGHTS};
}

inline Candidate candidate(const Problem& problem, dnnl::algorithm algorithm, dnnl::prop_kind kind) {
  if (problem.pass == Pass::forward) return forward(problem, algorithm, kind);
  return problem.pass == Pass::backward_input ? backward_input(problem, algorithm)
                                              : backward_weight(problem, algorithm);
}

/// The fastest of three runs after one that warms up.
inline double trial_seconds(const Candidate& candidate) {
  candidate.run();
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < 3; ++trial) best = std::min(best, time_of([&] { candidate.run(); }).seconds);
  return best;
}

/// The best primitive for the problem; nullptr if oneDNN has none.
inline std::shared_ptr<const Candidate> best_candidate(const Problem& problem) {
  std::shared_ptr<const Candidate> best;
  double best_seconds = std::numeric_limits<double>::infinity();
  std::vector<std::string> tried;
  for (const auto algorithm :
       {dnnl::algorithm::convolution_auto, dnnl::algorithm::convolution_direct, dnnl::algorithm::convolution_winograd})
    for (const auto kind : {dnnl::prop_kind::forward_training, dnnl::prop_kind::forward_inference}) {
      if (problem.pass != Pass::forward && kind == dnnl::prop_kind::forward_inference) continue;
      try {
        auto next = std::make_shared<const Candidate>(candidate(problem, algorithm, kind));
        if (std::find(tried.begin(), tried.end(), next->name) != tried.end()) continue;
        tried.push_back(next->name);
        const double seconds = trial_seconds(*next);
        if (seconds < best_seconds) {
          best_seconds = seconds;
          best = std::move(next);
        }
      } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;
      }
    }
  return best;
}

inline std::optional<Implementation> implementation(const Problem& problem) {
  const std::shared_ptr<const Candidate> best = best_candidate(problem);
  if (!best) return std::nullopt;
  const auto results = [&problem, best] {
    Tensor<float, Cpu> copy(problem.result_shape());
    dnnl::memory computed = best->arguments.at(best->result);
    dnnl::memory ours = wrap(copy);
    dnnl::reorder(computed, ours).execute(stream(), computed, ours);
    stream().wait();
    return copy;
  };
  return Implementation{"onednn", best->name, [best] { best->run(); }, results};
}

}  // namespace fusiform::bench::onednn
