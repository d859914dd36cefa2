/// Memory, streams and copies, on the device and under the emulator.

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/storage.hpp>

#include "runtime.cuh"

#if defined(FUSIFORM_EMULATE_CUDA)
#include <cstdlib>
#include <cstring>
#else
#include <mutex>
#endif

namespace fusiform {
namespace kernels {

DeviceCode usable_device_code() {
#if defined(FUSIFORM_EMULATE_CUDA)
  enter_process_device();
  return device_code();  // tests go through the kinds
#else
  static const DeviceCode code = [] {
    if (device_count() == 0) return DeviceCode::none;
    enter_process_device();
    return device_code();
  }();
  if (code == DeviceCode::none) throw ConfigError("cuda: expected a usable GPU, found " + describe_used_device(Cuda{}));
  enter_process_device();
  return code;
#endif
}

#if defined(FUSIFORM_EMULATE_CUDA)

CudaStream current_stream() {
  enter_process_device();
  return nullptr;
}
StreamScope::StreamScope(CudaStream stream) noexcept : before_(stream) {}
StreamScope::~StreamScope() = default;

/// Few, so that kernels whose blocks stride over their work are seen to do so.
int multiprocessor_count() { return 3; }

#else

namespace {
thread_local CudaStream stream_of_thread = cudaStreamPerThread;

/// The GPU's.
cudaMemPool_t memory_pool() {
  cudaMemPool_t pool{};
  check_cuda(cudaDeviceGetDefaultMemPool(&pool, process_device()), "memory pool");
  return pool;
}

/// The pool keeps what is freed for the next allocation: giving it back to the driver takes long.
void keep_freed_memory() {
  std::uint64_t threshold = UINT64_MAX;
  check_cuda(cudaMemPoolSetAttribute(memory_pool(), cudaMemPoolAttrReleaseThreshold, &threshold), "memory pool");
}
}  // namespace

CudaStream current_stream() {
  enter_process_device();
  return stream_of_thread;
}
StreamScope::StreamScope(CudaStream stream) noexcept : before_(stream_of_thread) { stream_of_thread = stream; }
StreamScope::~StreamScope() { stream_of_thread = before_; }

int multiprocessor_count() {
  static const int count = [] {
    enter_process_device();
    int found = 0;
    check_cuda(cudaDeviceGetAttribute(&found, cudaDevAttrMultiProcessorCount, process_device()), "device");
    return found;
  }();
  return count;
}

#endif

}  // namespace kernels

#if defined(FUSIFORM_EMULATE_CUDA)

namespace {
constexpr std::size_t alignment = 256;  // as the device's allocator
}

void* allocate_bytes(Cuda, std::size_t bytes) {
  kernels::enter_process_device();
  cuda_emulation::check_device();
  const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0xFF, size);  // NaN
  return memory;
}
void deallocate_bytes(Cuda, void* memory) noexcept {
  if (cuda_emulation::recording != nullptr)
    cuda_emulation::recording->memory.push_back(memory);
  else
    std::free(memory);
}
void copy_bytes(Cuda, void* to, const void* from, std::size_t bytes) {
  kernels::enter_process_device();
  if (bytes > 0) cuda_emulation::start([=] { std::memcpy(to, from, bytes); });
}
void zero_bytes(Cuda, void* memory, std::size_t bytes) {
  kernels::enter_process_device();
  if (bytes > 0) cuda_emulation::start([=] { std::memset(memory, 0, bytes); });
}
void synchronize(Cuda) {
  if (cuda_emulation::recording != nullptr)
    throw cuda_emulation::EmulationError("cuda: expected no waiting and no copies to or from the host in a recording");
}
void copy_bytes_to(Cuda, void* to, const void* from, std::size_t bytes) {
  synchronize(Cuda{});
  copy_bytes(Cuda{}, to, from, bytes);
}
void copy_bytes_from(Cuda, void* to, const void* from, std::size_t bytes) {
  synchronize(Cuda{});
  copy_bytes(Cuda{}, to, from, bytes);
}

std::size_t free_device_bytes(Cuda) { return std::size_t{1} << 30U; }
void* allocate_pinned_bytes(Cuda, std::size_t bytes) { return allocate_bytes(Cuda{}, bytes); }
void deallocate_pinned_bytes(Cuda, void* memory) noexcept { std::free(memory); }
void start_copy_bytes_to(Cuda, void* to, const void* from, std::size_t bytes) { copy_bytes(Cuda{}, to, from, bytes); }
void start_copy_bytes_from(Cuda, void* to, const void* from, std::size_t bytes) { copy_bytes(Cuda{}, to, from, bytes); }

// All is done when it is started.
CudaEvent::CudaEvent() : event_(nullptr) {}
CudaEvent::~CudaEvent() = default;
void CudaEvent::record() {}
void CudaEvent::wait() const {}
void CudaEvent::hold_back() const {}
SideStream::SideStream() : stream_(nullptr) {}
SideStream::~SideStream() = default;
SideStream::Scope::Scope(const SideStream& side) noexcept : before_(side.stream_) {}
SideStream::Scope::~Scope() = default;

