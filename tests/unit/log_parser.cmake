# windows too
fleetmend_test(test_log_parser SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_log_parser.c USES sources SECONDS 120)
