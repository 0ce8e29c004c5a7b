# The Windows agent's libraries, compiled from Debian's sources and linked statically, so that the agent is one
# file that needs nothing installed. Same target names as in native-dependencies.cmake.
set(FLEETMEND_WINDOWS_SOURCES ${PROJECT_SOURCE_DIR}/build/windows-sources CACHE PATH
    "Where deploy/windows-sources.sh leaves curl, cjson and cmocka")
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/deploy/windows-sources.sh ${FLEETMEND_WINDOWS_SOURCES}
                RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "The sources of curl, cJSON and cmocka are missing; see the messages above.")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FLEETMEND_WINDOWS_SOURCES}/versions)

# Foreign code: its warnings are its authors' concern.
add_library(foreign_flags INTERFACE)
target_compile_options(foreign_flags INTERFACE -w -Os -ffunction-sections -fdata-sections -fstack-protector-strong)
target_compile_definitions(foreign_flags INTERFACE _WIN32_WINNT=0x0601)

# curl's own CMake takes minutes to try out what is known about Windows. Without HAVE_CONFIG_H curl reads its
# lib/config-win32.h, which says the same. HTTP only, TLS by Schannel, proxy logins by SSPI.
set(curl ${FLEETMEND_WINDOWS_SOURCES}/curl)
file(GLOB curl_files ${curl}/lib/*.c ${curl}/lib/vtls/*.c ${curl}/lib/vauth/*.c ${curl}/lib/vquic/*.c ${curl}/lib/vssh/*.c)
add_library(curl_library STATIC ${curl_files})
target_include_directories(curl_library PRIVATE ${curl}/lib)
target_include_directories(curl_library SYSTEM PUBLIC ${curl}/include)
target_compile_definitions(curl_library PUBLIC CURL_STATICLIB PRIVATE
  BUILDING_LIBCURL HTTP_ONLY USE_SCHANNEL USE_WINDOWS_SSPI USE_IPV6 ENABLE_IPV6
  CURL_DISABLE_ALTSVC CURL_DISABLE_COOKIES CURL_DISABLE_DOH CURL_DISABLE_GETOPTIONS CURL_DISABLE_HSTS
  CURL_DISABLE_LIBCURL_OPTION CURL_DISABLE_MIME CURL_DISABLE_NETRC CURL_DISABLE_PROGRESS_METER)
target_link_libraries(curl_library PRIVATE foreign_flags PUBLIC ws2_32 crypt32 bcrypt advapi32)

# Debian installs the header as <cjson/cJSON.h>. Unless symbols are hidden, the agent would export cJSON's.
set(cjson_include ${CMAKE_BINARY_DIR}/include)
configure_file(${FLEETMEND_WINDOWS_SOURCES}/cjson/cJSON.h ${cjson_include}/cjson/cJSON.h COPYONLY)
add_library(cjson_library STATIC ${FLEETMEND_WINDOWS_SOURCES}/cjson/cJSON.c)
target_include_directories(cjson_library SYSTEM PUBLIC ${cjson_include})
target_compile_definitions(cjson_library PUBLIC CJSON_HIDE_SYMBOLS)
target_link_libraries(cjson_library PRIVATE foreign_flags)

add_library(crypto_library INTERFACE)
target_link_libraries(crypto_library INTERFACE bcrypt crypt32)

# The one file of cmocka, with the answers its CMake would find for mingw-w64.
file(WRITE ${CMAKE_BINARY_DIR}/cmocka/config.h.new [[
#define HAVE_INTTYPES_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRING_H 1
#define HAVE_MALLOC_H 1
#define HAVE_IO_H 1
#define HAVE_TIME_H 1
#define HAVE_SNPRINTF 1
#define HAVE_VSNPRINTF 1
#define HAVE_GCC_THREAD_LOCAL_STORAGE 1
]])
configure_file(${CMAKE_BINARY_DIR}/cmocka/config.h.new ${CMAKE_BINARY_DIR}/cmocka/config.h COPYONLY)
add_library(cmocka_library STATIC ${FLEETMEND_WINDOWS_SOURCES}/cmocka/src/cmocka.c)
target_include_directories(cmocka_library SYSTEM PUBLIC ${FLEETMEND_WINDOWS_SOURCES}/cmocka/include)
target_include_directories(cmocka_library PRIVATE ${CMAKE_BINARY_DIR}/cmocka)
target_compile_definitions(cmocka_library PRIVATE HAVE_CONFIG_H)
target_link_libraries(cmocka_library PRIVATE foreign_flags)
