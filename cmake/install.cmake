# Headers and a package for find_package(fusiform) and find_package(fusiform COMPONENTS study).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/fusiform)

install(DIRECTORY include/fusiform DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(TARGETS fusiform EXPORT fusiformTargets COMPONENT development)
install(EXPORT fusiformTargets NAMESPACE fusiform:: DESTINATION ${package_dir} COMPONENT development)
if(TARGET fusiform_study)
  install(TARGETS fusiform_study EXPORT fusiformStudyTargets COMPONENT development)
  install(EXPORT fusiformStudyTargets NAMESPACE fusiform:: DESTINATION ${package_dir} COMPONENT development)
endif()
if(TARGET fusiform_mpi)
  install(TARGETS fusiform_mpi EXPORT fusiformMpiTargets COMPONENT development)
  install(EXPORT fusiformMpiTargets NAMESPACE fusiform:: DESTINATION ${package_dir} COMPONENT development)
endif()

configure_package_config_file(cmake/fusiformConfig.cmake.in ${PROJECT_BINARY_DIR}/fusiformConfig.cmake
                              INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fusiformConfigVersion.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/fusiformConfig.cmake ${PROJECT_BINARY_DIR}/fusiformConfigVersion.cmake
              cmake/study_libraries.cmake
        DESTINATION ${package_dir} COMPONENT development)
