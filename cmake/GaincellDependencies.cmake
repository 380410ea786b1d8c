# Everything comes from Debian packages (see `./dev setup`).
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(Boost REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(hdf5 REQUIRED IMPORTED_TARGET hdf5)
find_library(HDF5_HL_LIBRARY hdf5_serial_hl REQUIRED)  # dimension scales; it has no .pc of its own
pkg_check_modules(lzf REQUIRED IMPORTED_TARGET liblzf)  # h5py's compression
pkg_check_modules(muparser REQUIRED IMPORTED_TARGET muparser)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
find_library(DNNL_LIBRARY dnnl REQUIRED)  # oneDNN; its CMake files ask for OpenCL's headers
find_library(GOMP_LIBRARY NAMES gomp libgomp.so.1 REQUIRED)  # its threads
add_library(gaincell_dnnl INTERFACE IMPORTED GLOBAL)
target_link_libraries(gaincell_dnnl INTERFACE ${DNNL_LIBRARY} ${GOMP_LIBRARY})
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(ngspice REQUIRED IMPORTED_TARGET ngspice)
pkg_check_modules(matio REQUIRED IMPORTED_TARGET matio)  # MATLAB
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)  # npz
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
if(GAINCELL_TESTS)
  find_package(GTest REQUIRED)
  find_package(ZLIB REQUIRED)  # of the fuzzer
  include(GoogleTest)
endif()
if(GAINCELL_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
