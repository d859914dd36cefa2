/// Runs every instruction's cases on the GPU and compares them with the emulator's results. Prints a line a case:
/// `same` or the first difference. Exit status 0 only when all are the same, 77 without a GPU of compute
/// capability 9.0. usage: arch_conformance EMULATED.safetensors [DEVICE.safetensors]     the second is written

#include <cstdio>
#include <exception>

#include "arch_case_file.hpp"
#include "arch_cases.cuh"

namespace {

bool has_hopper() {
  int device = 0, major = 0, minor = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return false;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  return major == 9 && minor == 0;
}

int compare_with(const std::string& emulated_path, const char* device_path) {
  const auto emulated = fusiform::test::read_arch_cases(emulated_path);
  std::vector<fusiform::test::ArchCase> cases;
  std::size_t same = 0;
  fusiform::test::run_arch_cases([&](fusiform::test::ArchCase c) {
    const auto expected = emulated.find(c.name);
    const std::string result =
        expected == emulated.end() ? "not in the file" : fusiform::test::compare(expected->second, c.words);
    same += result == "same" ? 1 : 0;
    std::printf("%-50s %s\n", c.name.c_str(), result.c_str());
    std::fflush(stdout);  // the next case may hang
    cases.push_back(std::move(c));
  });
  if (device_path != nullptr) fusiform::test::write_arch_cases(device_path, cases);
  std::printf("%zu of %zu cases are the same; the file has %zu\n", same, cases.size(), emulated.size());
  return same == cases.size() && same == emulated.size() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s EMULATED.safetensors [DEVICE.safetensors]\n", argv[0]);
    return 2;
  }
  if (!has_hopper()) {
    std::puts("skipped: no GPU of compute capability 9.0");
    return 77;
  }
  try {
    return compare_with(argv[1], argc == 3 ? argv[2] : nullptr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
