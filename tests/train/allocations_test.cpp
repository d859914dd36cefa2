// Memory of training in steady state. This program counts its allocations.

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/description.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/outcomes.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/thread_count.hpp"

namespace {

std::atomic<long> allocations{0};
std::atomic<long> large_allocations{0};  // larger than messages and tables of a small kernel: tensors

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  if (bytes > 1024) ++large_allocations;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
// std::stable_sort asks for its buffer this way; the sanitizers' own version would not match our delete.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept try {
  return operator new(bytes);
} catch (const std::bad_alloc&) {
  return nullptr;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// One network in training on batches of its own.
struct Training {
  Network<float, Cpu> network;
  Optimizer<float, Cpu>& optimizer;
  Activations<float, Cpu> activations = {};
  Outcomes<float> outcomes = Outcomes<float>(0);
  Tensor<float, Cpu> logit_gradient = {};
  std::vector<Parameter<float, Cpu>*> parameters = network.learned_parameters();
  std::vector<Index> labels = {};

  /// The step of Trainer.
  void step(In<float, Cpu> images, NodeId head) {
    labels.assign(static_cast<std::size_t>(images.shape()[0]), 1);
    const View<const float, Cpu> logits = network.forward(images, head, activations, {.mode = Mode::train});
    logit_gradient.resize(logits.shape());
    outcomes.resize(images.shape()[0]);
    record_outcomes<float>(logits, labels, 0, outcomes);
    softmax_cross_entropy_gradient(logits, std::span<const Index>(labels), logit_gradient.view());
    network.backward(head, logit_gradient, activations);
    network.update_statistics(head, activations);
    optimizer.step(parameters, 0.01);
  }

  /// How far `counter` gets in a number of steps of each head in turn, with a smaller last batch each time.
  long allocated(int steps, const Tensor<float, Cpu>& images, const std::atomic<long>& counter) {
    const std::vector<NodeId> heads = network.heads();
    const long before = counter;
    for (int i = 0; i < steps; ++i)
      for (const NodeId head : heads)
        for (const Index batch : {6, 2}) step(images.view().batch_range(0, batch), head);
    return counter - before;
  }
};

}  // namespace

// One thread: with more, one may meet its largest piece of work late.
TEST_CASE("networks, losses and optimisers allocate nothing after the first two training steps") {
  const ThreadCount one_thread(1);
  Network<float, Cpu> network = parse_description<float, Cpu>(
      "input 12 12 4\n"
      "relu1 = relu(input)\n"
      "sum = add(relu1, input, relu1)\n"
      "flat = flatten(sum)\n"
      "hidden = linear(flat; out=20)\n"
      "relu2 = relu(hidden)\n"
      "drop = dropout(relu2)\n"
      "faces = linear(drop; out=4)\n"
      "objects = linear(relu2; out=3)\n");
  network.initialize(Rng(1));
  Sgd<float, Cpu> optimizer;
  Training training{std::move(network), optimizer};
  const auto images = random_tensor<float>({6, 12, 12, 4}, Rng(2));
  CHECK(training.allocated(2, images, allocations) > 0);  // it counts
  CHECK(training.allocated(3, images, allocations) == 0);
}

TEST_CASE("convolutions and pools allocate no tensor after the first two training steps") {
  const ThreadCount one_thread(1);
  const NetOptions options{.image = {12, 12, 3}, .heads = {{"faces", 4}, {"objects", 3}}, .branch_after = "conv4"};
  Adam<float, Cpu> optimizer;
  Training training{build_network<float, Cpu>("16 16B M 20 32 A fc12 D", options, Rng(1)), optimizer};
  const auto images = random_tensor<float>({6, 12, 12, 3}, Rng(2));
  CHECK(training.allocated(2, images, large_allocations) > 0);
  CHECK(training.allocated(3, images, large_allocations) == 0);
}

TEST_CASE("training behind a frozen trunk allocates no tensor after the first two steps") {
  const ThreadCount one_thread(1);
  const NetOptions options{.image = {12, 12, 3}, .heads = {{"faces", 4}, {"objects", 3}}, .branch_after = "conv4"};
  Network<float, Cpu> network = build_network<float, Cpu>("16 16B M 20 32 A fc12 D", options, Rng(1));
  freeze(network, {"features"});
  Sgd<float, Cpu> optimizer;
  Training training{std::move(network), optimizer};
  const auto images = random_tensor<float>({6, 12, 12, 3}, Rng(2));
  CHECK(training.allocated(2, images, large_allocations) > 0);
  CHECK(training.allocated(3, images, large_allocations) == 0);
}
