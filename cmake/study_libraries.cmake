# Finds what fusiform::study needs, for our build and for the installed package alike.
# Sets FUSIFORM_STUDY_MISSING to what is not there, FUSIFORM_STB_INCLUDE_DIR and FUSIFORM_LIBLINEAR.
set(FUSIFORM_STUDY_MISSING)

find_package(JPEG QUIET)
if(NOT TARGET JPEG::JPEG)
  list(APPEND FUSIFORM_STUDY_MISSING libjpeg)
endif()

find_package(ZLIB QUIET)
if(NOT TARGET ZLIB::ZLIB)
  list(APPEND FUSIFORM_STUDY_MISSING zlib)
endif()

find_path(FUSIFORM_STB_INCLUDE_DIR stb/stb_image.h)
mark_as_advanced(FUSIFORM_STB_INCLUDE_DIR)
if(NOT FUSIFORM_STB_INCLUDE_DIR)
  list(APPEND FUSIFORM_STUDY_MISSING stb)
endif()

find_path(FUSIFORM_LIBLINEAR_INCLUDE_DIR linear.h)
find_library(FUSIFORM_LIBLINEAR linear)
mark_as_advanced(FUSIFORM_LIBLINEAR_INCLUDE_DIR FUSIFORM_LIBLINEAR)
if(NOT FUSIFORM_LIBLINEAR OR NOT FUSIFORM_LIBLINEAR_INCLUDE_DIR)
  list(APPEND FUSIFORM_STUDY_MISSING liblinear)
endif()

foreach(package tomlplusplus nlohmann_json)
  find_package(${package} QUIET)
  if(NOT TARGET ${package}::${package})
    list(APPEND FUSIFORM_STUDY_MISSING ${package})
  endif()
endforeach()

list(JOIN FUSIFORM_STUDY_MISSING ", " FUSIFORM_STUDY_MISSING)
