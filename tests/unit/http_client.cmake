fleetmend_test(test_http_client
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_http_client.c ${PROJECT_SOURCE_DIR}/tests/support/tls_server.c
  USES transport base crypto_library Threads::Threads)
