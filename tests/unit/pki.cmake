fleetmend_test(test_pki SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_pki.c USES pki protocol base PkgConfig::OPENSSL)
