#pragma once
/// How emulated kernels are run: the freedom that the hardware has, turned into settings that tests go through.

#include <cstddef>

#include <fusiform/core/error.hpp>

namespace fusiform::cuda_emulation {

/// In which order the threads of a block, and the blocks of a grid, get their turn. `random` also makes some warps run
/// far ahead of others. A kernel with all its barriers gives the same bits under each.
enum class Schedule { forward, reverse, random };

/// When an asynchronous operation (cp.async, TMA, wgmma) takes place: when it is issued, or at the last moment that the
/// instruction set allows. Eager shows data overwritten too early, deferred shows data used too early.
enum class Completion { eager, deferred };

struct Config {
  Schedule schedule = Schedule::forward;
  Completion completion = Completion::deferred;
  unsigned seed = 1;            ///< of Schedule::random
  unsigned os_threads = 1;      ///< blocks are spread over them
  int compute_capability = 90;  ///< which kernels are chosen: 75, 80 or 90; all of them can run
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::size_t stack_bytes = 256 << 10;
#else
  std::size_t stack_bytes = 64 << 10;
#endif
};

/// The settings of the launches that follow.
inline Config config;

/// Sets the configuration for a scope.
class ScopedConfig {
 public:
  explicit ScopedConfig(const Config& settings) : before_(config) { config = settings; }
  ~ScopedConfig() { config = before_; }
  ScopedConfig(const ScopedConfig&) = delete;
  ScopedConfig& operator=(const ScopedConfig&) = delete;

 private:
  Config before_;
};

/// A kernel did what the hardware forbids, or what leaves its result to chance.
class EmulationError : public Error {
 public:
  using Error::Error;
};

}  // namespace fusiform::cuda_emulation
