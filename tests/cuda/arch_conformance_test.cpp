/// Instructions under the emulator: the same under every setting, and the same as on the device that the golden vectors
/// come from (an H100; tests/cuda/arch_conformance.cu writes them).

#include <cstdlib>

#include "tests/cuda/arch_case_file.hpp"
#include "tests/cuda/arch_cases.cuh"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

ArchResults emulated_results() {
  ArchResults results;
  for (const ArchCase& c : arch_cases()) {
    REQUIRE(!results.contains(c.name));
    Words words;
    try {
      words = c.run();
    } catch (const cuda_emulation::EmulationError&) {
      words.clear();
    }
    INFO(c.name);
    CHECK(words.empty() == (c.name.find("/refused/") != std::string::npos));
    results[c.name] = words;
  }
  return results;
}

}  // namespace

TEST_CASE("Instructions do the same under every setting of the emulator", "[arch]") {
  ArchResults first;
  for (const auto& config : emulator_settings()) {
    const cuda_emulation::ScopedConfig scope(config);
    const ArchResults results = emulated_results();
    if (first.empty()) first = results;
    for (const auto& [name, words] : results) {
      INFO(name << " under " << name_of(config));
      CHECK(compare(first.at(name), words) == "same");
    }
  }
}

TEST_CASE("Instructions do under the emulator what they did on a device", "[arch]") {
  const ArchResults device = read_results(FUSIFORM_GOLDENS "/cuda/arch.safetensors"), emulated = emulated_results();
  CHECK(device.size() == emulated.size());
  for (const auto& [name, words] : emulated) {
    INFO(name);
    REQUIRE(device.contains(name));
    CHECK(compare(device.at(name), words) == "same");
  }
}

// Not a test: writes what the device is compared with. Run by name, with the path in FUSIFORM_ARCH_OUTPUTS.
TEST_CASE("Write the emulator's results", "[.write]") {
  const char* path = std::getenv("FUSIFORM_ARCH_OUTPUTS");
  REQUIRE(path != nullptr);
  write_results(path, emulated_results());
}
