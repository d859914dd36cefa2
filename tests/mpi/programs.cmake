# Programs that mpirun starts. Without MPI one test says that they are skipped.
if(NOT FUSIFORM_HAS_MPI)
  add_test(NAME mpi COMMAND ${CMAKE_COMMAND} -E echo "skipped: there is no MPI")
  set_tests_properties(mpi PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: there is no MPI")
  return()
endif()

add_executable(mpi_communicator mpi/programs/communicator.cpp)
target_link_libraries(mpi_communicator PRIVATE fusiform_own_options fusiform::mpi)
target_include_directories(mpi_communicator PRIVATE ${PROJECT_SOURCE_DIR})

# The program needs what fusiform::study needs.
file(GLOB mpi_tests CONFIGURE_DEPENDS mpi/*_test.cpp)
if(NOT TARGET fusiform_cli)
  list(FILTER mpi_tests EXCLUDE REGEX program_test)
endif()
add_executable(test_mpi ${mpi_tests})
target_link_libraries(test_mpi PRIVATE test_support)
target_compile_definitions(test_mpi PRIVATE
  FUSIFORM_MPIRUN="${MPIEXEC_EXECUTABLE}" FUSIFORM_MPI_PROCESSES="${MPIEXEC_NUMPROC_FLAG}"
  FUSIFORM_MPI_COMMUNICATOR="$<TARGET_FILE:mpi_communicator>")
add_dependencies(test_mpi mpi_communicator)
add_dependencies(test_programs test_mpi)
if(TARGET fusiform_cli)
  target_compile_definitions(test_mpi PRIVATE FUSIFORM_PROGRAM="$<TARGET_FILE:fusiform_cli>")
  add_dependencies(test_mpi fusiform_cli)
endif()
add_test(NAME mpi COMMAND test_mpi)
