#include "base/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace gaincell {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;

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
  std::vector<char> block(kChunk);
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

std::string sha256_of_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return sha256(read_file(path));
  std::ifstream in(path, std::ios::binary);
  Digest digest;
  std::string chunk(kChunk, '\0');
  while (in) {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    digest.add(chunk.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof())
    throw Error({.place = path.string(),
                 .rule = std::string("cannot be read (") + std::strerror(errno) + ")",
                 .remedy = "check the path and its permissions"});
  note_input(path);
  return digest.text();
}

}  // namespace gaincell
