# Configures, builds and runs the consumer, which gets the library the given WAY.
set(work ${BUILD}/tests/package/${WAY})
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

if(WAY STREQUAL "find_package")
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix --component development)
endif()
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${work}/build
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=Debug -D CMAKE_PREFIX_PATH=${work}/prefix
    -D WAY=${WAY} -D SOURCE=${SOURCE} -D VERSION=${VERSION} -D STUDY=${STUDY} -D CUDA=${CUDA})
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
if(NOT output STREQUAL "fusiform ${VERSION}: (2, 3)\n")
  message(FATAL_ERROR "unexpected output: ${output}")
endif()
if(EXISTS ${work}/build/cuda_consumer)
  run(${work}/build/cuda_consumer)
endif()
