fleetmend_test(test_settings SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_settings.c USES server_program)
