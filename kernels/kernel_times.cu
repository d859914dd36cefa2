#include <fusiform/core/cuda.hpp>
#include <fusiform/core/error.hpp>
#include <fusiform/core/kernel_times.hpp>

#include "runtime.cuh"

#if defined(FUSIFORM_EMULATE_CUDA)
#include <chrono>
#endif

namespace fusiform {

namespace kernels {

#if defined(FUSIFORM_EMULATE_CUDA)

/// Emulated kernels are done when their launch returns.
class Moment {
 public:
  void take() { time_ = std::chrono::steady_clock::now(); }
  [[nodiscard]] double milliseconds_until(const Moment& end) const {
    return std::chrono::duration<double, std::milli>(end.time_ - time_).count();
  }

 private:
  std::chrono::steady_clock::time_point time_;
};

#else

class Moment {
 public:
  Moment() {
    enter_process_device();
    check_cuda(cudaEventCreate(&event_), "kernel times: event");
  }
  Moment(Moment&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Moment& operator=(Moment&&) = delete;
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;
  ~Moment() {
    if (event_ != nullptr) (void)cudaEventDestroy(event_);
  }
  void take() { (void)cudaEventRecord(event_, current_stream()); }
  [[nodiscard]] double milliseconds_until(const Moment& end) const {
    float time = 0;
    check_cuda(cudaEventElapsedTime(&time, event_, end.event_), "kernel times");
    return static_cast<double>(time);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

#endif

struct MeasuredLaunch {
  std::string what;
  Moment begin, end;
};

}  // namespace kernels

struct KernelTimes::Launches final : kernels::LaunchObserver {
  std::vector<kernels::MeasuredLaunch> list;

  void before(const std::string& what) override {
    list.push_back({what, {}, {}});
    list.back().begin.take();
  }
  void after() override { list.back().end.take(); }
};

KernelTimes::KernelTimes() : launches_(std::make_unique<Launches>()) {
  if (kernels::launch_observer != nullptr) throw ConfigError("kernel times: expected one object a thread, found two");
  kernels::launch_observer = launches_.get();
}

KernelTimes::~KernelTimes() { kernels::launch_observer = nullptr; }

bool KernelTimes::is_measuring() noexcept { return kernels::launch_observer != nullptr; }

std::vector<KernelTime> KernelTimes::sums() const {
  synchronize(Cuda{});
  std::vector<KernelTime> sums;
  for (const kernels::MeasuredLaunch& launch : launches_->list) {
    auto sum = std::find_if(sums.begin(), sums.end(), [&](const KernelTime& s) { return s.what == launch.what; });
    if (sum == sums.end()) sum = sums.insert(sums.end(), KernelTime{launch.what, 0, 0});
    ++sum->launches;
    sum->milliseconds += launch.begin.milliseconds_until(launch.end);
  }
  return sums;
}

}  // namespace fusiform
