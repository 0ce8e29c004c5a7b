fleetmend_test(test_filter SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_filter.c USES model)
