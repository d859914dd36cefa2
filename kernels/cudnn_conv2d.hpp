#pragma once
/// Convolutions by cuDNN in NHWC, as execution plans: those its heuristics propose, in their order.

#include <algorithm>
#include <functional>
#include <memory>

#include "conv2d_problem.hpp"
#include "cudnn_library.hpp"

namespace fusiform::cudnn {

enum class Pass { forward, backward_input, backward_weight };

/// One pass of a convolution. Sums and bias are float.
struct CudnnConv2d {
  kernels::Conv2dProblem problem;
  Pass pass = Pass::forward;
  cudnnDataType_t type = CUDNN_DATA_BFLOAT16;               ///< of images and filters
  cudnnDataType_t weight_gradient_type = CUDNN_DATA_FLOAT;  ///< cuDNN may offer more engines for bf16
  bool bias = false, relu = false;                          ///< of the forward pass
  std::int64_t alignment = 16;                              ///< of all tensors, in bytes
};

/// Whether an engine with these numerical notes may be used.
using EngineFilter = std::function<bool(const std::vector<cudnnBackendNumericalNote_t>&)>;

/// Names of the tensors in a plan.
enum Tensor : std::int64_t { tensor_x = 1, tensor_w, tensor_y, tensor_bias, tensor_sum, tensor_biased };

/// One way of cuDNN to compute a pass.
class CudnnPlan {
 public:
  CudnnPlan(const CudnnLibrary& library, cudnnBackendDescriptor_t config)
      : library_(&library), plan_(library, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
    plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
    plan_.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, library.handle);
    plan_.finalize();
    library.check(library.get(plan_.raw(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, nullptr,
                              &workspace_bytes_),
                  "workspace size");
  }

  [[nodiscard]] std::int64_t workspace_bytes() const { return workspace_bytes_; }

  /// Binds memory to the plan's tensors.
  [[nodiscard]] CudnnDescriptor bind(const std::vector<std::int64_t>& names, const std::vector<void*>& memory,
                                     void* workspace) const {
    CudnnDescriptor pack(*library_, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, names);
    pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, std::int64_t(memory.size()), memory.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
    pack.finalize();
    return pack;
  }

  void run(const CudnnDescriptor& pack) const {
    library_->check(library_->execute(library_->handle, plan_.raw(), pack.raw()), "cudnnBackendExecute");
  }

 private:
  const CudnnLibrary* library_;
  CudnnDescriptor plan_;
  std::int64_t workspace_bytes_ = 0;
};

/// Makes the plans of a pass; it must live as long as they do.
class CudnnGraphBuilder {
 public:
  CudnnGraphBuilder(const CudnnLibrary& library, const CudnnConv2d& pass) : library_(&library), c_(pass) {}

  /// At most `limit` plans. Proposals come from cuDNN's heuristic for the device, then from its list of last resorts.
  [[nodiscard]] std::vector<CudnnPlan> plans(std::size_t limit, const EngineFilter& allowed) {
    std::vector<CudnnDescriptor> operations;
    if (c_.pass == Pass::forward) add_forward(operations);
    if (c_.pass == Pass::backward_input) add_backward_input(operations);
    if (c_.pass == Pass::backward_weight) add_backward_weight(operations);
    std::vector<cudnnBackendDescriptor_t> raw;
    for (const auto& operation : operations) raw.push_back(operation.raw());
    CudnnDescriptor graph(*library_, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::int64_t(raw.size()), raw.data());
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, library_->handle);
    graph.finalize();
    std::vector<CudnnPlan> plans;
    for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
      add_plans(graph, mode, limit, allowed, plans);
    return plans;
  }

