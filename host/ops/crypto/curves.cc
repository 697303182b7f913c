// Signatures with keys on curves and lattices, and key agreement: ECDSA and ECDH (FIPS 186-5, SP 800-56A), EdDSA (RFC
// 8032), X25519 and X448 (RFC 7748), ML-DSA (FIPS 204).
#include <openssl/core_names.h>

#include <cstring>

#include "ops/crypto/hash.h"
#include "ops/crypto/openssl_ptr.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

bool HasKey(const Request& request, Result& result, KeyFamily family, bool is_private) {
  if (request.key != nullptr && request.key->family() == family && request.key->is_private() == is_private) return true;
  result.Fail(Result::kWrongKey);
  return false;
}

size_t HashOf(const HashInfo& info, Span data, uint8_t* out) {
  Hasher hasher(info);
  hasher.Update(data.data, data.size);
  hasher.Final(out);
  return info.size;
}

// ECDSA signatures are r and s in the bytes of the group's order (IEEE P1363); OpenSSL wants them as DER.
constexpr size_t kEcdsaDerMax = 160;

// ecdsa sign: name of the hash, key, data
void EcdsaSign(const Request& request, WorkControl&, Result& result) {
  const HashInfo* hash = FindHash(request.name);
  if (hash == nullptr || !HasKey(request, result, KeyFamily::kEc, true)) return result.Fail(Result::kWrongKey);
  uint8_t digest[kHashSizeMax];
  HashOf(*hash, request.data, digest);
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  uint8_t der[kEcdsaDerMax];
  size_t der_size = sizeof der;
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) <= 0 ||
      EVP_PKEY_sign(context.get(), der, &der_size, digest, hash->size) <= 0)
    return result.Fail(Result::kInternal);
  const uint8_t* at = der;
  EcdsaSigPtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der_size)));
  const size_t half = request.key->kind()->private_size;
  if (signature == nullptr || !result.Allocate(request, 2 * half)) return;
  const int size = static_cast<int>(half);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), result.bytes.data(), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), result.bytes.data() + half, size) != size)
    result.Fail(Result::kInternal);
}

// ecdsa verify: name of the hash, key, data, a signature
void EcdsaVerify(const Request& request, WorkControl&, Result& result) {
  const HashInfo* hash = FindHash(request.name);
  if (hash == nullptr || !HasKey(request, result, KeyFamily::kEc, false)) return result.Fail(Result::kWrongKey);
  const size_t half = request.key->kind()->private_size;
  if (request.a.size != 2 * half) return result.Bool(false);
  EcdsaSigPtr signature(ECDSA_SIG_new());
  BigPtr r(BN_bin2bn(request.a.data, static_cast<int>(half), nullptr));
  BigPtr s(BN_bin2bn(request.a.data + half, static_cast<int>(half), nullptr));
  if (signature == nullptr || r == nullptr || s == nullptr) return result.Fail(Result::kInternal);
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return result.Fail(Result::kInternal);
  r.release();
  s.release();
  uint8_t der[kEcdsaDerMax];
  uint8_t* end = der;
  const int der_size = i2d_ECDSA_SIG(signature.get(), &end);
  uint8_t digest[kHashSizeMax];
  HashOf(*hash, request.data, digest);
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  if (der_size <= 0 || context == nullptr || EVP_PKEY_verify_init(context.get()) <= 0)
    return result.Fail(Result::kInternal);
  result.Bool(EVP_PKEY_verify(context.get(), der, static_cast<size_t>(der_size), digest, hash->size) == 1);
}

// Signatures over the message itself, with a context string if the algorithm has one.
bool InitMessageSignature(EVP_MD_CTX* context, const Request& request, bool sign) {
  OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  if (request.b.size != 0) {
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                  const_cast<uint8_t*>(request.b.data), request.b.size);
  }
  EVP_PKEY* pkey = request.key->pkey();
  return (sign ? EVP_DigestSignInit_ex(context, nullptr, nullptr, nullptr, nullptr, pkey, params)
               : EVP_DigestVerifyInit_ex(context, nullptr, nullptr, nullptr, nullptr, pkey, params)) == 1;
}

constexpr size_t kContextMax = 255;  // RFC 8032 §5.2.6, FIPS 204 §5.2.

