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

# What takes long to compile: once for all of our programs, and in several files for several cores. A project that uses the
# library compiles what it needs from the headers.
function(compile_once macro namespace)
  foreach(group ${ARGN})
    foreach(scalar float double)
      set(source ${PROJECT_BINARY_DIR}/own_templates/${group}_${scalar}.cpp)
      file(CONFIGURE OUTPUT ${source}
           CONTENT "#include \"cmake/own_templates/declarations.hpp\"\n
namespace ${namespace} {
${macro}_${group}(template, ${scalar})
}\n")
      target_sources(fusiform_own_templates PRIVATE ${source})
    endforeach()
  endforeach()
endfunction()
add_library(fusiform_own_templates STATIC)
compile_once(FUSIFORM_KERNELS fusiform::kernels implicit_gemm direct winograd_2x2 winograd_4x4 linear pool2d norm)
compile_once(FUSIFORM_NETWORKS fusiform layers network)
target_include_directories(fusiform_own_templates PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(fusiform_own_templates PRIVATE fusiform_own_options)

# What our programs link.
add_library(fusiform_own_build INTERFACE)
target_include_directories(fusiform_own_build INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(fusiform_own_build INTERFACE fusiform_own_options fusiform_own_templates)
target_compile_options(fusiform_own_build INTERFACE
                       "SHELL:-include ${PROJECT_SOURCE_DIR}/cmake/own_templates/declarations.hpp")

# The same for whole studies: functions behind wrappers, since `extern template` is for templates only.
if(TARGET fusiform::study)
  add_library(fusiform_own_study STATIC cmake/own_study/study.cpp cmake/own_study/records.cpp)
  target_link_libraries(fusiform_own_study PUBLIC fusiform_own_build fusiform::study)
endif()
