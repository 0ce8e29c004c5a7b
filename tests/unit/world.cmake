fleetmend_test(test_world SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_world.c USES agent_sim)
