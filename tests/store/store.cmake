add_library(store_contract STATIC
  ${CMAKE_CURRENT_LIST_DIR}/store_contract.c ${CMAKE_CURRENT_LIST_DIR}/store_contract_machines.c
  ${CMAKE_CURRENT_LIST_DIR}/store_contract_failures.c ${CMAKE_CURRENT_LIST_DIR}/store_contract_jobs.c
  ${CMAKE_CURRENT_LIST_DIR}/store_contract_rest.c ${CMAKE_CURRENT_LIST_DIR}/store_contract_lists.c)
target_include_directories(store_contract PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(store_contract PRIVATE fleetmend_flags PUBLIC store cmocka_library)

fleetmend_test(test_store_sqlite SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_store_sqlite.c USES store_contract)
fleetmend_test(test_writer SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_writer.c USES store)
fleetmend_test(test_store_crash SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_store_crash.c USES store SECONDS 120)
# Puts a file system that breaks under SQLite, so it knows SQLite itself.
fleetmend_test(test_store_faults SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_store_faults.c ${CMAKE_CURRENT_LIST_DIR}/broken_disk.c USES store PkgConfig::SQLITE SECONDS 120)
