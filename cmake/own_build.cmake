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

add_library(fusiform_own_build INTERFACE)
target_link_libraries(fusiform_own_build INTERFACE fusiform::fusiform)
# Options are given by name and the rest left to their defaults, which g++ calls a missing initializer.
target_compile_options(fusiform_own_build INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                       -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wmissing-declarations
                       -Wno-missing-field-initializers
                       # g++ 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                       # Nobody reads errno after std::sqrt; without the flag, loops with it do not vectorise.
                       -fno-math-errno)
if(FUSIFORM_NATIVE)
  target_compile_options(fusiform_own_build INTERFACE -march=native)
endif()
