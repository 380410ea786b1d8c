# gaincell_component(name [COLD] SOURCES .. PUBLIC_HEADERS .. DEPENDS .. PRIVATE_DEPENDS ..)
# One folder, one static library `gaincell_<name>`. Public headers must compile alone
# (target all_verify_interface_header_sets checks it).
add_library(gaincell_warnings INTERFACE)
target_compile_options(gaincell_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Werror=return-type)

if(GAINCELL_SANITIZE)
  # vptr asks for a pipe at each look, which a process without descriptors doesn't get.
  add_compile_options(-fsanitize=${GAINCELL_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=vptr -fno-omit-frame-pointer -g1)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(GAINCELL_SANITIZE MATCHES address)
    add_compile_definitions(GAINCELL_ADDRESS_SANITIZER)
  endif()
  add_link_options(-fsanitize=${GAINCELL_SANITIZE})
endif()

set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)

# Components compile whole, several files at a time: half the processor time of a build from nothing,
# once. Not for work on the code, where a change should compile one file. A file whose own names
# another file of its component has too stands alone (SKIP_UNITY_BUILD_INCLUSION). Not for test
# programs: their files' helpers have the same names and would be taken for each other's overloads.
function(gaincell_compile_whole target)
  if(GAINCELL_COMPILE_WHOLE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  endif()
endfunction()

# Headers that every source of a target reads, once: for builds from nothing only, so that a source that forgets to include
# what it uses fails elsewhere.
function(gaincell_read_once target)
  if(GAINCELL_COMPILE_WHOLE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# What runs once a command or in a test compiles quickly.
function(gaincell_cold target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

function(gaincell_component name)
  cmake_parse_arguments(ARG "COLD" "" "SOURCES;PUBLIC_HEADERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(target gaincell_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_compile_features(${target} PUBLIC cxx_std_20)
  # Includes read "lut/table.h" and "base/error.h": base and stages stand at the top, the rest in src.
  string(FIND ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src/ in_src)
  set(base_dir ${PROJECT_SOURCE_DIR})
  if(in_src EQUAL 0)
    set(base_dir ${PROJECT_SOURCE_DIR}/src)
  endif()
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${base_dir} FILES ${ARG_PUBLIC_HEADERS})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  # Who links an installed component needs none of the headers that it was compiled with.
  set(link_only)
  foreach(dependency ${ARG_PRIVATE_DEPENDS})
    if(dependency MATCHES "^(Eigen3::Eigen|Boost::headers|nlohmann_json::nlohmann_json)$")
      list(APPEND link_only $<BUILD_INTERFACE:${dependency}>)
    else()
      list(APPEND link_only ${dependency})
    endif()
  endforeach()
  target_link_libraries(${target} PUBLIC ${ARG_DEPENDS}
    PRIVATE $<BUILD_INTERFACE:gaincell_warnings> ${link_only})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  gaincell_compile_whole(${target})
  if(ARG_COLD)
    gaincell_cold(${target})
  endif()
endfunction()

# gaincell_test(name SOURCES .. DEPENDS .. LABELS .. PROPERTIES ..): one GoogleTest program; its cases
# are found at test time, so every one has its own line in ctest. PROPERTIES as for ctest.
function(gaincell_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS;PROPERTIES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} gaincell_warnings GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    GAINCELL_SOURCE_DIR="${PROJECT_SOURCE_DIR}" GAINCELL_BINARY_DIR="${PROJECT_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  gaincell_cold(${name})
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} ${ARG_PROPERTIES})
endfunction()
