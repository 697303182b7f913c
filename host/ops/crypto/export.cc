// Keys to SPKI, PKCS #8, raw bytes and their parts.
#include <openssl/core_names.h>

#include "ops/crypto/der.h"
#include "ops/crypto/import.h"
#include "ops/crypto/openssl_ptr.h"

namespace skerry::crypto {

namespace {

bool Octet(const Key& key, const char* name, std::string* out) {
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key.pkey(), name, nullptr, 0, &size) != 1) return false;
  out->resize(size);
  return EVP_PKEY_get_octet_string_param(key.pkey(), name, reinterpret_cast<uint8_t*>(out->data()), size, &size) == 1;
}

// A number, in `size` bytes or as few as possible (0).
bool Number(const Key& key, const char* name, size_t size, std::string* out) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key.pkey(), name, &number) != 1) return false;
  BigPtr owned(number);
  if (size == 0) size = static_cast<size_t>(BN_num_bytes(number));
  out->resize(size);
  return BN_bn2binpad(number, reinterpret_cast<uint8_t*>(out->data()), static_cast<int>(size)) >= 0;
}

bool RawPublic(const Key& key, std::string* out) {
  const KeyKind& kind = *key.kind();
  if (kind.family == KeyFamily::kEc) {
    std::string x, y;
    if (!Number(key, OSSL_PKEY_PARAM_EC_PUB_X, kind.private_size, &x) ||
        !Number(key, OSSL_PKEY_PARAM_EC_PUB_Y, kind.private_size, &y))
      return false;
    *out = '\4' + x + y;
    return true;
  }
  size_t size = kind.public_size;
  out->resize(size);
  return size != 0 && EVP_PKEY_get_raw_public_key(key.pkey(), reinterpret_cast<uint8_t*>(out->data()), &size) == 1;
}

bool RawPrivate(const Key& key, std::string* out) {
  const KeyKind& kind = *key.kind();
  if (!key.is_private()) return false;
  switch (kind.family) {
    case KeyFamily::kEc:
      return Number(key, OSSL_PKEY_PARAM_PRIV_KEY, kind.private_size, out);
    case KeyFamily::kOkp: {
      size_t size = kind.private_size;
      out->resize(size);
      return EVP_PKEY_get_raw_private_key(key.pkey(), reinterpret_cast<uint8_t*>(out->data()), &size) == 1;
    }
    case KeyFamily::kMlKem:
    case KeyFamily::kMlDsa:
      return Octet(key, OSSL_PKEY_PARAM_ML_KEM_SEED, out);
    default:
      return false;
  }
}

constexpr uint8_t kEcPublicKeyOid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

std::string AlgorithmIdentifier(const KeyKind& kind) {
  const std::string oid = DerValue(kDerOid, Text({kind.oid, kind.oid_size}));
  if (kind.family == KeyFamily::kEc)
    return DerValue(kDerSequence, DerValue(kDerOid, Text({kEcPublicKeyOid, sizeof kEcPublicKeyOid})) + oid);
  if (kind.family == KeyFamily::kRsa) return DerValue(kDerSequence, oid + DerValue(kDerNull, {}));
  return DerValue(kDerSequence, oid);
}

bool Spki(const Key& key, std::string* out) {
  std::string bits;
  if (key.family() == KeyFamily::kRsa) {
    std::string n, e;
    if (!Number(key, OSSL_PKEY_PARAM_RSA_N, 0, &n) || !Number(key, OSSL_PKEY_PARAM_RSA_E, 0, &e)) return false;
    bits = DerValue(kDerSequence, DerUnsigned(n) + DerUnsigned(e));
  } else if (!RawPublic(key, &bits)) {
    return false;
  }
  *out =
      DerValue(kDerSequence, AlgorithmIdentifier(*key.kind()) + DerValue(kDerBitString, std::string(1, '\0') + bits));
  return true;
}

bool Pkcs8(const Key& key, std::string* out) {
  const KeyKind& kind = *key.kind();
  if (!key.is_private()) return false;
  std::string content, raw;
  switch (kind.family) {
    case KeyFamily::kRsa: {
      std::vector<std::string> parts;
      if (!ExportParts(key, &parts)) return false;
      content = DerUnsigned({});
      for (std::string& part : parts) {
        content += DerUnsigned(part);
        Wipe(&part);
      }
      content = DerValue(kDerSequence, content);
      break;
    }
    case KeyFamily::kEc: {
      std::string point;
      if (!RawPrivate(key, &raw) || !RawPublic(key, &point)) return false;
      const std::string bits = DerValue(0xa1, DerValue(kDerBitString, std::string(1, '\0') + point));
      content = DerValue(kDerSequence, DerUnsigned("\1") + DerValue(kDerOctetString, raw) + bits);
      break;
    }
    case KeyFamily::kOkp:
      if (!RawPrivate(key, &raw)) return false;
      content = DerValue(kDerOctetString, raw);
      break;
    default:  // The seed alone, as the Web Cryptography API wants it.
      if (!RawPrivate(key, &raw)) return false;
      content = DerValue(0x80, raw);
  }
  *out = DerValue(kDerSequence, DerUnsigned({}) + AlgorithmIdentifier(kind) + DerValue(kDerOctetString, content));
  Wipe(&content);
  Wipe(&raw);
  return true;
}

}  // namespace

bool ExportKey(const Key& key, KeyFormat format, std::string* bytes) {
  if (key.kind() == nullptr) return false;
  switch (format) {
    case KeyFormat::kSpki:
      return Spki(key, bytes);
    case KeyFormat::kPkcs8:
      return Pkcs8(key, bytes);
    case KeyFormat::kRawPublic:
      return RawPublic(key, bytes);
    case KeyFormat::kRawPrivate:
      return RawPrivate(key, bytes);
    case KeyFormat::kParts:
      return false;
  }
  return false;
}

bool ExportParts(const Key& key, std::vector<std::string>* parts) {
  if (key.kind() == nullptr) return false;
  const KeyKind& kind = *key.kind();
  switch (kind.family) {
    case KeyFamily::kRsa: {
      static constexpr const char* kNames[8] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                                OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                                OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                                OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
      parts->resize(key.is_private() ? 8 : 2);
      for (size_t i = 0; i < parts->size(); i++)
        if (!Number(key, kNames[i], 0, &(*parts)[i])) return false;
      return true;
    }
    case KeyFamily::kEc:
      parts->resize(key.is_private() ? 3 : 2);
      return Number(key, OSSL_PKEY_PARAM_EC_PUB_X, kind.private_size, &(*parts)[0]) &&
             Number(key, OSSL_PKEY_PARAM_EC_PUB_Y, kind.private_size, &(*parts)[1]) &&
             (!key.is_private() || RawPrivate(key, &(*parts)[2]));
    default:
      parts->resize(key.is_private() ? 2 : 1);
      return RawPublic(key, &(*parts)[0]) && (!key.is_private() || RawPrivate(key, &(*parts)[1]));
  }
}

}  // namespace skerry::crypto
