#pragma once
/// All cases of the conformance test, in a fixed order.

#include "arch_cases_tma.cuh"
#include "arch_cases_warp.cuh"
#include "arch_cases_wgmma.cuh"

namespace fusiform::test {

[[nodiscard]] inline ArchCases arch_cases() {
  ArchCases cases;
  add_warp_cases(cases);
  TmaCases(cases).add();
  add_wgmma_cases(cases);
  return cases;
}

}  // namespace fusiform::test
