# One target per folder: gischat_library(bus ...) in common/bus makes the target gischat_common_bus.

set(GISCHAT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)

# gischat_library(SOURCES file... [PUBLIC target...] [PRIVATE target...])
# A static library of this folder, named after its path, with exactly the targets that it uses.
function(gischat_library)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" name "gischat_${path}")
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_options(${name} PRIVATE ${GISCHAT_WARNINGS})
    target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${arg_PUBLIC})
  endif()
endfunction()

# gischat_executable(NAME name [LINK target...])
# An executable of this folder's main.cc.
function(gischat_executable)
  cmake_parse_arguments(arg "" "NAME" "LINK" ${ARGN})
  add_executable(${arg_NAME} main.cc)
  target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${arg_NAME} PRIVATE ${GISCHAT_WARNINGS})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_LINK})
endfunction()

# What the presets of the sanitizers build: the tests that they are for, by label.
add_custom_target(tests_unit_integration)
add_custom_target(tests_tsan)

# gischat_test(NAME name SOURCES file... [LINK target...] [LABELS label...] [TIMEOUT seconds])
# A GoogleTest binary that ctest runs as a whole.
function(gischat_test)
  cmake_parse_arguments(arg "" "NAME;TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${arg_NAME} PRIVATE ${GISCHAT_WARNINGS})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_LINK} GTest::gmock GTest::gtest_main)
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME})
  set_tests_properties(${arg_NAME} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
  if("unit" IN_LIST arg_LABELS OR "integration" IN_LIST arg_LABELS)
    add_dependencies(tests_unit_integration ${arg_NAME})
  endif()
  if("tsan" IN_LIST arg_LABELS)
    add_dependencies(tests_tsan ${arg_NAME})
  endif()
endfunction()

# gischat_embed(TARGET target NAMESPACE namespace HEADER header.h FILES file...)
# Compiles text files into the target, each as `inline constexpr std::string_view kFileName` (the
# file's name without its folder, in camel case: count_users.lua becomes kCountUsersLua) in a header
# of this folder's build tree, included by its path from the project's root.
function(gischat_embed)
  cmake_parse_arguments(arg "" "TARGET;NAMESPACE;HEADER" "FILES" ${ARGN})
  file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(output ${CMAKE_BINARY_DIR}/embedded/${path}/${arg_HEADER})
  list(TRANSFORM arg_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE inputs)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAMESPACE=${arg_NAMESPACE} "-DINPUTS=${inputs}"
            -P ${PROJECT_SOURCE_DIR}/common/cmake/EmbedFiles.cmake
    DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/common/cmake/EmbedFiles.cmake
    VERBATIM)
  target_sources(${arg_TARGET} PRIVATE ${output})
  target_include_directories(${arg_TARGET} PRIVATE ${CMAKE_BINARY_DIR}/embedded)
endfunction()