#else

void* allocate_bytes(Cuda, std::size_t bytes) {
  static std::once_flag once;
  std::call_once(once, [] {
    (void)kernels::usable_device_code();
    kernels::keep_freed_memory();
  });
  void* memory = nullptr;
  const cudaError_t code = cudaMallocAsync(&memory, bytes, kernels::current_stream());
  if (code != cudaSuccess) {
    (void)cudaGetLastError();  // leaves no error for the next call
    check_cuda(code, text("cuda: ", bytes, " bytes of device memory"));
  }
  return memory;
}
void deallocate_bytes(Cuda, void* memory) noexcept {
  try {
    (void)cudaFreeAsync(memory, kernels::current_stream());
  } catch (...) {
    // No way to the GPU: its memory is gone.
  }
}
void copy_bytes(Cuda, void* to, const void* from, std::size_t bytes) {
  if (bytes > 0)
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, kernels::current_stream()), "cuda: copy");
}
void zero_bytes(Cuda, void* memory, std::size_t bytes) {
  if (bytes > 0) check_cuda(cudaMemsetAsync(memory, 0, bytes, kernels::current_stream()), "cuda: zeros");
}
void copy_bytes_to(Cuda, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, kernels::current_stream()),
             "cuda: copy to the device");
  // Pageable memory has been read by now, pinned memory perhaps not.
  check_cuda(cudaStreamSynchronize(kernels::current_stream()), "cuda: copy to the device");
}
void copy_bytes_from(Cuda, void* to, const void* from, std::size_t bytes) {
  if (bytes > 0)
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, kernels::current_stream()),
               "cuda: copy to the host");
  synchronize(Cuda{});
}
void synchronize(Cuda) { check_cuda(cudaStreamSynchronize(kernels::current_stream()), "cuda: an operation before"); }

std::size_t free_device_bytes(Cuda) {
  (void)kernels::usable_device_code();
  std::size_t free = 0;
  std::size_t total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cuda: free memory");
  cudaMemPool_t const pool = kernels::memory_pool();
  std::uint64_t reserved = 0;
  std::uint64_t used = 0;
  check_cuda(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved), "memory pool");
  check_cuda(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used), "memory pool");
  return free + (reserved - used);
}

void* allocate_pinned_bytes(Cuda, std::size_t bytes) {
  kernels::enter_process_device();
  void* memory = nullptr;
  const cudaError_t code = cudaMallocHost(&memory, bytes);
  if (code != cudaSuccess) {
    (void)cudaGetLastError();
    check_cuda(code, text("cuda: ", bytes, " bytes of pinned memory"));
  }
  return memory;
}
void deallocate_pinned_bytes(Cuda, void* memory) noexcept { (void)cudaFreeHost(memory); }
void start_copy_bytes_to(Cuda, void* to, const void* from, std::size_t bytes) {
  if (bytes > 0)
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, kernels::current_stream()),
               "cuda: copy to the device");
}
void start_copy_bytes_from(Cuda, void* to, const void* from, std::size_t bytes) {
  if (bytes > 0)
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, kernels::current_stream()),
               "cuda: copy to the host");
}

CudaEvent::CudaEvent() {
  kernels::enter_process_device();
  cudaEvent_t event{};
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cuda: event");
  event_ = event;
}
CudaEvent::~CudaEvent() {
  if (event_ != nullptr) (void)cudaEventDestroy(static_cast<cudaEvent_t>(event_));
}
void CudaEvent::record() {
  check_cuda(cudaEventRecord(static_cast<cudaEvent_t>(event_), kernels::current_stream()), "cuda: event");
}
void CudaEvent::wait() const {
  check_cuda(cudaEventSynchronize(static_cast<cudaEvent_t>(event_)), "cuda: an operation before");
}
void CudaEvent::hold_back() const {
  check_cuda(cudaStreamWaitEvent(kernels::current_stream(), static_cast<cudaEvent_t>(event_), 0), "cuda: event");
}

SideStream::SideStream() {
  kernels::enter_process_device();
  cudaStream_t stream{};
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cuda: stream");
  stream_ = stream;
}
SideStream::~SideStream() {
  (void)cudaStreamSynchronize(static_cast<cudaStream_t>(stream_));
  (void)cudaStreamDestroy(static_cast<cudaStream_t>(stream_));
}
SideStream::Scope::Scope(const SideStream& side) noexcept : before_(kernels::stream_of_thread) {
  kernels::stream_of_thread = static_cast<cudaStream_t>(side.stream_);
}
SideStream::Scope::~Scope() { kernels::stream_of_thread = static_cast<cudaStream_t>(before_); }

#endif

std::vector<std::string> describe_devices(Cuda) { return kernels::describe_devices(); }
std::string describe_used_device(Cuda) {
  const std::vector<std::string> all = kernels::describe_devices();
  const auto used = static_cast<std::size_t>(kernels::process_device());
  return all.at(used < all.size() ? used : 0);  // without a GPU one line says why
}
void require_device(Cuda) { (void)kernels::usable_device_code(); }

}  // namespace fusiform
