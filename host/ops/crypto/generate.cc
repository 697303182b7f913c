// New keys.
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "ops/crypto/openssl_ptr.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

// Bits of an RSA key that can be made or imported. Making one of 8192 bits takes half a minute.
constexpr uint32_t kRsaBitsMin = 512;
constexpr uint32_t kRsaBitsMax = 8192;

// generate secret: n bits
void GenerateSecret(const Request& request, WorkControl&, Result& result) {
  const size_t size = (size_t{request.n} + 7) / 8;
  Octets secret;
  if (!secret.Allocate(request.memory, size)) return result.Fail(Result::kNoMemory);
  for (size_t at = 0; at < size; at += 1 << 20) {
    if (RAND_priv_bytes(secret.data() + at, static_cast<int>(std::min<size_t>(1 << 20, size - at))) != 1)
      return result.Fail("The random number generator failed.");
  }
  if (request.n % 8 != 0) secret.data()[size - 1] &= static_cast<uint8_t>(0xff << (8 - request.n % 8));
  result.keys[0] = std::make_shared<const Key>(std::move(secret));
  result.kind = Result::Kind::kKey;
}

void SetPair(Result& result, const KeyKind& kind, PkeyPtr pkey, const RsaFacts& rsa = {}) {
  EVP_PKEY* same = pkey.get();
  EVP_PKEY_up_ref(same);
  result.keys[0] = std::make_shared<const Key>(kind, false, same, rsa);
  result.keys[1] = std::make_shared<const Key>(kind, true, pkey.release(), rsa);
  result.kind = Result::Kind::kKeyPair;
}

int Progress(EVP_PKEY_CTX* context) {
  return static_cast<WorkControl*>(EVP_PKEY_CTX_get_app_data(context))->Continue() ? 1 : 0;
}

// generate rsa: n bits, a public exponent, big-endian
void GenerateRsa(const Request& request, WorkControl& control, Result& result) {
  if (request.n < kRsaBitsMin || request.n > kRsaBitsMax) return result.Fail("An RSA key must have 512 to 8192 bits.");
  BigPtr exponent(request.a.size > 64 ? nullptr : BN_bin2bn(request.a.data, static_cast<int>(request.a.size), nullptr));
  // FIPS 186-5 §A.1.1; even ones and 1 are no exponents at all.
  if (exponent == nullptr || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) ||
      BN_num_bits(exponent.get()) > 64)
    return result.Fail("The public exponent must be odd, at least 3 and have at most 64 bits.");
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) <= 0 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(request.n)) <= 0 ||
      EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), exponent.get()) <= 0)
    return result.Fail(Result::kInternal);
  EVP_PKEY_CTX_set_app_data(context.get(), &control);
  EVP_PKEY_CTX_set_cb(context.get(), Progress);
  EVP_PKEY* made = nullptr;
  const bool done = EVP_PKEY_generate(context.get(), &made) > 0;
  PkeyPtr pkey(made);
  if (!done) return result.Fail(control.Continue() ? "No key could be made." : Result::kStopped);
  RsaFacts facts{static_cast<uint32_t>(EVP_PKEY_get_bits(pkey.get())),
                 std::string(static_cast<size_t>(BN_num_bytes(exponent.get())), '\0')};
  BN_bn2bin(exponent.get(), reinterpret_cast<uint8_t*>(facts.exponent.data()));
  SetPair(result, *FindKeyKind("RSA"), std::move(pkey), facts);
}

// generate: name of the kind of key
void Generate(const Request& request, WorkControl&, Result& result) {
  const KeyKind* kind = FindKeyKind(request.name);
  if (kind == nullptr || kind->family == KeyFamily::kRsa) return result.Fail("There are no keys of that name.");
  EVP_PKEY* made = kind->family == KeyFamily::kEc ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind->openssl)
                                                  : EVP_PKEY_Q_keygen(nullptr, nullptr, kind->openssl);
  PkeyPtr pkey(made);
  if (pkey == nullptr) return result.Fail(Result::kInternal);
  SetPair(result, *kind, std::move(pkey));
}

uint64_t SecretCost(const Request& request) { return 1000 + request.n / 8 * 3; }
uint64_t RsaCost(const Request&) { return 100'000'000; }
uint64_t PairCost(const Request&) { return 500'000; }

constexpr Operation kOperations[] = {{"generate secret", GenerateSecret, SecretCost},
                                     {"generate rsa", GenerateRsa, RsaCost},
                                     {"generate", Generate, PairCost}};

}  // namespace

OperationTable GenerateOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
