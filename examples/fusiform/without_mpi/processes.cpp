#include "../processes.hpp"

#include <cstdlib>
#include <string>

std::unique_ptr<fusiform::Communicator> join_processes() {
  // Open MPI's and MPICH's number of processes. Each would do the whole work.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    const char* size = std::getenv(name);
    if (size != nullptr && std::atoi(size) > 1)
      throw fusiform::ConfigError(fusiform::text("this program was built without MPI and works in one process, but ",
                                                 size, " were started; install libopenmpi-dev and build it again"));
  }
  return std::make_unique<fusiform::SingleProcess>();
}
