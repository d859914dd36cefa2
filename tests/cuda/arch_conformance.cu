/// Runs every instruction's cases on the GPU and compares them with the emulator's results. Prints a line a case:
/// `same` or the first difference. Exit status 0 only when all are the same, 77 without a GPU of compute
/// capability 9.0. usage: arch_conformance EMULATED.safetensors [DEVICE.safetensors]     the second is written

#include <cstdio>
#include <exception>
#include <sys/wait.h>
#include <unistd.h>

#include "arch_case_file.hpp"
#include "arch_cases.cuh"

namespace {

using namespace fusiform;
using namespace fusiform::test;

constexpr int no_device = 77;
constexpr unsigned seconds_a_case = 30;

bool has_hopper() {
  int device = 0, major = 0, minor = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return false;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  return major == 9 && minor == 0;
}

bool write_all(int file, const void* data, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t count = write(file, static_cast<const char*>(data) + done, bytes - done);
    if (count <= 0) return false;
    done += std::size_t(count);
  }
  return true;
}

bool read_all(int file, void* data, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t count = read(file, static_cast<char*>(data) + done, bytes - done);
    if (count <= 0) return false;
    done += std::size_t(count);
  }
  return true;
}

/// Sends the words of the cases from `first` on. An error on the device ends its process: nothing runs after it.
int send_results(const ArchCases& cases, std::size_t first, int file) {
  if (!has_hopper()) return no_device;
  for (std::size_t i = first; i < cases.size(); ++i) {
    alarm(seconds_a_case);
    try {
      const Words words = cases[i].run();
      const std::uint64_t count = words.size();
      if (!write_all(file, &count, sizeof(count)) || !write_all(file, words.data(), count * 4)) return 1;
    } catch (const CudaError& error) {
      std::fprintf(stderr, "  %s: %s\n", cases[i].name.c_str(), error.what());
      const std::uint64_t none = 0;
      return write_all(file, &none, sizeof(none)) ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "  %s: %s\n", cases[i].name.c_str(), error.what());
      return 1;
    }
  }
  return 0;
}

/// Runs cases from `first` on in a process of their own until one is refused, fails or hangs, with `take` for each
/// result. Returns the number of results, or -1 without a device.
template <class Take>
int run_process(const ArchCases& cases, std::size_t first, Take take) {
  int ends[2];
  if (pipe(ends) != 0) throw Error("pipe failed");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    _exit(send_results(cases, first, ends[1]));
  }
  close(ends[1]);
  int results = 0;
  for (std::uint64_t count = 0; read_all(ends[0], &count, sizeof(count)); ++results) {
    Words words(count);
    if (!read_all(ends[0], words.data(), count * 4)) break;
    take(cases[first + std::size_t(results)], words);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == no_device ? -1 : results;
}

int compare_all(const std::string& emulated_path, const char* device_path) {
  const ArchResults emulated = read_results(emulated_path);
  const ArchCases cases = arch_cases();
  ArchResults device;
  std::size_t same = 0;
  const auto report = [&](const ArchCase& c, const std::string& result) {
    same += result == "same" ? 1 : 0;
    std::printf("%-60s %s\n", c.name.c_str(), result.c_str());
  };
  for (std::size_t next = 0; next < cases.size();) {
    const int results = run_process(cases, next, [&](const ArchCase& c, const Words& words) {
      const auto expected = emulated.find(c.name);
      report(c, expected == emulated.end() ? "not in the file" : compare(expected->second, words));
      device[c.name] = words;
    });
    if (results < 0) {
      std::puts("skipped: no GPU of compute capability 9.0");
      return no_device;
    }
    if (results == 0) report(cases[next], "no answer");
    next += results == 0 ? 1 : std::size_t(results);
  }
  if (device_path != nullptr) write_results(device_path, device);
  std::printf("%zu of %zu cases are the same; the file has %zu\n", same, cases.size(), emulated.size());
  return same == cases.size() && same == emulated.size() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s EMULATED.safetensors [DEVICE.safetensors]\n", argv[0]);
    return 2;
  }
  try {
    return compare_all(argv[1], argc == 3 ? argv[2] : nullptr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
