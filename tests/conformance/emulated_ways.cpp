/// The emulator: all schedules, with copies as early and as late as they may be.

#include "tests/conformance/test_device.hpp"
#include "tests/cuda_emulation/settings.hpp"

namespace fusiform::test {

// Two schedules are gone through with one time of completion each: the kernels with asynchronous copies have tests of
// their own with all six settings (tests/cuda).
int ways_to_run() { return 3; }

void run_this_way(int way) {
  cuda_emulation::config = emulator_settings()[static_cast<std::size_t>(2 * way + way % 2)];
}

const char* name_of_way(int way) {
  constexpr std::array<const char*, 3> names{"forward, eager", "reverse, deferred", "random, eager"};
  return names[static_cast<std::size_t>(way)];
}

}  // namespace fusiform::test
