# windows too
fleetmend_test(test_code SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_code.c USES protocol)
fleetmend_test(test_code_explain SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_code_explain.c USES protocol)