// message sign: key, data, b context
void MessageSign(const Request& request, Result& result, KeyFamily family) {
  if (!HasKey(request, result, family, true)) return;
  if (request.b.size > kContextMax) return result.Fail("The context must have at most 255 bytes.");
  MdContextPtr context(EVP_MD_CTX_new());
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(request.key->pkey()));
  if (!InitMessageSignature(context.get(), request, true)) return result.Fail(Result::kInternal);
  if (!result.Allocate(request, size)) return;
  if (EVP_DigestSign(context.get(), result.bytes.data(), &size, request.data.data, request.data.size) != 1)
    return result.Fail(Result::kInternal);
  result.bytes.Shrink(size);
}

// message verify: key, data, a signature, b context
void MessageVerify(const Request& request, Result& result, KeyFamily family) {
  if (!HasKey(request, result, family, false)) return;
  if (request.b.size > kContextMax) return result.Fail("The context must have at most 255 bytes.");
  MdContextPtr context(EVP_MD_CTX_new());
  if (!InitMessageSignature(context.get(), request, false)) return result.Fail(Result::kInternal);
  result.Bool(EVP_DigestVerify(context.get(), request.a.data, request.a.size, request.data.data, request.data.size) ==
              1);
}

// The y coordinates of the points of Ed25519 whose order divides 8, canonical and not, little-endian, without the sign:
// 0, 1, -1, the two of order 8, and p, p+1 (p-1 is -1). With such a key or such an R many signatures fit many messages.
constexpr uint8_t kSmallOrder25519[][32] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

bool IsSmallOrder25519(const uint8_t* point) {
  for (const auto& small : kSmallOrder25519)
    if (std::memcmp(point, small, 31) == 0 && (point[31] & 0x7f) == small[31]) return true;
  return false;
}

void EddsaSign(const Request& request, WorkControl&, Result& result) { MessageSign(request, result, KeyFamily::kOkp); }
void EddsaVerify(const Request& request, WorkControl&, Result& result) {
  if (!HasKey(request, result, KeyFamily::kOkp, false)) return;
  if (request.key->kind()->name == "Ed25519") {
    uint8_t point[32];
    size_t size = sizeof point;
    if (EVP_PKEY_get_raw_public_key(request.key->pkey(), point, &size) != 1) return result.Fail(Result::kInternal);
    if (request.a.size != 64 || IsSmallOrder25519(point) || IsSmallOrder25519(request.a.data))
      return result.Bool(false);
  }
  MessageVerify(request, result, KeyFamily::kOkp);
}
void MlDsaSign(const Request& request, WorkControl&, Result& result) {
  MessageSign(request, result, KeyFamily::kMlDsa);
}
void MlDsaVerify(const Request& request, WorkControl&, Result& result) {
  MessageVerify(request, result, KeyFamily::kMlDsa);
}

// agree: key (private), other (public) of the same kind
void Agree(const Request& request, WorkControl&, Result& result) {
  if (request.key == nullptr || request.other == nullptr || request.key->kind() == nullptr ||
      request.key->kind() != request.other->kind() || !request.key->is_private())
    return result.Fail(Result::kWrongKey);
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  // The other key was checked when it was imported.
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) <= 0 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), request.other->pkey(), 0) <= 0)
    return result.Fail(Result::kInternal);
  size_t size = request.key->kind()->private_size;
  if (!result.Allocate(request, size)) return;
  if (EVP_PKEY_derive(context.get(), result.bytes.data(), &size) <= 0)
    return result.Fail("The two keys have no secret in common.");
  result.bytes.Shrink(size);
}

uint64_t CurveCost(const Request& request) {
  const size_t size = request.key == nullptr || request.key->kind() == nullptr ? 0 : request.key->kind()->private_size;
  return (size <= 32 ? 100'000 : 1'000'000) + request.data.size * 5 / 2;
}
uint64_t MlDsaCost(const Request& request) { return 1'000'000 + request.data.size * 5; }

constexpr Operation kOperations[] = {
    {"ecdsa sign", EcdsaSign, CurveCost},  {"ecdsa verify", EcdsaVerify, CurveCost},
    {"eddsa sign", EddsaSign, CurveCost},  {"eddsa verify", EddsaVerify, CurveCost},
    {"ml-dsa sign", MlDsaSign, MlDsaCost}, {"ml-dsa verify", MlDsaVerify, MlDsaCost},
    {"agree", Agree, CurveCost},
};

}  // namespace

OperationTable EcOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