 private:
  void add_plans(const CudnnDescriptor& graph, cudnnBackendHeurMode_t mode, std::size_t limit,
                 const EngineFilter& allowed, std::vector<CudnnPlan>& plans) const {
    CudnnDescriptor heuristic(*library_, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
    if (library_->finalize(heuristic.raw()) != CUDNN_STATUS_SUCCESS) return;  // nothing to propose
    std::vector<CudnnDescriptor> configs;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (int i = 0; i < 64; ++i) {
      configs.emplace_back(*library_, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      raw.push_back(configs.back().raw());
    }
    std::int64_t count = 0;
    library_->check(library_->get(heuristic.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                  std::int64_t(raw.size()), &count, raw.data()),
                    "heuristics");
    count = std::min(count, std::int64_t(raw.size()));  // it may count those that did not fit
    for (std::int64_t i = 0; i < count && plans.size() < limit; ++i) {
      try {
        if (allowed(numerical_notes(raw[std::size_t(i)]))) plans.emplace_back(*library_, raw[std::size_t(i)]);
      } catch (const ConfigError&) {  // not every proposal can be built on every machine
      }
    }
  }

  [[nodiscard]] std::vector<cudnnBackendNumericalNote_t> numerical_notes(cudnnBackendDescriptor_t config) const {
    const CudnnDescriptor engine(*library_, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendDescriptor_t raw = engine.raw();
    std::int64_t count = 0;
    library_->check(library_->get(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
                    "engine");
    std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
    library_->check(library_->get(raw, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                  std::int64_t(notes.size()), &count, notes.data()),
                    "numerical notes");
    notes.resize(std::size_t(count));
    return notes;
  }

  /// A descriptor that lives as long as the plans.
  CudnnDescriptor& keep(cudnnBackendDescriptorType_t type) {
    return *descriptors_.emplace_back(std::make_unique<CudnnDescriptor>(*library_, type));
  }

  /// `dims` in the order N, C, H, W, which cuDNN expects; memory is NHWC.
  CudnnDescriptor& tensor(Tensor name, std::vector<std::int64_t> dims, cudnnDataType_t type, bool is_virtual = false) {
    CudnnDescriptor& t = keep(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const std::vector<std::int64_t> strides{dims[1] * dims[2] * dims[3], 1, dims[3] * dims[1], dims[1]};
    t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type).set(CUDNN_ATTR_TENSOR_DIMENSIONS, dims);
    t.set(CUDNN_ATTR_TENSOR_STRIDES, strides).set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {std::int64_t(name)});
    t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {c_.alignment});
    t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
    return t.finalize();
  }
  CudnnDescriptor& image() {
    const kernels::Conv2dProblem& p = c_.problem;
    return tensor(tensor_x, {p.images, p.in_channels, p.height, p.width}, c_.type);
  }
  CudnnDescriptor& filters(cudnnDataType_t type) {
    const kernels::Conv2dProblem& p = c_.problem;
    return tensor(tensor_w, {p.out_channels, p.in_channels, p.kernel_h, p.kernel_w}, type);
  }
  CudnnDescriptor& result(Tensor name, cudnnDataType_t type, bool is_virtual = false) {
    const kernels::Conv2dProblem& p = c_.problem;
    return tensor(name, {p.images, p.out_channels, p.out_height(), p.out_width()}, type, is_virtual);
  }

  CudnnDescriptor& convolution() {
    CudnnDescriptor& c = keep(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    c.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {2});
    c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    c.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
    const std::int64_t stride = c_.problem.stride, padding = c_.problem.padding;
    c.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1}).set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {stride, stride});
    c.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {padding, padding});
    c.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {padding, padding});
    return c.finalize();
  }

  CudnnDescriptor pointwise(cudnnPointwiseMode_t mode, const CudnnDescriptor& x, const CudnnDescriptor* b,
                            const CudnnDescriptor& y) {
    CudnnDescriptor& kind = keep(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    kind.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
    kind.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT).finalize();
    CudnnDescriptor operation(*library_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind).set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y).finalize();
    return operation;
  }

  void add_forward(std::vector<CudnnDescriptor>& operations) {
    const float one = 1.0f, zero = 0.0f;
    const auto partial = [&](Tensor name, bool last) -> CudnnDescriptor& {
      return last ? result(tensor_y, c_.type) : result(name, CUDNN_DATA_FLOAT, true);
    };
    const CudnnDescriptor& x = image();
    const CudnnDescriptor& w = filters(c_.type);
    const CudnnDescriptor& sum = partial(tensor_sum, !c_.bias && !c_.relu);
    CudnnDescriptor& op = operations.emplace_back(*library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x).set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, sum);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, one);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, zero).finalize();
    const CudnnDescriptor* last = &sum;
    if (c_.bias) {
      const CudnnDescriptor& bias = tensor(tensor_bias, {1, c_.problem.out_channels, 1, 1}, CUDNN_DATA_FLOAT);
      const CudnnDescriptor& biased = partial(tensor_biased, !c_.relu);
      operations.push_back(pointwise(CUDNN_POINTWISE_ADD, sum, &bias, biased));
      last = &biased;
    }
    if (c_.relu) operations.push_back(pointwise(CUDNN_POINTWISE_RELU_FWD, *last, nullptr, partial(tensor_y, true)));
  }

  void add_backward_input(std::vector<CudnnDescriptor>& operations) {
    const float one = 1.0f, zero = 0.0f;
    CudnnDescriptor& op =
        operations.emplace_back(*library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, image());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, filters(c_.type));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, result(tensor_y, c_.type));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_TYPE_FLOAT, one);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_TYPE_FLOAT, zero).finalize();
  }

  void add_backward_weight(std::vector<CudnnDescriptor>& operations) {
    const float one = 1.0f, zero = 0.0f;
    CudnnDescriptor& op =
        operations.emplace_back(*library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, image());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, result(tensor_y, c_.type));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, filters(c_.weight_gradient_type));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_TYPE_FLOAT, one);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_TYPE_FLOAT, zero).finalize();
  }

  const CudnnLibrary* library_;
  CudnnConv2d c_;
  std::vector<std::unique_ptr<CudnnDescriptor>> descriptors_;
};

}  // namespace fusiform::cudnn
