#pragma once
/// Starts a program in several processes, as a user would with mpirun.

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/wait.h>

namespace fusiform::test {

struct MpiRun {
  int status = 0;      ///< exit status of mpirun; 124: it ran past the limit
  std::string output;  ///< of all processes
};

/// More processes than processors and root are allowed: a test machine may be a small container.
[[nodiscard]] inline MpiRun mpirun(int processes, const std::string& command) {
  for (const char* setting : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "PRTE_ALLOW_RUN_AS_ROOT",
                              "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"})
    ::setenv(setting, "1", 1);
  ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1);  // which containers forbid
  ::setenv("OMP_NUM_THREADS", "1", 1);
  const std::string all = std::string("timeout 300 ") + FUSIFORM_MPIRUN + " " + FUSIFORM_MPI_PROCESSES + " " +
                          std::to_string(processes) + " " + command + " 2>&1 </dev/null";
  std::FILE* pipe = ::popen(all.c_str(), "r");
  MpiRun run;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
    run.output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

}  // namespace fusiform::test
