// Keys from SPKI (RFC 5280 §4.1), PKCS #8 (RFC 5958) and their parts. The DER is read here, strictly, and OpenSSL gets
// numbers and points: its own decoders would accept more, and take longer.
#include "ops/crypto/import.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/obj_mac.h>

#include "ops/crypto/der.h"
#include "ops/crypto/openssl_ptr.h"

namespace skerry::crypto {

namespace {

constexpr int kRsaBitsMax = 16384;  // OpenSSL's own limit.
constexpr uint8_t kEcPublicKeyOid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

constexpr char kBadKey[] = "The key is not valid.";
constexpr char kBadForm[] = "The data is not well formed, or of another kind of key.";

BigPtr Big(Span bytes) { return BigPtr(BN_bin2bn(bytes.data, static_cast<int>(bytes.size), nullptr)); }

PkeyPtr FromParams(const char* algorithm, OSSL_PARAM_BLD* builder, bool is_private) {
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* pkey = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &pkey, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params.get()) <= 0)
    return nullptr;
  return PkeyPtr(pkey);
}

KeyRef Made(const KeyKind& kind, bool is_private, PkeyPtr pkey, const char** error, RsaFacts rsa = {}) {
  if (pkey == nullptr) {
    *error = kBadKey;
    return nullptr;
  }
  return std::make_shared<const Key>(kind, is_private, pkey.release(), std::move(rsa));
}

// ---- RSA

// The numbers fit each other. Cheap beside any use of the key; a key that fails would sign wrongly and give itself
// away.
bool RsaPartsFit(const BigPtr (&v)[8]) {
  const auto& [n, e, d, p, q, dp, dq, qi] = v;
  BigContextPtr context(BN_CTX_new());
  BigPtr t(BN_new()), less(BN_new());
  if (context == nullptr || t == nullptr || less == nullptr) return false;
  if (BN_is_zero(p.get()) || BN_is_zero(q.get()) || BN_is_one(p.get()) || BN_is_one(q.get()) || !BN_is_odd(p.get()) ||
      !BN_is_odd(q.get()) || BN_cmp(d.get(), n.get()) >= 0)
    return false;
  if (BN_mul(t.get(), p.get(), q.get(), context.get()) != 1 || BN_cmp(t.get(), n.get()) != 0) return false;
  const auto fits = [&](const BIGNUM* prime, const BIGNUM* exponent) {
    if (BN_sub(less.get(), prime, BN_value_one()) != 1) return false;
    if (BN_nnmod(t.get(), d.get(), less.get(), context.get()) != 1 || BN_cmp(t.get(), exponent) != 0) return false;
    return BN_mod_mul(t.get(), exponent, e.get(), less.get(), context.get()) == 1 && BN_is_one(t.get());
  };
  if (!fits(p.get(), dp.get()) || !fits(q.get(), dq.get())) return false;
  return BN_mod_mul(t.get(), qi.get(), q.get(), p.get(), context.get()) == 1 && BN_is_one(t.get());
}

RsaFacts FactsOf(const BIGNUM* n, const BIGNUM* e) {
  RsaFacts facts{static_cast<uint32_t>(BN_num_bits(n)), std::string(static_cast<size_t>(BN_num_bytes(e)), '\0')};
  BN_bn2bin(e, reinterpret_cast<uint8_t*>(facts.exponent.data()));
  return facts;
}

KeyRef ImportRsa(const KeyKind& kind, const std::vector<Span>& parts, const char** error) {
  static constexpr const char* kNames[8] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                            OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                            OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                            OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
  *error = kBadKey;
  if (parts.size() != 2 && parts.size() != 8) return nullptr;
  BigPtr values[8];
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr) return nullptr;
  for (size_t i = 0; i < parts.size(); i++) {
    if (parts[i].size > kRsaBitsMax / 8 + 1) return nullptr;
    values[i] = Big(parts[i]);
    if (values[i] == nullptr || BN_is_zero(values[i].get()) ||
        OSSL_PARAM_BLD_push_BN(builder.get(), kNames[i], values[i].get()) != 1)
      return nullptr;
  }
  const BIGNUM* n = values[0].get();
  const BIGNUM* e = values[1].get();
  if (BN_num_bits(n) > kRsaBitsMax || BN_num_bits(n) < 256 || !BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
      BN_cmp(e, n) >= 0)
    return nullptr;
  const bool is_private = parts.size() == 8;
  if (is_private && !RsaPartsFit(values)) return nullptr;
  return Made(kind, is_private, FromParams("RSA", builder.get(), is_private), error, FactsOf(n, e));
}

