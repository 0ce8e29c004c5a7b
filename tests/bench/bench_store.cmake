fleetmend_program(bench_store SOURCES ${CMAKE_CURRENT_LIST_DIR}/bench_store.c USES store PkgConfig::SQLITE Threads::Threads)
