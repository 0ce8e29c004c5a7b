foreach(part args filter table wait config)
  fleetmend_test(test_cli_${part} SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_cli_${part}.c USES cli)
endforeach()
# The program itself against a scripted server: exit codes, waiting, what stands on stdout.
find_program(PYTHON3 python3)
if(PYTHON3)
  add_test(NAME cli_against_fake
    COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/../scenario/cli_against_fake.py $<TARGET_FILE:fleetmend>)
  set_tests_properties(cli_against_fake PROPERTIES TIMEOUT 180)
endif()
