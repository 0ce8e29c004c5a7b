# windows too
fleetmend_test(test_args SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_args.c USES agent_program)
