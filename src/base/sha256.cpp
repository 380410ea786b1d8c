#include "base/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"

namespace gaincell {
namespace {

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(const char* bytes, std::size_t size) { EVP_DigestUpdate(context_.get(), bytes, size); }
  std::string text() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    std::string hex;
    hex.reserve(2 * size);
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256(std::string_view bytes) {
  Digest digest;
  digest.add(bytes.data(), bytes.size());
  return digest.text();
}

std::string sha256_of_start(int fd, std::uint64_t bytes, const std::string& file) {
  Digest digest;
  std::vector<char> block(1 << 20);
  for (std::uint64_t done = 0; done < bytes;) {
    const std::size_t wanted = std::min<std::uint64_t>(block.size(), bytes - done);
    const ssize_t got = ::pread(fd, block.data(), wanted, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw Error({.place = file,
                   .rule = std::string("cannot be read (") +
                           (got < 0 ? std::strerror(errno) : "it became shorter") + ")",
                   .remedy = "check the file and run the same command again"});
    digest.add(block.data(), static_cast<std::size_t>(got));
    done += static_cast<std::uint64_t>(got);
  }
  return digest.text();
}

}  // namespace gaincell
