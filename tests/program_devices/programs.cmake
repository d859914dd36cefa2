# `--device`: the command-line program with an emulated GPU (FUSIFORM_PROGRAM_EMULATED), and what it says without one. Not
# among the test_programs of the sanitizers: the same kernels run there in test_conformance_emulated, and a whole study
# on an emulated GPU takes long to compile and to run.
if(NOT TARGET fusiform_cli)
  return()
endif()

add_executable(fusiform_cli_emulated ${PROJECT_SOURCE_DIR}/examples/fusiform/with_cuda/devices.cpp)
target_link_libraries(fusiform_cli_emulated PRIVATE fusiform_cli_parts fusiform_cuda_emulated)

file(GLOB device_tests CONFIGURE_DEPENDS program_devices/*_test.cpp)
add_executable(test_program_devices ${device_tests})
target_link_libraries(test_program_devices PRIVATE test_support fusiform::study)
target_compile_definitions(test_program_devices PRIVATE
  FUSIFORM_PROGRAM="$<TARGET_FILE:fusiform_cli>"
  FUSIFORM_PROGRAM_EMULATED="$<TARGET_FILE:fusiform_cli_emulated>"
  FUSIFORM_PROGRAM_HAS_CUDA=$<BOOL:${FUSIFORM_HAS_CUDA}>)
if(FUSIFORM_HAS_MPI)
  target_compile_definitions(test_program_devices PRIVATE
    FUSIFORM_MPIRUN="${MPIEXEC_EXECUTABLE}" FUSIFORM_MPI_PROCESSES="${MPIEXEC_NUMPROC_FLAG}")
endif()
add_dependencies(test_program_devices fusiform_cli fusiform_cli_emulated)
add_test(NAME program_devices COMMAND test_program_devices)
set_tests_properties(program_devices PROPERTIES LABELS cuda)
