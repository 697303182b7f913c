// Key derivation: HKDF (RFC 5869), PBKDF2 (RFC 8018 §5.2), Argon2 (RFC 9106).
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "ops/crypto/hash.h"
#include "ops/crypto/openssl_ptr.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

// Iterations of PBKDF2 that the platform allows: https://developers.cloudflare.com/workers/runtime-apis/web-crypto/.
constexpr uint32_t kPbkdf2IterationsMax = 100'000;
// KiB of memory that one Argon2 may use, and KiB it may go over in all passes together: it cannot be stopped.
constexpr uint32_t kArgon2MemoryMax = 64 << 10;
constexpr uint64_t kArgon2WorkMax = 256 << 10;

bool HasSecret(const Request& request, Result& result) {
  if (request.key != nullptr && request.key->family() == KeyFamily::kSecret) return true;
  result.Fail(Result::kWrongKey);
  return false;
}

// hkdf: name of the hash, key, a salt, b info, n bytes of output
void Hkdf(const Request& request, WorkControl&, Result& result) {
  const HashInfo* hash = FindHash(request.name);
  if (hash == nullptr || !HasSecret(request, result)) return result.Fail(Result::kWrongKey);
  if (request.n > 255u * hash->size) return result.Fail("HKDF derives at most 255 times the bytes of its hash.");
  if (!result.Allocate(request, request.n)) return;
  uint8_t block[kHashSizeMax];
  Hmac extract(*hash, request.a);  // No salt is a key of zeros, and so is an empty one.
  extract.Update(request.key->secret().data, request.key->secret().size);
  extract.Final(block);
  Hmac expand(*hash, {block, hash->size});
  uint8_t number = 1;
  for (size_t at = 0; at < request.n; at += hash->size, number++) {
    if (at != 0) expand.Update(block, hash->size);
    expand.Update(request.b.data, request.b.size);
    expand.Update(&number, 1);
    expand.Final(block);
    std::memcpy(result.bytes.data() + at, block, std::min<size_t>(hash->size, request.n - at));
  }
  OPENSSL_cleanse(block, sizeof block);
}

// pbkdf2: name of the hash, key, a salt, n iterations, m bytes of output
void Pbkdf2(const Request& request, WorkControl& control, Result& result) {
  constexpr uint32_t kLook = 256;  // Iterations between two looks at the control.
  const HashInfo* hash = FindHash(request.name);
  if (hash == nullptr || !HasSecret(request, result)) return result.Fail(Result::kWrongKey);
  if (request.n < 1 || request.n > kPbkdf2IterationsMax) return result.Fail("PBKDF2 takes 1 to 100000 iterations.");
  if (!result.Allocate(request, request.m)) return;
  Hmac hmac(*hash, request.key->secret());
  uint8_t block[kHashSizeMax], sum[kHashSizeMax];
  uint32_t number = 1;
  uint32_t look = kLook;
  for (size_t at = 0; at < request.m; at += hash->size, number++) {
    const uint8_t counter[] = {static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16),
                               static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
    hmac.Update(request.a.data, request.a.size);
    hmac.Update(counter, sizeof counter);
    hmac.Final(block);
    std::memcpy(sum, block, hash->size);
    for (uint32_t i = 1; i < request.n; i++) {
      hmac.Update(block, hash->size);
      hmac.Final(block);
      for (size_t k = 0; k < hash->size; k++) sum[k] ^= block[k];
      if (--look == 0) {
        look = kLook;
        if (!control.Continue()) return result.Fail(Result::kStopped);
      }
    }
    std::memcpy(result.bytes.data() + at, sum, std::min<size_t>(hash->size, request.m - at));
    if (!control.Continue()) return result.Fail(Result::kStopped);
  }
  OPENSSL_cleanse(block, sizeof block);
  OPENSSL_cleanse(sum, sizeof sum);
}

// argon2: name (Argon2d, Argon2i, Argon2id), key, a nonce, b secret value, c associated data, n bytes of output,
// m KiB of memory, o passes, p lanes
void Argon2(const Request& request, WorkControl&, Result& result) {
  static EVP_KDF* const kdfs[] = {EVP_KDF_fetch(nullptr, "ARGON2D", nullptr),
                                  EVP_KDF_fetch(nullptr, "ARGON2I", nullptr),
                                  EVP_KDF_fetch(nullptr, "ARGON2ID", nullptr)};
  if (!HasSecret(request, result)) return;
  EVP_KDF* kdf = request.name == "Argon2d" ? kdfs[0] : request.name == "Argon2i" ? kdfs[1] : kdfs[2];
  if (kdf == nullptr) return result.Fail(Result::kInternal);
  if (request.m > kArgon2MemoryMax) return result.Fail("Argon2 may use at most 65536 KiB of memory here.");
  if (uint64_t{request.m} * request.o > kArgon2WorkMax)
    return result.Fail("Argon2 may use at most 262144 KiB of memory in all its passes together here.");
  if (request.n < 4 || request.o < 1 || request.p < 1 || request.p > 0xffffff || request.m < 8 * request.p)
    return result.Fail("These are no parameters of Argon2: RFC 9106, section 3.1.");
  // Counted while it is in use.
  Octets counted;
  if (!counted.Allocate(request.memory, size_t{request.m} << 10)) return result.Fail(Result::kNoMemory);
  if (!result.Allocate(request, request.n)) return;
  uint32_t memory = request.m, passes = request.o, lanes = request.p, threads = 1;
  OSSL_PARAM params[10];
  size_t count = 0;
  const auto bytes = [&](const char* name, Span span) {
    params[count++] = OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(span.data), span.size);
  };
  bytes(OSSL_KDF_PARAM_PASSWORD, request.key->secret());
  bytes(OSSL_KDF_PARAM_SALT, request.a);
  if (request.b.size != 0) bytes(OSSL_KDF_PARAM_SECRET, request.b);
  if (request.c.size != 0) bytes(OSSL_KDF_PARAM_ARGON2_AD, request.c);
  params[count++] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &memory);
  params[count++] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes);
  params[count++] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes);
  params[count++] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_THREADS, &threads);
  params[count] = OSSL_PARAM_construct_end();
  KdfContextPtr context(EVP_KDF_CTX_new(kdf));
  if (context == nullptr || EVP_KDF_derive(context.get(), result.bytes.data(), result.bytes.size(), params) != 1)
    result.Fail("These are no parameters of Argon2: RFC 9106, section 3.1.");
}

uint64_t HkdfCost(const Request& request) {
  return 5000 + (request.n / 16 + 1) * (500 + request.b.size * 3) + request.a.size * 3;
}
uint64_t Pbkdf2Cost(const Request& request) { return 5000 + (uint64_t{request.m} / 32 + 1) * request.n * 500; }
uint64_t Argon2Cost(const Request& request) { return 50'000 + uint64_t{request.m} * request.o * 1500; }

constexpr Operation kOperations[] = {
    {"hkdf", Hkdf, HkdfCost}, {"pbkdf2", Pbkdf2, Pbkdf2Cost}, {"argon2", Argon2, Argon2Cost}};

}  // namespace

OperationTable DeriveOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
