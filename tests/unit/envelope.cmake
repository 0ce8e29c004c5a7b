# windows too
fleetmend_test(test_envelope SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_envelope.c USES protocol)
