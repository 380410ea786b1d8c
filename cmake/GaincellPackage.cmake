# `cpack`: gaincell (program, worker, data, pages) and libgaincell-dev (libraries for find_package).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gaincell)
set(CPACK_PACKAGE_VENDOR "The gaincell authors")
set(CPACK_PACKAGE_CONTACT "The gaincell authors <gaincell@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime development)
if(TARGET gaincell-train)
  list(APPEND CPACK_COMPONENTS_ALL train)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME gaincell)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION electronics)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "ngspice, gnuplot-nox")  # its code models; charts
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "Runs benches of gain cells and charge-to-pulse converters in ngspice, compiles
their results into tables with a measured error, and runs transformer
inference on those tables, with every joule accounted for.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libgaincell-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "cmake, pkg-config, libfmt-dev, libhdf5-dev, libhwy-dev, liblzf-dev, libopenblas-dev, libssl-dev, nlohmann-json3-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS gaincell)  # the examples
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "Headers, static libraries and CMake files: gaincell::lut reads device
files and looks up their tables, gaincell::attention runs attention on
them.")

set(CPACK_DEBIAN_TRAIN_PACKAGE_NAME gaincell-train)
set(CPACK_DEBIAN_TRAIN_PACKAGE_SECTION electronics)
set(CPACK_DEBIAN_TRAIN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TRAIN_PACKAGE_DEPENDS "gaincell (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TRAIN_DESCRIPTION "`gaincell train`, which needs libtorch.")

# What every Debian package has in its folder of documents.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(package_folder ${PROJECT_BINARY_DIR}/package)
file(WRITE ${package_folder}/changelog "gaincell (${PROJECT_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
execute_process(COMMAND gzip -9nf ${package_folder}/changelog COMMAND_ERROR_IS_FATAL ANY)
set(runtime_package gaincell)
set(development_package libgaincell-dev)
set(train_package gaincell-train)
foreach(component ${CPACK_COMPONENTS_ALL})
  set(package ${${component}_package})
  install(FILES ${package_folder}/changelog.gz cmake/copyright DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package}
    COMPONENT ${component})
endforeach()
include(CPack)
