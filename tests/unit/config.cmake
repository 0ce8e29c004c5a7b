fleetmend_test(test_config SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_config.c ${CMAKE_CURRENT_LIST_DIR}/../support/fake_machine.c USES agent_core)
