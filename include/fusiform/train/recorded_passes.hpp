#pragma once
/// Forward and backward passes of training steps that a GPU replays from recordings, so that the CPU need not start
/// every kernel anew.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include <fusiform/core/cuda_graph.hpp>
#include <fusiform/core/error.hpp>
#include <fusiform/core/kernel_times.hpp>

namespace fusiform {

/// The images of a step: where they lie and how many they are.
struct ImagesPlace {
  const void* data = nullptr;
  std::int64_t count = 0;
  friend bool operator==(const ImagesPlace&, const ImagesPlace&) = default;
};

/// Runs the passes of steps. A step has
///   forward(recorded)  the forward pass; PassOptions::recorded
///   start()            what lies between, and is run anew in every step: copies from and to the CPU
///   backward()         the backward pass
///   set_streams()      puts the random streams where a recorded forward pass reads them
///   addresses()        a number that changes when memory moves that the passes keep from step to step
template <class Step>
void run_passes(Step& step) {
  step.forward(false);
  step.start();
  step.backward();
}

/// On the CPU there are no recordings.
template <class D>
class RecordedPasses {
 public:
  void forget() noexcept {}
  [[nodiscard]] Index replays() const noexcept { return 0; }

  template <class Step>
  void run(const ImagesPlace& /*images*/, Step& step) {
    run_passes(step);
  }
};

/// The first step with images in some place is run as it is, the second recorded, and later ones are replayed.
template <>
class RecordedPasses<Cuda> {
 public:
  /// To be called before a change of what recordings have frozen: settings of layers, which layers are frozen.
  void forget() noexcept { passes_.clear(); }

  /// Steps that were replayed, not counting the first time of a recording.
  [[nodiscard]] Index replays() const noexcept { return replays_; }

  /// Nothing is recorded while KernelTimes measure, nor after something could not be recorded: a layer that waits for
  /// the GPU, for example.
  template <class Step>
  void run(const ImagesPlace& images, Step& step) {
    if (is_refused_ || KernelTimes::is_measuring()) return run_passes(step);
    Passes* passes = find(images);
    if (passes == nullptr || passes->addresses != step.addresses()) {
      run_passes(step);
      step.set_streams();  // as their memory must be there before a recording
      return note(images, step.addresses());
    }
    if (!passes->has_forward) passes->has_forward = record(passes->forward, [&] { step.forward(true); });
    if (!passes->has_forward) return run_passes(step);
    step.set_streams();
    passes->forward.replay();
    step.start();
    if (!passes->is_whole)
      passes->is_whole = record(passes->backward, [&] { step.backward(); });
    else
      ++replays_;
    if (passes->is_whole)
      passes->backward.replay();
    else
      step.backward();
  }

 private:
  struct Passes {
    ImagesPlace images;
    std::uint64_t addresses = 0;
    bool has_forward = false, is_whole = false;
    CudaGraph forward, backward;
  };
  /// Sources of batches use two places in turn, or one.
  static constexpr std::size_t most_places = 4;

  [[nodiscard]] Passes* find(const ImagesPlace& images) noexcept {
    const auto found =
        std::find_if(passes_.begin(), passes_.end(), [&](const Passes& p) { return p.images == images; });
    return found == passes_.end() ? nullptr : &*found;
  }

  /// All memory is there now.
  void note(const ImagesPlace& images, std::uint64_t addresses) {
    std::erase_if(passes_, [&](const Passes& p) { return p.images == images || p.addresses != addresses; });
    if (passes_.size() < most_places) passes_.push_back({.images = images, .addresses = addresses});
  }

  [[nodiscard]] bool record(CudaGraph& graph, const std::function<void()>& work) {
    try {
      graph.record(work);
    } catch (const Error&) {  // comes again when the work is run
      is_refused_ = true;
    }
    return !is_refused_;
  }

  std::vector<Passes> passes_;
  bool is_refused_ = false;  // something could not be recorded
  Index replays_ = 0;
};

}  // namespace fusiform
