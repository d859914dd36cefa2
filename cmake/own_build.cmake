# Settings for the programs of this repository. None of them reaches a project that uses the library.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

add_library(fusiform_own_build INTERFACE)
target_link_libraries(fusiform_own_build INTERFACE fusiform::fusiform)
target_compile_options(fusiform_own_build INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion
                       -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wmissing-declarations)
if(FUSIFORM_NATIVE)
  target_compile_options(fusiform_own_build INTERFACE -march=native)
endif()
