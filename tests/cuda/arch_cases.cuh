#pragma once
/// All cases of the conformance test, in a fixed order.

#include "arch_cases_tma.cuh"
#include "arch_cases_warp.cuh"
#include "arch_cases_wgmma.cuh"

namespace fusiform::test {

inline void run_arch_cases(const CaseSink& sink) {
  run_warp_cases(sink);
  TmaCases(sink).run();
  run_wgmma_cases(sink);
}

}  // namespace fusiform::test
