fleetmend_test(test_agent SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_agent.c ${CMAKE_CURRENT_LIST_DIR}/../support/fake_machine.c USES agent_core)
