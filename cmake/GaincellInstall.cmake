# What `cmake --install` lays down: a prefix that may be moved as a whole (base/installation.h finds
# the rest from the program), and the libraries for find_package(gaincell).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The build folder has the layout of a prefix, with our data behind links.
set(GAINCELL_DATA_FOLDERS netlists models data)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/gaincell)
foreach(folder ${GAINCELL_DATA_FOLDERS})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_BINARY_DIR}/share/gaincell/${folder} SYMBOLIC)
endforeach()

# ---- programs, data, pages
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)
set(doc_folder ${CMAKE_INSTALL_DATAROOTDIR}/doc/gaincell)
install(TARGETS gaincell DESTINATION bin)
install(TARGETS gaincell-worker DESTINATION libexec/gaincell)
if(TARGET gaincell-train)
  install(TARGETS gaincell-train DESTINATION libexec/gaincell COMPONENT train)
endif()
install(DIRECTORY ${GAINCELL_DATA_FOLDERS} DESTINATION share/gaincell
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
install(FILES LICENSE NOTICE README.md CHANGELOG.md DESTINATION ${doc_folder})
install(DIRECTORY docs/ DESTINATION ${doc_folder}/docs FILES_MATCHING PATTERN "*.md" PATTERN "*.png")
# What those pages lead to.
foreach(stage lut characterize)
  install(FILES ${stage}/FORMAT.md DESTINATION ${doc_folder}/${stage})
endforeach()
install(DIRECTORY examples DESTINATION ${doc_folder})
install(DIRECTORY notebooks DESTINATION ${doc_folder} FILES_MATCHING PATTERN "*.ipynb")

# page(FILE NAME): FILE as `gaincell doc NAME` prints it.
set(page_folder ${PROJECT_BINARY_DIR}/pages)
function(page file name)
  add_custom_command(OUTPUT ${page_folder}/${file}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${page_folder}
    COMMAND gaincell doc ${name} > ${page_folder}/${file} DEPENDS gaincell VERBATIM)
endfunction()
page(gaincell.1 man)
page(gaincell.bash bash-completion)
page(_gaincell zsh-completion)
page(gaincell.fish fish-completion)
add_custom_command(OUTPUT ${page_folder}/gaincell.1.gz
  COMMAND gzip -9nfk ${page_folder}/gaincell.1 DEPENDS ${page_folder}/gaincell.1 VERBATIM)
add_custom_target(gaincell-pages ALL DEPENDS ${page_folder}/gaincell.1.gz ${page_folder}/gaincell.bash
  ${page_folder}/_gaincell ${page_folder}/gaincell.fish)
install(FILES ${page_folder}/gaincell.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${page_folder}/gaincell.bash DESTINATION share/bash-completion/completions RENAME gaincell)
install(FILES ${page_folder}/_gaincell DESTINATION share/zsh/vendor-completions)
install(FILES ${page_folder}/gaincell.fish DESTINATION share/fish/vendor_completions.d)

# ---- libraries: gaincell::lut and gaincell::attention with all that they are made of
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
function(components_behind out)
  set(found)
  set(open ${ARGN})
  while(open)
    list(POP_FRONT open target)
    if(target IN_LIST found)
      continue()
    endif()
    list(APPEND found ${target})
    get_target_property(libraries ${target} LINK_LIBRARIES)
    list(FILTER libraries INCLUDE REGEX "^gaincell_")
    list(APPEND open ${libraries})
  endwhile()
  set(${out} ${found} PARENT_SCOPE)
endfunction()
components_behind(GAINCELL_LIBRARIES gaincell_lut gaincell_attention)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/gaincell)
install(TARGETS ${GAINCELL_LIBRARIES} EXPORT gaincell
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gaincell)
install(EXPORT gaincell NAMESPACE gaincell:: FILE gaincell-targets.cmake DESTINATION ${config_folder})
configure_package_config_file(cmake/gaincell-config.cmake.in
  ${PROJECT_BINARY_DIR}/gaincell-config.cmake INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gaincell-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gaincell-config.cmake
  ${PROJECT_BINARY_DIR}/gaincell-config-version.cmake DESTINATION ${config_folder})

# For tools/doc: the installed headers, without building anything.
set(copies "")
foreach(target ${GAINCELL_LIBRARIES})
  get_target_property(headers ${target} HEADER_SET)
  get_target_property(base ${target} HEADER_DIRS)
  foreach(header ${headers})
    cmake_path(ABSOLUTE_PATH header BASE_DIRECTORY ${base})
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${base} OUTPUT_VARIABLE name)
    cmake_path(GET name PARENT_PATH folder)
    string(APPEND copies "file(COPY \"${header}\" DESTINATION \"\${PREFIX}/${folder}\")\n")
  endforeach()
endforeach()
file(WRITE ${PROJECT_BINARY_DIR}/install_headers.cmake "${copies}")
