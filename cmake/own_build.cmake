# Settings for the programs of this repository. None of them reaches a project that uses the library.
if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  find_program(CCACHE_PROGRAM ccache)
  mark_as_advanced(CCACHE_PROGRAM)
  if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  endif()
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
endif()

add_library(fusiform_own_options INTERFACE)
target_link_libraries(fusiform_own_options INTERFACE fusiform::fusiform)
# Options are given by name and the rest left to their defaults, which g++ calls a missing initializer.
target_compile_options(fusiform_own_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                       -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wmissing-declarations
                       -Wno-missing-field-initializers
                       # g++ 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                       # Nobody reads errno after std::sqrt; without the flag, loops with it do not vectorise.
                       -fno-math-errno)
if(FUSIFORM_NATIVE)
  target_compile_options(fusiform_own_options INTERFACE -march=native)
endif()

# The kernels that take long to compile: once for all of our programs, and in several files for several cores. A project
# that uses the library compiles what it needs from the headers.
foreach(group implicit_gemm direct winograd_2x2 winograd_4x4 linear)
  foreach(scalar float double)
    set(source ${PROJECT_BINARY_DIR}/own_kernels/${group}_${scalar}.cpp)
    file(CONFIGURE OUTPUT ${source}
         CONTENT "#include \"cmake/own_kernels/declarations.hpp\"\n
namespace fusiform::kernels {
FUSIFORM_KERNELS_${group}(template, ${scalar})
}\n")
    list(APPEND kernel_sources ${source})
  endforeach()
endforeach()
add_library(fusiform_own_kernels STATIC ${kernel_sources})
target_include_directories(fusiform_own_kernels PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(fusiform_own_kernels PRIVATE fusiform_own_options)

# What our programs link.
add_library(fusiform_own_build INTERFACE)
target_link_libraries(fusiform_own_build INTERFACE fusiform_own_options fusiform_own_kernels)
target_compile_options(fusiform_own_build INTERFACE
                       "SHELL:-include ${PROJECT_SOURCE_DIR}/cmake/own_kernels/declarations.hpp")
