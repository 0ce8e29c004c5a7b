# A layer is a folder of C files built as one static library. Its include paths are its own folder and those
# of the layers it names, so an include across a border does not compile.

add_library(fleetmend_flags INTERFACE)
target_compile_options(fleetmend_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Werror
  -fstack-protector-strong -ffunction-sections -fdata-sections -fno-common)
target_compile_definitions(fleetmend_flags INTERFACE FLEETMEND_VERSION="${PROJECT_VERSION}")
if(WIN32)
  target_compile_definitions(fleetmend_flags INTERFACE
    __USE_MINGW_ANSI_STDIO=1 _WIN32_WINNT=0x0601 UNICODE _UNICODE WIN32_LEAN_AND_MEAN)
  # mingw-w64's isfinite() and isnan() trip over it; the native build looks at the same code.
  target_compile_options(fleetmend_flags INTERFACE -Wno-float-conversion)
  # One file, hardened as far as GCC 12 can (no control flow guard), for Windows 7 (6.1) and later, the same bytes
  # from the same sources. A program with wmain adds -municode itself.
  target_link_options(fleetmend_flags INTERFACE -static -fstack-protector-strong $<$<CONFIG:Release>:-s>
    -Wl,--gc-sections,--no-insert-timestamp -Wl,--dynamicbase,--nxcompat,--high-entropy-va
    -Wl,--major-os-version,6,--minor-os-version,1,--major-subsystem-version,6,--minor-subsystem-version,1)
else()
  target_compile_definitions(fleetmend_flags INTERFACE _GNU_SOURCE)
  target_link_options(fleetmend_flags INTERFACE -Wl,--gc-sections)
  target_link_libraries(fleetmend_flags INTERFACE m)
endif()
# _FORTIFY_SOURCE needs an optimising build, and says so with a warning otherwise.
target_compile_definitions(fleetmend_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
if(FLEETMEND_SANITIZE)
  target_compile_options(fleetmend_flags INTERFACE -fsanitize=${FLEETMEND_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(fleetmend_flags INTERFACE -fsanitize=${FLEETMEND_SANITIZE})
  if(FLEETMEND_SANITIZE MATCHES "undefined")
    target_compile_options(fleetmend_flags INTERFACE -fno-sanitize-recover=all)
  endif()
endif()

# fleetmend_layer(NAME [USES layer-or-library...] [EXCLUDE file...] [EXTRA file...])
#   Every *.c of the current folder, less EXCLUDE (the mains), plus EXTRA (generated files).
function(fleetmend_layer name)
  cmake_parse_arguments(ARG "" "" "USES;EXCLUDE;EXTRA" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  foreach(file ${ARG_EXCLUDE})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  add_library(${name} STATIC ${sources} ${ARG_EXTRA})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE fleetmend_flags PUBLIC ${ARG_USES})
endfunction()

# fleetmend_program(NAME SOURCES file... USES layer...)
function(fleetmend_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE fleetmend_flags ${ARG_USES})
endfunction()

# fleetmend_test(NAME SOURCES file... USES layer... [SECONDS limit])
#   A cmocka program. On Windows builds ctest runs it through Wine (see tests/windows/wine.sh).
function(fleetmend_test name)
  cmake_parse_arguments(ARG "" "SECONDS" "SOURCES;USES" ${ARGN})
  if(NOT ARG_SECONDS)
    set(ARG_SECONDS 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
  target_link_libraries(${name} PRIVATE fleetmend_flags ${ARG_USES} cmocka_library)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_SECONDS})
  if(WIN32)
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED wine ENVIRONMENT
      "WINEPREFIX=${CMAKE_BINARY_DIR}/wineprefix;WINEDEBUG=-all;WINEDLLOVERRIDES=mscoree,mshtml=")
  endif()
endfunction()
