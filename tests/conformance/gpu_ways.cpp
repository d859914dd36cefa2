/// A GPU: the same bits twice. Exits with 77, for ctest: skipped, where there is none.

#define CATCH_CONFIG_RUNNER
#include <cstdio>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/error.hpp>

#include "tests/conformance/test_device.hpp"

namespace fusiform::test {

int ways_to_run() { return 2; }
void run_this_way(int) {}
const char* name_of_way(int way) { return way == 0 ? "first run" : "second run"; }

}  // namespace fusiform::test

int main(int argc, char** argv) {
  try {
    fusiform::require_device(fusiform::Cuda{});
  } catch (const fusiform::ConfigError& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
