fleetmend_test(test_spool SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_spool.c ${CMAKE_CURRENT_LIST_DIR}/../support/fake_machine.c USES agent_core)
