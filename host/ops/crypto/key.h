// Key material. Immutable once made, so that any number of operations on any threads may use one key at a time.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ops/crypto/handle.h"
#include "ops/crypto/octets.h"

namespace skerry::crypto {

enum class KeyFamily : uint8_t { kSecret, kRsa, kEc, kOkp, kMlKem, kMlDsa };

// One kind of key: a row of the table in key.cc.
struct KeyKind {
  std::string_view name;  // As the runtime layer calls it.
  KeyFamily family;
  // What OpenSSL calls it: the name of the group for EC, of the algorithm else.
  const char* openssl;
  // Its object identifier, DER without tag and length. For EC that of the curve.
  const uint8_t* oid;
  size_t oid_size;
  // Bytes of a public key as it stands in SPKI, and of a private one (EC: of the scalar; ML: of the seed). RSA: 0.
  size_t public_size;
  size_t private_size;
};

// Null if there is none of that name.
const KeyKind* FindKeyKind(std::string_view name);

// What a worker is told about an RSA key. Noted when it is made: asking OpenSSL takes longer than using the key.
struct RsaFacts {
  uint32_t bits = 0;
  std::string exponent;  // Big-endian, without leading zeros.
};

class Key {
 public:
  static constexpr HandleKind kHandleKind = HandleKind::kKey;

  // A secret key.
  explicit Key(Octets secret) : secret_(std::move(secret)) {}
  // An asymmetric one; takes the reference.
  Key(const KeyKind& kind, bool is_private, EVP_PKEY* pkey, RsaFacts rsa = {})
      : kind_(&kind), is_private_(is_private), pkey_(pkey), rsa_(std::move(rsa)) {}
  ~Key() { EVP_PKEY_free(pkey_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  // Null for a secret key.
  const KeyKind* kind() const { return kind_; }
  KeyFamily family() const { return kind_ == nullptr ? KeyFamily::kSecret : kind_->family; }
  bool is_private() const { return is_private_; }
  Span secret() const { return secret_.span(); }
  EVP_PKEY* pkey() const { return pkey_; }
  const RsaFacts& rsa() const { return rsa_; }

  // Bytes that OpenSSL has for it, about.
  size_t weight() const;

 private:
  const KeyKind* kind_ = nullptr;
  bool is_private_ = false;
  EVP_PKEY* pkey_ = nullptr;
  Octets secret_;
  RsaFacts rsa_;
};

using KeyRef = std::shared_ptr<const Key>;

[[nodiscard]] inline v8::MaybeLocal<v8::ArrayBuffer> KeyHandle(v8::Isolate* isolate, const KeyRef& key) {
  return MakeHandle(isolate, std::const_pointer_cast<Key>(key), key->weight());
}

}  // namespace skerry::crypto
