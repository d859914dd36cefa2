#include "kernels/conv2d_mma_engine.cuh"

#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::kernels;

TEST_CASE("mma.sync is refused where there is none, and only there") {
  CHECK_THROWS_WITH(require_mma("bf16x2", DeviceCode::any),
                    "bf16x2: expected a GPU of compute capability 8.0 or later, got an older one");
  CHECK_NOTHROW(require_mma("bf16x2", DeviceCode::ampere));
  CHECK_NOTHROW(require_mma("bf16x2", DeviceCode::hopper));
}
