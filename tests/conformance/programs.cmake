# What every device must do alike, written once. Each source is compiled for the CPU and for CUDA; the objects for CUDA
# are linked with the emulator and, with a CUDA compiler, with the kernels for a GPU.
file(GLOB conformance_sources CONFIGURE_DEPENDS conformance/*_test.cpp)
set(cpu_conformance_sources ${conformance_sources})
list(FILTER cpu_conformance_sources EXCLUDE REGEX "(bfloat16|cuda)_[^/]*$")  # there is none on the CPU
batch_in_namespaces(cpu_conformance_sources conformance 6 ${cpu_conformance_sources})
batch_in_namespaces(cuda_conformance_sources conformance_cuda 6 ${conformance_sources})

add_executable(test_conformance ${cpu_conformance_sources} conformance/cpu_ways.cpp)
target_compile_definitions(test_conformance PRIVATE FUSIFORM_TEST_DEVICE=Cpu)
target_link_libraries(test_conformance PRIVATE test_support)
add_test(NAME conformance COMMAND test_conformance)
add_dependencies(test_programs test_conformance)

add_library(conformance_cuda OBJECT ${cuda_conformance_sources})
target_compile_definitions(conformance_cuda PRIVATE FUSIFORM_TEST_DEVICE=Cuda)
target_link_libraries(conformance_cuda PRIVATE test_support)

add_executable(test_conformance_emulated conformance/emulated_ways.cpp)
target_compile_definitions(test_conformance_emulated PRIVATE FUSIFORM_TEST_DEVICE=Cuda)
target_link_libraries(test_conformance_emulated PRIVATE conformance_cuda test_support fusiform_cuda_emulated)
add_test(NAME conformance_emulated COMMAND test_conformance_emulated)
set_tests_properties(conformance_emulated PROPERTIES LABELS cuda COST 200)  # of long tests the longest begins first
add_dependencies(test_programs test_conformance_emulated)
add_dependencies(cuda_programs test_conformance_emulated)

if(FUSIFORM_HAS_CUDA)
  # The main function of its own asks for a GPU first.
  add_executable(test_conformance_gpu conformance/gpu_ways.cpp)
  target_compile_definitions(test_conformance_gpu PRIVATE FUSIFORM_TEST_DEVICE=Cuda)
  target_link_libraries(test_conformance_gpu PRIVATE conformance_cuda fusiform_own_build Catch2::Catch2 fusiform_cuda)
  add_test(NAME conformance_gpu COMMAND test_conformance_gpu)
  set_tests_properties(conformance_gpu PROPERTIES LABELS gpu SKIP_RETURN_CODE 77 RUN_SERIAL ON)
  add_dependencies(cuda_programs test_conformance_gpu)
endif()
