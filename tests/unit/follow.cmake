fleetmend_test(test_follow SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_follow.c ${CMAKE_CURRENT_LIST_DIR}/../support/fake_machine.c USES agent_core)
