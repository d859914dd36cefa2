#include "../processes.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fusiform/mpi/mpi_communicator.hpp>

std::unique_ptr<fusiform::Communicator> join_processes() {
  // What Open MPI, MPICH and PMIx (srun) tell the processes they start. Without a launcher MPI would start helpers of
  // its own, for nothing.
  const std::array signs{"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK"};
  if (std::any_of(signs.begin(), signs.end(), [](const char* name) { return std::getenv(name) != nullptr; }))
    return std::make_unique<fusiform::MpiCommunicator>();
  return std::make_unique<fusiform::SingleProcess>();
}