// ---- elliptic curves

const EC_GROUP* GroupOf(const KeyKind& kind) {
  static EC_GROUP* const p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  static EC_GROUP* const p384 = EC_GROUP_new_by_curve_name(NID_secp384r1);
  static EC_GROUP* const p521 = EC_GROUP_new_by_curve_name(NID_secp521r1);
  return kind.private_size == 32 ? p256 : kind.private_size == 48 ? p384 : p521;
}

// point: in any form, or none with a scalar.
KeyRef ImportEc(const KeyKind& kind, Span point, const Span* scalar, const char** error) {
  *error = kBadKey;
  const EC_GROUP* group = GroupOf(kind);
  BigContextPtr context(BN_CTX_new());
  PointPtr given(EC_POINT_new(group)), own(EC_POINT_new(group));
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (group == nullptr || context == nullptr || given == nullptr || own == nullptr || builder == nullptr)
    return nullptr;
  if (point.size != 0) {
    // Checks that the point is on the curve. The hybrid forms (6 and 7) are of no standard of today.
    const uint8_t form = point.data[0];
    if ((form != 2 && form != 3 && form != 4) ||
        EC_POINT_oct2point(group, given.get(), point.data, point.size, context.get()) != 1 ||
        EC_POINT_is_at_infinity(group, given.get()))
      return nullptr;
  }
  BigPtr number;
  const EC_POINT* result = given.get();
  if (scalar != nullptr) {
    if (scalar->size > kind.private_size) return nullptr;
    number = Big(*scalar);
    if (number == nullptr || BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(group)) >= 0)
      return nullptr;
    BN_set_flags(number.get(), BN_FLG_CONSTTIME);
    if (EC_POINT_mul(group, own.get(), number.get(), nullptr, nullptr, context.get()) != 1) return nullptr;
    if (point.size != 0 && EC_POINT_cmp(group, own.get(), given.get(), context.get()) != 0) {
      *error = "The public key does not belong to the private one.";
      return nullptr;
    }
    result = own.get();
  } else if (point.size == 0) {
    return nullptr;
  }
  uint8_t bytes[133];
  const size_t size =
      EC_POINT_point2oct(group, result, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof bytes, context.get());
  if (size != kind.public_size ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kind.openssl, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, bytes, size) != 1)
    return nullptr;
  // Padded, so that its length tells nothing.
  if (number != nullptr &&
      OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get(), kind.private_size) != 1)
    return nullptr;
  return Made(kind, number != nullptr, FromParams("EC", builder.get(), number != nullptr), error);
}

// ECPrivateKey (RFC 5915).
KeyRef ImportEcPrivate(const KeyKind& kind, Span bytes, const char** error) {
  *error = kBadForm;
  DerReader outer(bytes);
  Span content, scalar, point{};
  uint8_t version;
  if (!outer.Take(kDerSequence, &content) || !outer.empty()) return nullptr;
  DerReader reader(content);
  if (!reader.TakeSmall(&version) || version != 1 || !reader.Take(kDerOctetString, &scalar)) return nullptr;
  if (reader.Peek() == 0xa0) {
    Span wrapped, oid;
    if (!reader.Take(0xa0, &wrapped)) return nullptr;
    DerReader parameters(wrapped);
    if (!parameters.Take(kDerOid, &oid) || !parameters.empty() || !Equal(oid, kind.oid, kind.oid_size)) return nullptr;
  }
  if (reader.Peek() == 0xa1) {
    Span wrapped, bits;
    if (!reader.Take(0xa1, &wrapped)) return nullptr;
    DerReader inner(wrapped);
    if (!inner.Take(kDerBitString, &bits) || !inner.empty() || bits.size < 2 || bits.data[0] != 0) return nullptr;
    point = {bits.data + 1, bits.size - 1};
  }
  if (!reader.empty() || scalar.size == 0) return nullptr;
  return ImportEc(kind, point, &scalar, error);
}

// ---- Edwards and Montgomery curves

KeyRef ImportOkp(const KeyKind& kind, Span bytes, bool is_private, const char** error) {
  *error = kBadKey;
  if (bytes.size != kind.private_size) return nullptr;
  PkeyPtr pkey(is_private ? EVP_PKEY_new_raw_private_key_ex(nullptr, kind.openssl, nullptr, bytes.data, bytes.size)
                          : EVP_PKEY_new_raw_public_key_ex(nullptr, kind.openssl, nullptr, bytes.data, bytes.size));
  return Made(kind, is_private, std::move(pkey), error);
}

