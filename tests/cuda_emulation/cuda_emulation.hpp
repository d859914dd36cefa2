#pragma once
/// Runs CUDA kernels under g++ and clang++, for tests on machines without a GPU. The threads of a block are fibers on
/// one OS thread. It shows missing barriers and waits, wrong masks, deadlocks, overruns of shared memory and reads of
/// what was never written. It cannot show missing proxy fences, races between accesses that no barrier separates in
/// time, or where the hardware differs from our reading of its manual: for that, tests/cuda/arch_conformance compares
/// the two.

#include "builtins.hpp"
#include "config.hpp"
#include "device.hpp"
#include "launch.hpp"
#include "mbarrier.hpp"
#include "recording.hpp"
