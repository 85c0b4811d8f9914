# How everything is compiled. Presets set the options; see CMakePresets.json.

option(GISCHAT_BUILD_TESTS "Build the tests and benchmarks" ON)
set(GISCHAT_SANITIZE "" CACHE STRING "Sanitizers to compile with, e.g. address,undefined")
option(GISCHAT_FUZZ "Make the fuzz targets, with clang's libFuzzer, instead of the other tests" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(GISCHAT_CCACHE ccache)
if(GISCHAT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GISCHAT_CCACHE})
endif()

find_program(GISCHAT_LLD ld.lld)
if(GISCHAT_LLD)
  add_link_options(-fuse-ld=lld)
endif()

if(GISCHAT_SANITIZE)
  add_compile_options(-fsanitize=${GISCHAT_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GISCHAT_SANITIZE})
  if(GISCHAT_SANITIZE MATCHES thread)
    # GCC's thread sanitizer knows no fences, and says so for each of Asio's.
    add_compile_options(-Wno-tsan)
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()

if(GISCHAT_FUZZ)
  # Clang 14 can't check calls through pointers in coroutines: it fails to assemble them.
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=function)
endif()