// ---- lattices

KeyRef ImportMl(const KeyKind& kind, Span bytes, bool is_private, const char** error) {
  *error = kBadKey;
  if (bytes.size != (is_private ? kind.private_size : kind.public_size)) return nullptr;
  if (!is_private) {
    PkeyPtr pkey(EVP_PKEY_new_raw_public_key_ex(nullptr, kind.openssl, nullptr, bytes.data, bytes.size));
    return Made(kind, false, std::move(pkey), error);
  }
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  // The parameter has the same name for both.
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_ML_KEM_SEED, bytes.data, bytes.size) != 1)
    return nullptr;
  return Made(kind, true, FromParams(kind.openssl, builder.get(), true), error);
}

// The private key as RFC 9881 and RFC 9935 put it: [0] seed, or an OCTET STRING with the expanded key, or a SEQUENCE of
// both.
KeyRef ImportMlPrivate(const KeyKind& kind, Span bytes, const char** error) {
  *error = kBadForm;
  DerReader reader(bytes);
  Span seed, content;
  if (reader.Peek() == 0x80) {
    if (!reader.Take(0x80, &seed) || !reader.empty()) return nullptr;
    return ImportMl(kind, seed, true, error);
  }
  if (reader.Peek() == kDerOctetString) {
    *error = "A private key without its seed is not supported.";
    return nullptr;
  }
  Span expanded;
  if (!reader.Take(kDerSequence, &content) || !reader.empty()) return nullptr;
  DerReader both(content);
  if (!both.Take(kDerOctetString, &seed) || !both.Take(kDerOctetString, &expanded) || !both.empty()) return nullptr;
  KeyRef key = ImportMl(kind, seed, true, error);
  if (key == nullptr) return nullptr;
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key->pkey(), OSSL_PKEY_PARAM_PRIV_KEY, nullptr, 0, &size) != 1 ||
      size != expanded.size)
    return nullptr;
  std::string own(size, '\0');
  const bool same = EVP_PKEY_get_octet_string_param(key->pkey(), OSSL_PKEY_PARAM_PRIV_KEY,
                                                    reinterpret_cast<uint8_t*>(own.data()), size, &size) == 1 &&
                    CRYPTO_memcmp(own.data(), expanded.data, size) == 0;
  Wipe(&own);
  if (same) return key;
  *error = "The seed does not belong to the expanded key.";
  return nullptr;
}

// ---- containers

// AlgorithmIdentifier: is it that of this kind?
bool TakeAlgorithm(DerReader& reader, const KeyKind& kind) {
  Span content, oid, rest;
  if (!reader.Take(kDerSequence, &content)) return false;
  DerReader fields(content);
  if (!fields.Take(kDerOid, &oid)) return false;
  if (kind.family == KeyFamily::kEc) {
    return Equal(oid, kEcPublicKeyOid, sizeof kEcPublicKeyOid) && fields.Take(kDerOid, &rest) && fields.empty() &&
           Equal(rest, kind.oid, kind.oid_size);
  }
  if (!Equal(oid, kind.oid, kind.oid_size)) return false;
  // RSA has a NULL, which some leave out; the others must have nothing (RFC 8410 §3).
  if (kind.family == KeyFamily::kRsa && !fields.empty() && (!fields.Take(kDerNull, &rest) || rest.size != 0))
    return false;
  return fields.empty();
}

KeyRef ImportSpki(const KeyKind& kind, Span bytes, const char** error) {
  *error = kBadForm;
  DerReader outer(bytes);
  Span content, bits;
  if (!outer.Take(kDerSequence, &content) || !outer.empty()) return nullptr;
  DerReader reader(content);
  if (!TakeAlgorithm(reader, kind) || !reader.Take(kDerBitString, &bits) || !reader.empty() || bits.size < 2 ||
      bits.data[0] != 0)
    return nullptr;
  bits = {bits.data + 1, bits.size - 1};
  if (kind.family != KeyFamily::kRsa) return ImportKey(kind, KeyFormat::kRawPublic, bits, error);
  DerReader key(bits);
  std::vector<Span> parts(2);
  if (!key.Take(kDerSequence, &content) || !key.empty()) return nullptr;
  DerReader numbers(content);
  if (!numbers.TakeUnsigned(&parts[0]) || !numbers.TakeUnsigned(&parts[1]) || !numbers.empty()) return nullptr;
  return ImportRsa(kind, parts, error);
}

