# windows too
foreach(module base json wire job)
  fleetmend_test(test_${module} SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c USES protocol base)
endforeach()
