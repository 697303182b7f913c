#include "ops/crypto/hash.h"

#include <openssl/crypto.h>

#include <cstring>

namespace skerry::crypto {

const HashInfo* FindHash(std::string_view name) {
  // Fetched once: a fetch takes OpenSSL's property lock and costs more than hashing a short message.
  static const HashInfo table[] = {
      {HashId::kSha256, "SHA-256", 32, 64, EVP_MD_fetch(nullptr, "SHA256", nullptr)},
      {HashId::kSha1, "SHA-1", 20, 64, EVP_MD_fetch(nullptr, "SHA1", nullptr)},
      {HashId::kSha384, "SHA-384", 48, 128, EVP_MD_fetch(nullptr, "SHA384", nullptr)},
      {HashId::kSha512, "SHA-512", 64, 128, EVP_MD_fetch(nullptr, "SHA512", nullptr)},
      {HashId::kMd5, "MD5", 16, 64, EVP_MD_fetch(nullptr, "MD5", nullptr)},
      {HashId::kSha3_256, "SHA3-256", 32, 136, EVP_MD_fetch(nullptr, "SHA3-256", nullptr)},
      {HashId::kSha3_384, "SHA3-384", 48, 104, EVP_MD_fetch(nullptr, "SHA3-384", nullptr)},
      {HashId::kSha3_512, "SHA3-512", 64, 72, EVP_MD_fetch(nullptr, "SHA3-512", nullptr)},
  };
  for (const HashInfo& info : table)
    if (info.name == name) return info.md == nullptr ? nullptr : &info;
  return nullptr;
}

Hasher::Hasher(const HashInfo& info) : info_(&info) {
  switch (info.id) {
    case HashId::kSha1:
      SHA1_Init(&state_.sha1);
      return;
    case HashId::kSha256:
      SHA256_Init(&state_.sha256);
      return;
    case HashId::kSha384:
      SHA384_Init(&state_.sha512);
      return;
    case HashId::kSha512:
      SHA512_Init(&state_.sha512);
      return;
    case HashId::kMd5:
      MD5_Init(&state_.md5);
      return;
    default:
      state_.evp = EVP_MD_CTX_new();
      EVP_DigestInit_ex2(state_.evp, info.md, nullptr);
  }
}

Hasher::~Hasher() {
  if (info_->id >= HashId::kSha3_256) {
    EVP_MD_CTX_free(state_.evp);
  } else {
    OPENSSL_cleanse(&state_, sizeof state_);
  }
}

Hasher::Hasher(const Hasher& other) : info_(other.info_) {
  if (info_->id >= HashId::kSha3_256) {
    state_.evp = EVP_MD_CTX_new();
    EVP_MD_CTX_copy_ex(state_.evp, other.state_.evp);
  } else {
    std::memcpy(&state_, &other.state_, sizeof state_);
  }
}

// Only between objects of one hash.
Hasher& Hasher::operator=(const Hasher& other) {
  if (this == &other) return *this;
  if (info_->id >= HashId::kSha3_256) {
    EVP_MD_CTX_copy_ex(state_.evp, other.state_.evp);
  } else {
    std::memcpy(&state_, &other.state_, sizeof state_);
  }
  return *this;
}

void Hasher::Update(const void* data, size_t size) {
  switch (info_->id) {
    case HashId::kSha1:
      SHA1_Update(&state_.sha1, data, size);
      return;
    case HashId::kSha256:
      SHA256_Update(&state_.sha256, data, size);
      return;
    case HashId::kSha384:
    case HashId::kSha512:
      SHA512_Update(&state_.sha512, data, size);
      return;
    case HashId::kMd5:
      MD5_Update(&state_.md5, data, size);
      return;
    default:
      EVP_DigestUpdate(state_.evp, data, size);
  }
}

void Hasher::Final(uint8_t* out) {
  switch (info_->id) {
    case HashId::kSha1:
      SHA1_Final(out, &state_.sha1);
      return;
    case HashId::kSha256:
      SHA256_Final(out, &state_.sha256);
      return;
    case HashId::kSha384:
      SHA384_Final(out, &state_.sha512);
      return;
    case HashId::kSha512:
      SHA512_Final(out, &state_.sha512);
      return;
    case HashId::kMd5:
      MD5_Final(out, &state_.md5);
      return;
    default:
      EVP_DigestFinal_ex(state_.evp, out, nullptr);
  }
}

Hmac::Hmac(const HashInfo& info, Span key) : inner_begin_(info), outer_begin_(info), inner_(info) {
  uint8_t block[kHashBlockMax] = {};
  if (key.size > info.block) {
    Hasher hasher(info);
    hasher.Update(key.data, key.size);
    hasher.Final(block);
  } else {
    std::memcpy(block, key.data, key.size);
  }
  for (size_t i = 0; i < info.block; i++) block[i] ^= 0x36;
  inner_begin_.Update(block, info.block);
  for (size_t i = 0; i < info.block; i++) block[i] ^= 0x36 ^ 0x5c;
  outer_begin_.Update(block, info.block);
  OPENSSL_cleanse(block, sizeof block);
  inner_ = inner_begin_;
}

void Hmac::Final(uint8_t* out) {
  inner_.Final(out);
  Hasher outer(outer_begin_);
  outer.Update(out, outer.info().size);
  outer.Final(out);
  inner_ = inner_begin_;
}

}  // namespace skerry::crypto
