/// Instructions under the emulator: the same under every setting, and the same as on the device that the golden vectors
/// come from (tests/cuda/arch_conformance.cu writes them).

#include <cstdlib>

#include "arch_case_file.hpp"
#include "arch_cases.cuh"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

std::vector<ArchCase> emulated_cases() {
  std::vector<ArchCase> cases;
  run_arch_cases([&](ArchCase c) { cases.push_back(std::move(c)); });
  return cases;
}

}  // namespace

TEST_CASE("Instructions do the same under every setting of the emulator", "[arch]") {
  std::vector<ArchCase> first;
  for (const auto& config : emulator_settings()) {
    const cuda_emulation::ScopedConfig scope(config);
    const std::vector<ArchCase> cases = emulated_cases();
    if (first.empty()) first = cases;
    REQUIRE(cases.size() == first.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
      INFO(cases[i].name << " under " << name_of(config));
      CHECK(compare(first[i].words, cases[i].words) == "same");
    }
  }
}

#if defined(FUSIFORM_ARCH_GOLDENS)
TEST_CASE("Instructions do under the emulator what they did on a device", "[arch]") {
  const auto device = read_arch_cases(FUSIFORM_ARCH_GOLDENS);
  const std::vector<ArchCase> emulated = emulated_cases();
  CHECK(device.size() == emulated.size());
  for (const ArchCase& c : emulated) {
    INFO(c.name);
    REQUIRE(device.contains(c.name));
    CHECK(compare(device.at(c.name), c.words) == "same");
  }
}
#endif

// Not a test: writes what the device is compared with. Run by name, with the path in FUSIFORM_ARCH_OUTPUTS.
TEST_CASE("Write the emulator's results", "[.write]") {
  const char* path = std::getenv("FUSIFORM_ARCH_OUTPUTS");
  REQUIRE(path != nullptr);
  write_arch_cases(path, emulated_cases());
}
