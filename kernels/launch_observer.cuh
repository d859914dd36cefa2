#pragma once
/// Lets KernelTimes see every launch of a thread.

#include <string>
#include <utility>

namespace fusiform::kernels {

/// Called around each launch, on the thread that launches.
class LaunchObserver {
 public:
  virtual ~LaunchObserver() = default;
  virtual void before(const std::string& what) = 0;
  virtual void after() = 0;
};

/// The calling thread's; nullptr: none.
inline thread_local LaunchObserver* launch_observer = nullptr;

class ObservedLaunch {
 public:
  explicit ObservedLaunch(const std::string& what) {
    if (launch_observer != nullptr) launch_observer->before(what);
  }
  ~ObservedLaunch() {
    if (launch_observer != nullptr) launch_observer->after();
  }
  ObservedLaunch(const ObservedLaunch&) = delete;
  ObservedLaunch& operator=(const ObservedLaunch&) = delete;
};

/// For a scope in which launches do not run.
class UnobservedLaunches {
 public:
  UnobservedLaunches() : observer_(std::exchange(launch_observer, nullptr)) {}
  ~UnobservedLaunches() { launch_observer = observer_; }
  UnobservedLaunches(const UnobservedLaunches&) = delete;
  UnobservedLaunches& operator=(const UnobservedLaunches&) = delete;

 private:
  LaunchObserver* observer_;
};

}  // namespace fusiform::kernels
