#include <fusiform/core/cuda_graph.hpp>
#include <fusiform/core/error.hpp>

#include "runtime.cuh"

namespace fusiform {

#if defined(FUSIFORM_EMULATE_CUDA)

struct CudaGraph::Recording {
  cuda_emulation::Recording recording;

  explicit Recording(const std::function<void()>& work) {
    const Scope scope(&recording);
    work();
  }
  void replay() const {
    for (const auto& work : recording.work) work();
  }

 private:
  struct Scope {
    explicit Scope(cuda_emulation::Recording* recording) { cuda_emulation::recording = recording; }
    ~Scope() { cuda_emulation::recording = nullptr; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
};

#else

struct CudaGraph::Recording {
  explicit Recording(const std::function<void()>& work) {
    try {
      kernels::enter_process_device();
      // A stream of its own: not every stream that a thread may have can be recorded, and nothing is done on it.
      check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cuda graph: stream");
      capture(work);
      check_cuda(cudaGraphInstantiate(&executable, graph, 0), "cuda graph: instantiation");
    } catch (...) {
      destroy();
      throw;
    }
  }
  ~Recording() { destroy(); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void replay() const { check_cuda(cudaGraphLaunch(executable, kernels::current_stream()), "cuda graph: launch"); }

 private:
  void capture(const std::function<void()>& work) {
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cuda graph: recording");
    try {
      const kernels::StreamScope scope(stream);
      work();
    } catch (...) {
      (void)cudaStreamEndCapture(stream, &graph);
      (void)cudaGetLastError();  // leaves no error for the next call
      throw;
    }
    check_cuda(cudaStreamEndCapture(stream, &graph), "cuda graph: recording");
  }
  void destroy() const noexcept {
    if (executable != nullptr) (void)cudaGraphExecDestroy(executable);
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
    if (stream != nullptr) (void)cudaStreamDestroy(stream);
  }

  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
};

#endif

CudaGraph::CudaGraph() = default;
CudaGraph::~CudaGraph() = default;
CudaGraph::CudaGraph(CudaGraph&&) noexcept = default;
CudaGraph& CudaGraph::operator=(CudaGraph&&) noexcept = default;

void CudaGraph::record(const std::function<void()>& work) {
  recording_.reset();  // its scratch memory goes back first
  const kernels::UnobservedLaunches unobserved;
  recording_ = std::make_unique<Recording>(work);
}

void CudaGraph::replay() {
  if (recording_ == nullptr) throw ConfigError("cuda graph: expected a recording to replay, found none");
  recording_->replay();
}

}  // namespace fusiform
