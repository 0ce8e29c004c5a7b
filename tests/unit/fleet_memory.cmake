# What the server keeps in memory. The hub's test is worth running under ThreadSanitizer too.
foreach(module hub ticket accounts)
  fleetmend_test(test_${module} SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c USES fleet store model protocol base Threads::Threads)
endforeach()
