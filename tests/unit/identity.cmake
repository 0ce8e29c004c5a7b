fleetmend_test(test_identity SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_identity.c ${CMAKE_CURRENT_LIST_DIR}/../support/fake_machine.c USES agent_core)
