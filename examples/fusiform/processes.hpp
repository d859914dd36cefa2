#pragma once
/// The processes that work on one command together. One of two files says which: with_mpi/ or without_mpi/.

#include <memory>

#include <fusiform/core/communicator.hpp>

/// All processes that mpirun or srun started with this one; without them this one alone, also where MPI is there.
/// Throws ConfigError if there are several and the program was built without MPI.
std::unique_ptr<fusiform::Communicator> join_processes();
