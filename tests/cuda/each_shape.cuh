#pragma once
/// What the programs that check convolutions on a GPU do around their cases.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "kernels/conv2d_problem.hpp"
#include "tests/cuda/device_memory.cuh"

namespace gpu {

/// Calls check(problem, arena, multiprocessors) for every shape, or for the one whose number is the program's argument,
/// and returns the program's status: 0 all right, 1 something wrong, 2 no such shape, 77 no GPU of compute
/// capability 9.0.
template <class Check>
int check_shapes(int count, char** arguments, std::vector<fusiform::kernels::Conv2dProblem> shapes,
                 std::size_t arena_bytes, const Check& check) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a crash then says which case it was
  try {
    int devices = 0;
    cudaDeviceProp device{};
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0 ||
        cudaGetDeviceProperties(&device, 0) != cudaSuccess || device.major != 9) {
      std::printf("skipped: no GPU of compute capability 9.0\n");
      return 77;
    }
    if (count > 1) {
      const auto only = std::size_t(std::atoi(arguments[1]));
      if (only >= shapes.size()) return 2;
      shapes = {shapes[only]};
    }
    Arena arena(arena_bytes);
    int failed = 0;
    for (const fusiform::kernels::Conv2dProblem& p : shapes)
      if (!check(p, arena, device.multiProcessorCount)) ++failed;
    std::printf("%d of %zu shapes failed\n", failed, shapes.size());
    return failed == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], error.what());
    return 1;
  }
}

}  // namespace gpu
