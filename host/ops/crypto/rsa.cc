// RSA (RFC 8017): PKCS #1 v1.5 and PSS signatures, OAEP encryption, and the bare operation that blind signatures need.
#include <openssl/crypto.h>
#include <openssl/rsa.h>

#include <cstring>

#include "ops/crypto/hash.h"
#include "ops/crypto/openssl_ptr.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

bool HasRsa(const Request& request, Result& result, bool is_private) {
  if (request.key != nullptr && request.key->family() == KeyFamily::kRsa && request.key->is_private() == is_private)
    return true;
  result.Fail(Result::kWrongKey);
  return false;
}

const HashInfo* NeedHash(const Request& request, Result& result) {
  const HashInfo* hash = FindHash(request.name);
  if (hash == nullptr) result.Fail("There is no hash function of that name.");
  return hash;
}

size_t HashOf(const HashInfo& info, Span data, uint8_t* out) {
  Hasher hasher(info);
  hasher.Update(data.data, data.size);
  hasher.Final(out);
  return info.size;
}

enum Padding { kPkcs1, kPss };

bool SetPadding(EVP_PKEY_CTX* context, Padding padding, const HashInfo& hash, uint32_t salt) {
  if (EVP_PKEY_CTX_set_rsa_padding(context, padding == kPss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) <= 0 ||
      EVP_PKEY_CTX_set_signature_md(context, hash.md) <= 0)
    return false;
  return padding == kPkcs1 || (EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash.md) > 0 &&
                               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, static_cast<int>(salt)) > 0);
}

// sign: name of the hash, key, data, n bytes of salt (PSS)
void Sign(const Request& request, Result& result, Padding padding) {
  const HashInfo* hash = NeedHash(request, result);
  if (hash == nullptr || !HasRsa(request, result, true)) return;
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(request.key->pkey()));
  if (padding == kPss && request.n > size) return result.Fail("The salt is longer than the key allows.");
  uint8_t digest[kHashSizeMax];
  HashOf(*hash, request.data, digest);
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) <= 0 ||
      !SetPadding(context.get(), padding, *hash, request.n))
    return result.Fail(Result::kInternal);
  if (!result.Allocate(request, size)) return;
  if (EVP_PKEY_sign(context.get(), result.bytes.data(), &size, digest, hash->size) <= 0)
    return result.Fail("The key is too short for this signature.");
  result.bytes.Shrink(size);
}

// verify: as sign, and a signature
void Verify(const Request& request, Result& result, Padding padding) {
  const HashInfo* hash = NeedHash(request, result);
  if (hash == nullptr || !HasRsa(request, result, false)) return;
  if (padding == kPss && request.n > static_cast<uint32_t>(EVP_PKEY_get_size(request.key->pkey())))
    return result.Bool(false);
  uint8_t digest[kHashSizeMax];
  HashOf(*hash, request.data, digest);
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) <= 0 ||
      !SetPadding(context.get(), padding, *hash, request.n))
    return result.Fail(Result::kInternal);
  result.Bool(EVP_PKEY_verify(context.get(), request.a.data, request.a.size, digest, hash->size) == 1);
}

void Pkcs1Sign(const Request& request, WorkControl&, Result& result) { Sign(request, result, kPkcs1); }
void Pkcs1Verify(const Request& request, WorkControl&, Result& result) { Verify(request, result, kPkcs1); }
void PssSign(const Request& request, WorkControl&, Result& result) { Sign(request, result, kPss); }
void PssVerify(const Request& request, WorkControl&, Result& result) { Verify(request, result, kPss); }

// rsa-raw sign: key, data, a number smaller than the modulus. RFC 9474 §4.3 is made of it.
void RawSign(const Request& request, WorkControl&, Result& result) {
  if (!HasRsa(request, result, true)) return;
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(request.key->pkey()));
  if (request.data.size > size) return result.Fail("The data is longer than the key.");
  Octets padded;
  if (!padded.Allocate(request.memory, size)) return result.Fail(Result::kNoMemory);
  std::memset(padded.data(), 0, size);
  std::memcpy(padded.data() + size - request.data.size, request.data.data, request.data.size);
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) <= 0 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) <= 0)
    return result.Fail(Result::kInternal);
  if (!result.Allocate(request, size)) return;
  if (EVP_PKEY_sign(context.get(), result.bytes.data(), &size, padded.data(), padded.size()) <= 0)
    return result.Fail("The data is no number smaller than the key's modulus.");
  result.bytes.Shrink(size);
}

// rsa-oaep: name of the hash, key, data, a label
void Oaep(const Request& request, Result& result, bool encrypt) {
  const HashInfo* hash = NeedHash(request, result);
  if (hash == nullptr || !HasRsa(request, result, !encrypt)) return;
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  if (context == nullptr ||
      (encrypt ? EVP_PKEY_encrypt_init(context.get()) : EVP_PKEY_decrypt_init(context.get())) <= 0 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) <= 0 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash->md) <= 0 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash->md) <= 0)
    return result.Fail(Result::kInternal);
  if (request.a.size != 0) {
    // The context takes the copy.
    void* label = OPENSSL_memdup(request.a.data, request.a.size);
    if (label == nullptr || request.a.size > INT32_MAX ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), label, static_cast<int>(request.a.size)) <= 0) {
      OPENSSL_free(label);
      return result.Fail(Result::kInternal);
    }
  }
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(request.key->pkey()));
  if (!result.Allocate(request, size)) return;
  const int done =
      encrypt ? EVP_PKEY_encrypt(context.get(), result.bytes.data(), &size, request.data.data, request.data.size)
              : EVP_PKEY_decrypt(context.get(), result.bytes.data(), &size, request.data.data, request.data.size);
  if (done <= 0) return result.Fail(encrypt ? "The data is too long for the key." : "The data could not be decrypted.");
  result.bytes.Shrink(size);
}
void OaepEncrypt(const Request& request, WorkControl&, Result& result) { Oaep(request, result, true); }
void OaepDecrypt(const Request& request, WorkControl&, Result& result) { Oaep(request, result, false); }

// Measured at 2048 bits; the private operation grows with the third power, the public one with the second.
uint64_t PrivateCost(const Request& request) {
  const uint64_t size = request.key == nullptr || request.key->pkey() == nullptr
                            ? 0
                            : static_cast<uint64_t>(EVP_PKEY_get_size(request.key->pkey()));
  return 50'000 + size * size * size * 900'000 / (256 * 256 * 256) + request.data.size * 5 / 2;
}
uint64_t PublicCost(const Request& request) {
  const uint64_t size = request.key == nullptr || request.key->pkey() == nullptr
                            ? 0
                            : static_cast<uint64_t>(EVP_PKEY_get_size(request.key->pkey()));
  // An exponent of more than 64 bits is possible up to 3072 bits only; OpenSSL says so.
  return 10'000 + size * size * 50'000 / (256 * 256) + request.data.size * 5 / 2;
}

constexpr Operation kOperations[] = {
    {"rsa-pkcs1 sign", Pkcs1Sign, PrivateCost},    {"rsa-pkcs1 verify", Pkcs1Verify, PublicCost},
    {"rsa-pss sign", PssSign, PrivateCost},        {"rsa-pss verify", PssVerify, PublicCost},
    {"rsa-oaep encrypt", OaepEncrypt, PublicCost}, {"rsa-oaep decrypt", OaepDecrypt, PrivateCost},
    {"rsa-raw sign", RawSign, PrivateCost},
};

}  // namespace

OperationTable RsaOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