// RSAPrivateKey (RFC 8017 §A.1.2).
KeyRef ImportRsaPrivate(const KeyKind& kind, Span bytes, const char** error) {
  *error = kBadForm;
  DerReader outer(bytes);
  Span content;
  uint8_t version;
  if (!outer.Take(kDerSequence, &content) || !outer.empty()) return nullptr;
  DerReader reader(content);
  if (!reader.TakeSmall(&version) || version != 0) return nullptr;
  std::vector<Span> parts(8);
  for (Span& part : parts)
    if (!reader.TakeUnsigned(&part)) return nullptr;
  return reader.empty() ? ImportRsa(kind, parts, error) : nullptr;
}

KeyRef ImportPkcs8(const KeyKind& kind, Span bytes, const char** error) {
  *error = kBadForm;
  DerReader outer(bytes);
  Span content, key, ignored;
  uint8_t version;
  if (!outer.Take(kDerSequence, &content) || !outer.empty()) return nullptr;
  DerReader reader(content);
  if (!reader.TakeSmall(&version) || version > 1 || !TakeAlgorithm(reader, kind) || !reader.Take(kDerOctetString, &key))
    return nullptr;
  // Attributes, and in version 2 the public key, which follows from the private one.
  if (reader.Peek() == 0xa0 && !reader.Take(0xa0, &ignored)) return nullptr;
  if (version == 1 && reader.Peek() == 0x81 && !reader.Take(0x81, &ignored)) return nullptr;
  if (!reader.empty()) return nullptr;
  switch (kind.family) {
    case KeyFamily::kRsa:
      return ImportRsaPrivate(kind, key, error);
    case KeyFamily::kEc:
      return ImportEcPrivate(kind, key, error);
    case KeyFamily::kOkp: {
      DerReader inner(key);  // CurvePrivateKey (RFC 8410 §7).
      Span raw;
      if (!inner.Take(kDerOctetString, &raw) || !inner.empty()) return nullptr;
      return ImportOkp(kind, raw, true, error);
    }
    default:
      return ImportMlPrivate(kind, key, error);
  }
}

}  // namespace

KeyRef ImportKey(const KeyKind& kind, KeyFormat format, Span bytes, const char** error) {
  switch (format) {
    case KeyFormat::kSpki:
      return ImportSpki(kind, bytes, error);
    case KeyFormat::kPkcs8:
      return ImportPkcs8(kind, bytes, error);
    case KeyFormat::kRawPublic:
    case KeyFormat::kRawPrivate: {
      const bool is_private = format == KeyFormat::kRawPrivate;
      if (kind.family == KeyFamily::kEc && !is_private) return ImportEc(kind, bytes, nullptr, error);
      if (kind.family == KeyFamily::kOkp) return ImportOkp(kind, bytes, is_private, error);
      if (kind.family == KeyFamily::kMlKem || kind.family == KeyFamily::kMlDsa)
        return ImportMl(kind, bytes, is_private, error);
      break;
    }
    case KeyFormat::kParts:
      break;
  }
  *error = kBadForm;
  return nullptr;
}

KeyRef ImportParts(const KeyKind& kind, const std::vector<Span>& parts, const char** error) {
  *error = kBadKey;
  switch (kind.family) {
    case KeyFamily::kRsa:
      return ImportRsa(kind, parts, error);
    case KeyFamily::kEc: {
      if (parts.size() != 2 && parts.size() != 3) return nullptr;
      // RFC 7518 §6.2: all of them have the full length.
      for (Span part : parts)
        if (part.size != kind.private_size) return nullptr;
      std::string point(1, 4);
      point.append(Text(parts[0])).append(Text(parts[1]));
      return ImportEc(kind, ToSpan(point), parts.size() == 3 ? &parts[2] : nullptr, error);
    }
    default: {
      const KeyFormat format = parts.size() == 2 ? KeyFormat::kRawPrivate : KeyFormat::kRawPublic;
      if (parts.size() != 1 && parts.size() != 2) return nullptr;
      KeyRef key = ImportKey(kind, format, parts.back(), error);
      if (key == nullptr || parts.size() == 1) return key;
      std::string own;
      if (ExportKey(*key, KeyFormat::kRawPublic, &own) && Text(parts[0]) == own) return key;
      *error = "The public key does not belong to the private one.";
      return nullptr;
    }
  }
}

KeyRef PublicKeyOf(const Key& key) {
  EVP_PKEY_up_ref(key.pkey());
  return std::make_shared<const Key>(*key.kind(), false, key.pkey(), key.rsa());
}

void Wipe(std::string* text) { OPENSSL_cleanse(text->data(), text->size()); }

}  // namespace skerry::crypto
