// Hash functions by the names that the runtime layer gives them, and HMAC over them (RFC 2104). The old ones go
// straight to OpenSSL's block functions: its EVP layer takes longer than a short message.
// Threads: any; an object belongs to one at a time.
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ops/crypto/octets.h"

namespace skerry::crypto {

enum class HashId : uint8_t { kSha1, kSha256, kSha384, kSha512, kMd5, kSha3_256, kSha3_384, kSha3_512 };

struct HashInfo {
  HashId id;
  std::string_view name;
  uint16_t size;   // Bytes of the hash.
  uint16_t block;  // Bytes of a block, as HMAC counts them.
  const EVP_MD* md;
};

inline constexpr size_t kHashSizeMax = 64;
inline constexpr size_t kHashBlockMax = 144;

// Null if there is none of that name.
const HashInfo* FindHash(std::string_view name);

class Hasher {
 public:
  explicit Hasher(const HashInfo& info);
  ~Hasher();
  Hasher(const Hasher& other);
  Hasher& operator=(const Hasher& other);

  void Update(const void* data, size_t size);
  // Writes info().size bytes; the object is then of no more use.
  void Final(uint8_t* out);
  const HashInfo& info() const { return *info_; }

 private:
  const HashInfo* info_;
  union {
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
    MD5_CTX md5;
    EVP_MD_CTX* evp;
  } state_;
};

class Hmac {
 public:
  Hmac(const HashInfo& info, Span key);
  void Update(const void* data, size_t size) { inner_.Update(data, size); }
  // Writes info.size bytes; the object then stands at the beginning of another message.
  void Final(uint8_t* out);

 private:
  Hasher inner_begin_;
  Hasher outer_begin_;
  Hasher inner_;
};

}  // namespace skerry::crypto
