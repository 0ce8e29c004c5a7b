foreach(test test_http_server test_http_waiting test_http_limits)
  fleetmend_test(${test}
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/${test}.c
            ${CMAKE_CURRENT_LIST_DIR}/../support/http_fixture.c
            ${CMAKE_CURRENT_LIST_DIR}/../support/raw_client.c
    USES http)
endforeach()
