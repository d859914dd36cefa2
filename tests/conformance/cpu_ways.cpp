/// The CPU: one thread, and three.

#include <fusiform/core/parallel.hpp>

#include "tests/conformance/test_device.hpp"

namespace fusiform::test {

int ways_to_run() { return 2; }
void run_this_way(int way) { set_thread_count(way == 0 ? 1 : 3); }
const char* name_of_way(int way) { return way == 0 ? "one thread" : "three threads"; }

}  // namespace fusiform::test
