#pragma once
/// Convolutions by cuDNN in NHWC, as execution plans: those its heuristics propose, in their order.

#include <memory>

#include "cudnn_library.hpp"

namespace peer {

enum class Pass { forward, backward_input, backward_weight };

struct ConvShape {
  std::int64_t images, height, width, in, out, kernel, stride, padding;
  [[nodiscard]] std::int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  [[nodiscard]] std::int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
};

/// Names of the tensors in a plan.
enum Tensor : std::int64_t { tensor_x = 1, tensor_w, tensor_y, tensor_bias, tensor_sum, tensor_biased };

/// One way of cuDNN to compute a pass. Images and filters are bf16, the filter gradient float.
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

class CudnnGraphBuilder {
 public:
  CudnnGraphBuilder(const CudnnLibrary& library, const ConvShape& shape) : library_(&library), s_(shape) {}

  /// At most `limit` plans of a pass; the forward pass with `fused` adds a bias and takes ReLU.
  [[nodiscard]] std::vector<CudnnPlan> plans(Pass pass, bool fused, std::size_t limit) {
    std::vector<CudnnDescriptor> operations;
    if (pass == Pass::forward) add_forward(operations, fused);
    if (pass == Pass::backward_input) add_backward_input(operations);
    if (pass == Pass::backward_weight) add_backward_weight(operations);
    std::vector<cudnnBackendDescriptor_t> raw;
    for (const auto& operation : operations) raw.push_back(operation.raw());
    CudnnDescriptor graph(*library_, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::int64_t(raw.size()), raw.data());
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, library_->handle);
    graph.finalize();
    return plans_of(graph, limit);
  }

 private:
  [[nodiscard]] std::vector<CudnnPlan> plans_of(const CudnnDescriptor& graph, std::size_t limit) const {
    CudnnDescriptor heuristic(*library_, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
    heuristic.finalize();
    std::vector<CudnnDescriptor> configs;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (int i = 0; i < 32; ++i) {
      configs.emplace_back(*library_, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      raw.push_back(configs.back().raw());
    }
    std::int64_t count = 0;
    library_->check(library_->get(heuristic.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                  std::int64_t(raw.size()), &count, raw.data()),
                    "heuristics");
    std::vector<CudnnPlan> plans;
    for (std::int64_t i = 0; i < count && plans.size() < limit; ++i) {
      try {
        plans.emplace_back(*library_, raw[std::size_t(i)]);
      } catch (const std::runtime_error&) {  // not every proposal can be built on every machine
      }
    }
    return plans;
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
    t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {std::int64_t(16)});
    t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
    return t.finalize();
  }
  CudnnDescriptor& image(Tensor name, cudnnDataType_t type = CUDNN_DATA_BFLOAT16) {
    return tensor(name, {s_.images, s_.in, s_.height, s_.width}, type);
  }
  CudnnDescriptor& filters(cudnnDataType_t type) {
    return tensor(tensor_w, {s_.out, s_.in, s_.kernel, s_.kernel}, type);
  }
  CudnnDescriptor& result(Tensor name, cudnnDataType_t type = CUDNN_DATA_BFLOAT16, bool is_virtual = false) {
    return tensor(name, {s_.images, s_.out, s_.out_height(), s_.out_width()}, type, is_virtual);
  }

  CudnnDescriptor& convolution() {
    CudnnDescriptor& c = keep(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    c.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {2});
    c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    c.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
    c.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1}).set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {s_.stride, s_.stride});
    c.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {s_.padding, s_.padding});
    c.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {s_.padding, s_.padding});
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

  void add_forward(std::vector<CudnnDescriptor>& operations, bool fused) {
    const float one = 1.0f, zero = 0.0f;
    const CudnnDescriptor& x = image(tensor_x);
    const CudnnDescriptor& w = filters(CUDNN_DATA_BFLOAT16);
    const CudnnDescriptor& sum = fused ? result(tensor_sum, CUDNN_DATA_FLOAT, true) : result(tensor_y);
    CudnnDescriptor& op = operations.emplace_back(*library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x).set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, sum);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, one);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, zero).finalize();
    if (!fused) return;
    const CudnnDescriptor& bias = tensor(tensor_bias, {1, s_.out, 1, 1}, CUDNN_DATA_FLOAT);
    const CudnnDescriptor& biased = result(tensor_biased, CUDNN_DATA_FLOAT, true);
    const CudnnDescriptor& y = result(tensor_y);
    operations.push_back(pointwise(CUDNN_POINTWISE_ADD, sum, &bias, biased));
    operations.push_back(pointwise(CUDNN_POINTWISE_RELU_FWD, biased, nullptr, y));
  }

  void add_backward_input(std::vector<CudnnDescriptor>& operations) {
    const float one = 1.0f, zero = 0.0f;
    CudnnDescriptor& op =
        operations.emplace_back(*library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, image(tensor_x));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, filters(CUDNN_DATA_BFLOAT16));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, result(tensor_y));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_TYPE_FLOAT, one);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_TYPE_FLOAT, zero).finalize();
  }

  void add_backward_weight(std::vector<CudnnDescriptor>& operations) {
    const float one = 1.0f, zero = 0.0f;
    CudnnDescriptor& op =
        operations.emplace_back(*library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, image(tensor_x));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, result(tensor_y));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, filters(weight_gradient_type));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution());
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_TYPE_FLOAT, one);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_TYPE_FLOAT, zero).finalize();
  }

 public:
  /// cuDNN may offer more engines for a bf16 gradient than for a float one; both are asked.
  cudnnDataType_t weight_gradient_type = CUDNN_DATA_FLOAT;

 private:
  const CudnnLibrary* library_;
  ConvShape s_;
  std::vector<std::unique_ptr<CudnnDescriptor>> descriptors_;
};

}  // namespace peer
