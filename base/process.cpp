#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/printable.h"

namespace gaincell {
namespace {

constexpr int kWrongInput = 2;
constexpr int kBug = 3;

// A descriptor 0, 1 or 2 that the caller closed would become the first file that is opened, and
// what is meant for a terminal would be written into it.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) != fd)
      ::_exit(kWrongInput);  // without a place to say why
  }
}

int fail(int code, std::string_view kind, std::string_view what) {
  tell(std::string("gaincell: ") + std::string(kind) + ": " + std::string(what) + "\n");
  return code;
}

// A result that did not reach its reader (full disk behind a redirection) is no success.
void flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error(
        {.place = "standard output",
         .rule = std::string("could not be written") +
                 (errno != 0 ? std::string(" (") + std::strerror(errno) + ")" : std::string())});
}

int run(const std::function<int()>& body) {
  const int code = body();
  flush_output();
  return code;
}

constexpr const char* kNoMemory = "this needs more memory than there is";

}  // namespace

int run_guarded(const std::function<int()>& body) {
  open_standard_streams();
  ::signal(SIGXFSZ, SIG_IGN);
  protect_inputs();
  try {
    return run(body);
  } catch (const Error& error) {
    return fail(kWrongInput, "error", error.what());
  } catch (const std::bad_alloc&) {
    return fail(kWrongInput, "error", kNoMemory);
  } catch (const std::length_error&) {
    return fail(kWrongInput, "error", kNoMemory);
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(kWrongInput, "error",
                Error({.place = error.path1().string(), .rule = error.code().message()}).what());
  } catch (const std::system_error& error) {
    const std::string place = std::ferror(stdout) != 0 ? "standard output" : "";
    return fail(kWrongInput, "error",
                Error({.place = place, .rule = error.code().message()}).what());
  } catch (const std::exception& error) {
    return fail(kBug, "internal error", printable(error.what(), 1000));
  }
}

void tell(std::string_view text) {
  (void)!std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace gaincell
