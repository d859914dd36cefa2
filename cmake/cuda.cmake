# fusiform::cuda, the compiled kernels, and fusiform::cuda_headers for a .cu file that includes kernels/*.cuh.
# FUSIFORM_HAS_CUDA says whether they are there.
set(FUSIFORM_HAS_CUDA OFF)
if(FUSIFORM_CUDA)
  # Asking later would find the architecture of nvcc's default. 90a: wgmma and setmaxnreg exist nowhere else.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90a-real 100-real 120)
  endif()
  if(NOT CMAKE_CUDA_COMPILER AND EXISTS /usr/local/cuda/bin/nvcc)
    set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    find_package(CUDAToolkit 13.0 REQUIRED)
    set(FUSIFORM_HAS_CUDA ON)
  elseif(FUSIFORM_CUDA STREQUAL "AUTO")
    message(STATUS "fusiform::cuda is left out: there is no CUDA compiler")
  else()
    message(FATAL_ERROR "FUSIFORM_CUDA is ${FUSIFORM_CUDA}, but there is no CUDA compiler")
  endif()
endif()

if(FUSIFORM_HAS_CUDA)
  add_library(fusiform_cuda_headers INTERFACE)
  add_library(fusiform::cuda_headers ALIAS fusiform_cuda_headers)
  target_include_directories(fusiform_cuda_headers INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                             $<INSTALL_INTERFACE:include/fusiform-cuda>)
  target_link_libraries(fusiform_cuda_headers INTERFACE fusiform CUDA::cudart_static)
  # CMake 3.25 does not know that nvcc 13 has C++20: neither CUDA_STANDARD nor cxx_std_20 asks for it. constexpr functions
  # of the headers, as those of core/random.hpp, run on the device too.
  target_compile_options(fusiform_cuda_headers
                         INTERFACE $<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:-std=c++20 --expt-relaxed-constexpr>)

  # Warnings, register spills and arrays in local memory are errors.
  set(FUSIFORM_CUDA_STRICT $<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:-Werror=all-warnings
      -Xptxas=-warn-spills,-warn-lmem-usage,-Werror>)

  file(GLOB fusiform_cuda_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.cu)
  if(FUSIFORM_BATCHES)
    batch_kernels(fusiform_cuda_sources ${PROJECT_BINARY_DIR}/kernels cu ${fusiform_cuda_sources})
  endif()
  add_library(fusiform_cuda STATIC ${fusiform_cuda_sources})
  add_library(fusiform::cuda ALIAS fusiform_cuda)
  set_target_properties(fusiform_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(NOT PROJECT_IS_TOP_LEVEL)
    set_target_properties(fusiform_cuda PROPERTIES EXCLUDE_FROM_ALL ON)  # compiled if the project links it
  endif()
  target_link_libraries(fusiform_cuda PUBLIC fusiform PRIVATE fusiform_cuda_headers)
  target_compile_options(fusiform_cuda PRIVATE ${FUSIFORM_CUDA_STRICT})
endif()
