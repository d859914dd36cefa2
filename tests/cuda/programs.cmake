# Kernels under the emulator: always. On a GPU, and what only nvcc can tell: with a CUDA compiler.
add_custom_target(cuda_programs)

foreach(part cuda_emulation cuda)
  add_test_program(${part} test_main)
  target_compile_definitions(test_${part} PRIVATE FUSIFORM_EMULATE_CUDA)
  # g++ notes that tensor maps, which are aligned to 64 bytes, are passed otherwise than by g++ 4.5, and does not know
  # the device compiler's pragmas.
  target_compile_options(test_${part} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-psabi -Wno-unknown-pragmas>)
  # The emulator does all of a kernel's arithmetic: sanitized at -O1 the convolutions take minutes.
  target_compile_options(test_${part} PRIVATE $<$<CONFIG:Debug>:-O2>)
  set_tests_properties(${part} PROPERTIES LABELS cuda)
  add_dependencies(cuda_programs test_${part})
endforeach()

# The compiled target fusiform::cuda as it is under the emulator: what tests of Tensor<float, Cuda> link without a GPU.
file(GLOB kernel_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.cu)
batch_kernels(emulated_sources ${CMAKE_CURRENT_BINARY_DIR}/emulated cpp ${kernel_sources})
add_library(fusiform_cuda_emulated STATIC ${emulated_sources})
target_include_directories(fusiform_cuda_emulated PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(fusiform_cuda_emulated PUBLIC fusiform_own_options)
target_compile_definitions(fusiform_cuda_emulated PUBLIC FUSIFORM_EMULATE_CUDA)
target_link_libraries(test_cuda PRIVATE fusiform_cuda_emulated)
# A process chooses its GPU once: these tests fork before one is used.
add_test(NAME cuda_process_device COMMAND test_cuda "[.process_device]")
set_tests_properties(cuda_process_device PROPERTIES LABELS cuda)
target_compile_options(fusiform_cuda_emulated PUBLIC $<$<CXX_COMPILER_ID:GNU>:-Wno-psabi -Wno-unknown-pragmas>
                                              PRIVATE $<$<CONFIG:Debug>:-O2>)

set(script ${CMAKE_CURRENT_LIST_DIR}/asm_only_in_arch.sh)
add_test(NAME cuda_asm_only_in_arch COMMAND sh ${script} ${PROJECT_SOURCE_DIR}/kernels)
add_test(NAME cuda_asm_only_in_arch_finds_violations
         COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/asm_only_in_arch_test.sh ${script})
set_tests_properties(cuda_asm_only_in_arch cuda_asm_only_in_arch_finds_violations PROPERTIES LABELS cuda)

if(FUSIFORM_HAS_CUDA)
  # What runs where there is no GPU of the right kind exits with 77: skipped.
  function(add_device_program name architectures)
    add_executable(${name} cuda/${name}.cu)
    target_link_libraries(${name} PRIVATE fusiform_cuda ${ARGN} fusiform_cuda_headers)
    target_compile_options(${name} PRIVATE ${FUSIFORM_CUDA_STRICT})
    set_target_properties(${name} PROPERTIES CUDA_ARCHITECTURES "${architectures}")
    add_dependencies(cuda_programs ${name})
  endfunction()
  function(add_gpu_test name)
    add_test(NAME ${name} COMMAND ${name} ${ARGN})
    set_tests_properties(${name} PROPERTIES LABELS gpu SKIP_RETURN_CODE 77 RUN_SERIAL ON)
  endfunction()

  add_device_program(arch_conformance "${CMAKE_CUDA_ARCHITECTURES}")
  add_device_program(conv2d_hopper_device 90a-real)
  add_device_program(conv2d_hopper_bf16x2_device 90a-real)
  add_device_program(device_code_device "${CMAKE_CUDA_ARCHITECTURES}")
  add_device_program(cudnn_device "${CMAKE_CUDA_ARCHITECTURES}")
  add_gpu_test(conv2d_hopper_device)
  add_gpu_test(conv2d_hopper_bf16x2_device)
  add_gpu_test(device_code_device)
  add_gpu_test(cudnn_device)

  # The device is compared with what the emulator of this build does.
  set(emulated ${CMAKE_CURRENT_BINARY_DIR}/arch_emulated.safetensors)
  add_test(NAME cuda_write_emulated COMMAND test_cuda "[.write]")
  set_tests_properties(cuda_write_emulated PROPERTIES LABELS cuda ENVIRONMENT FUSIFORM_ARCH_OUTPUTS=${emulated}
                                                      FIXTURES_SETUP emulated)
  add_gpu_test(arch_conformance ${emulated} ${CMAKE_CURRENT_BINARY_DIR}/arch_device.safetensors)
  set_tests_properties(arch_conformance PROPERTIES FIXTURES_REQUIRED emulated)

  add_test(NAME cuda_compiled_kernels
           COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/compiled_kernels.sh ${CMAKE_CUDA_COMPILER} ${PROJECT_SOURCE_DIR}
                   ${fusiform_cuda_sources})
  set_tests_properties(cuda_compiled_kernels PROPERTIES LABELS cuda)
endif()
