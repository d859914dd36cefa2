// Which GPU a process uses, with two emulated ones. A process chooses once: each case is a process of its own, whose
// parent has used no GPU. That is why they are hidden from runs of all tests, and ctest runs them alone.

#include <cstdlib>
#include <thread>

#include <fusiform/core/cuda.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/fill.hpp>

#include "tests/cuda_emulation/child.hpp"
#include "tests/cuda_emulation/cuda_emulation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_team.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// In a child process with two GPUs.
std::string outcome_with_two_gpus(const std::function<bool()>& is_right) {
  return outcome_in_child([&] {
    ::setenv("FUSIFORM_EMULATED_GPUS", "2", 1);
    return is_right();
  });
}

/// Allocates, starts a kernel, copies to and from the host and between two streams, all on the given GPU.
bool works_on(int gpu) {
  Tensor<float, Cuda> tensor(Shape{3});
  fill<float, Cuda>(7, tensor.view());
  const Tensor<float, Cuda> copy = copied_to<Cuda>(copied_to<Cpu>(tensor));
  const SideStream side;
  const SideStream::Scope scope(side);
  CudaEvent event;
  event.record();
  event.wait();
  return copied_to<Cpu>(copy)[2] == 7 && cuda_emulation::device_of_thread == gpu;
}

bool works_in_new_thread_on(int gpu) {
  bool works = false;
  std::thread([&] { works = works_on(gpu); }).join();
  return works;
}

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a process uses GPU 0 unless it chooses", "[.process_device]") {
  CHECK(outcome_with_two_gpus([] {
          return device_count(Cuda{}) == 2 && works_on(0) && works_in_new_thread_on(0) &&
                 describe_used_device(Cuda{}) == "GPU 0: an emulated GPU";
        }) == "right");
}

TEST_CASE("a chosen GPU is that of all threads, those before and after the choice", "[.process_device]") {
  CHECK(outcome_with_two_gpus([] {
          bool chosen_elsewhere = false;
          std::thread([&] {
            use_device(Cuda{}, 1);
            chosen_elsewhere = works_on(1);
          }).join();
          return chosen_elsewhere && works_on(1) && works_in_new_thread_on(1) &&
                 describe_used_device(Cuda{}) == "GPU 1: an emulated GPU";
        }) == "right");
}

TEST_CASE("a kernel or a copy that goes to another GPU than the process's is found", "[.process_device]") {
  CHECK(outcome_with_two_gpus([] {
          Tensor<float, Cuda> tensor(Shape{3});
          cuda_emulation::expected_device = 1;
          fill<float, Cuda>(7, tensor.view());
          return true;
        }) == "cuda: expected work on GPU 1, found a thread on GPU 0");
}

TEST_CASE("a GPU is chosen before one is used", "[.process_device]") {
  CHECK(outcome_with_two_gpus([] {
          use_device(Cuda{}, 1);
          use_device(Cuda{}, 0);  // none is in use yet
          return works_on(0) && error_of([] { use_device(Cuda{}, 0); }) == "none" &&
                 error_of([] { use_device(Cuda{}, 1); }) ==
                     "cuda: expected the choice of GPU 1 before the first use of one, found GPU 0 in use" &&
                 works_on(0);
        }) == "right");
}

TEST_CASE("a GPU that is not there or cannot be used is refused", "[.process_device]") {
  CHECK(outcome_with_two_gpus([] {
          cuda_emulation::busy_device = 1;
          return error_of([] { use_device(Cuda{}, 2); }) == "cuda: expected one of 2 GPUs, counted from 0, got GPU 2" &&
                 error_of([] { use_device(Cuda{}, -1); }) ==
                     "cuda: expected one of 2 GPUs, counted from 0, got GPU -1" &&
                 error_of([] { use_device(Cuda{}, 1); }) ==
                     "cuda: expected a GPU that this process can use, got GPU 1: another process has it for itself" &&
                 works_on(0);
        }) == "right");
}

TEST_CASE("a thread that cannot enter the process's GPU does not fall back to another", "[.process_device]") {
  CHECK(outcome_with_two_gpus([] {
          use_device(Cuda{}, 1);
          cuda_emulation::busy_device = 1;
          bool failed = false;
          std::thread([&] { failed = error_of([] { works_on(1); }).find("got GPU 1") != std::string::npos; }).join();
          return failed;
        }) == "right");
}

TEST_CASE("the processes of a machine take its GPUs in turn", "[.process_device]") {
  for (const int rank : {0, 1, 2, 3})
    CHECK(outcome_with_two_gpus([rank] {
            ThreadTeamState state(4);
            share_devices(Cuda{}, ThreadCommunicator(state, rank));
            return works_on(rank % 2);
          }) == "right");
}
