# Headers and a package for find_package(fusiform) and find_package(fusiform COMPONENTS study mpi cuda).
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
if(TARGET fusiform_cuda)
  set_target_properties(fusiform_cuda PROPERTIES EXPORT_NAME cuda)
  set_target_properties(fusiform_cuda_headers PROPERTIES EXPORT_NAME cuda_headers)
  install(DIRECTORY kernels DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fusiform-cuda COMPONENT development
          FILES_MATCHING PATTERN *.cuh PATTERN *.hpp PATTERN *_emulated.cuh EXCLUDE)
  install(TARGETS fusiform_cuda fusiform_cuda_headers EXPORT fusiformCudaTargets COMPONENT development)
  install(EXPORT fusiformCudaTargets NAMESPACE fusiform:: DESTINATION ${package_dir} COMPONENT development)
endif()

configure_package_config_file(cmake/fusiformConfig.cmake.in ${PROJECT_BINARY_DIR}/fusiformConfig.cmake
                              INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fusiformConfigVersion.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/fusiformConfig.cmake ${PROJECT_BINARY_DIR}/fusiformConfigVersion.cmake
              cmake/study_libraries.cmake
        DESTINATION ${package_dir} COMPONENT development)
