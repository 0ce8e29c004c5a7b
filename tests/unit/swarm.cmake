fleetmend_test(test_swarm
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_swarm.c ${PROJECT_SOURCE_DIR}/tests/support/fake_fleet.c
          ${PROJECT_SOURCE_DIR}/tests/support/tls_server.c
  USES agent_sim protocol crypto_library Threads::Threads SECONDS 120)
