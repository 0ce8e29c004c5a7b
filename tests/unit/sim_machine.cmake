fleetmend_test(test_sim_machine SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_sim_machine.c USES agent_sim)
