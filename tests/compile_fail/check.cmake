# SOURCE must build without MISUSE, and with it fail saying EXPECTED.
get_filename_component(name ${SOURCE} NAME_WE)
set(output ${CMAKE_CURRENT_BINARY_DIR}/compile_fail_${name}.out)
set(command ${COMPILER} -std=c++20 -fopenmp -I ${INCLUDE} ${SOURCE} -o ${output})

execute_process(COMMAND ${command} RESULT_VARIABLE status ERROR_VARIABLE message)
file(REMOVE ${output})
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the correct use does not build:\n${message}")
endif()

execute_process(COMMAND ${command} -DMISUSE RESULT_VARIABLE status ERROR_VARIABLE message)
file(REMOVE ${output})
if(status EQUAL 0)
  message(FATAL_ERROR "the misuse builds")
endif()
if(NOT message MATCHES "${EXPECTED}")
  message(FATAL_ERROR "expected a message with '${EXPECTED}', got:\n${message}")
endif()
