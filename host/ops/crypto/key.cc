#include "ops/crypto/key.h"

namespace skerry::crypto {

namespace {

constexpr uint8_t kRsaOid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr uint8_t kP256Oid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr uint8_t kP384Oid[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr uint8_t kP521Oid[] = {0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr uint8_t kX25519Oid[] = {0x2b, 0x65, 0x6e};
constexpr uint8_t kX448Oid[] = {0x2b, 0x65, 0x6f};
constexpr uint8_t kEd25519Oid[] = {0x2b, 0x65, 0x70};
constexpr uint8_t kEd448Oid[] = {0x2b, 0x65, 0x71};
constexpr uint8_t kMlKem512Oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x01};
constexpr uint8_t kMlKem768Oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02};
constexpr uint8_t kMlKem1024Oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03};
constexpr uint8_t kMlDsa44Oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11};
constexpr uint8_t kMlDsa65Oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12};
constexpr uint8_t kMlDsa87Oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13};

template <size_t N>
constexpr KeyKind Row(std::string_view name, KeyFamily family, const char* openssl, const uint8_t (&oid)[N],
                      size_t public_size, size_t private_size) {
  return {name, family, openssl, oid, N, public_size, private_size};
}

constexpr KeyKind kKinds[] = {
    Row("P-256", KeyFamily::kEc, "P-256", kP256Oid, 65, 32),
    Row("RSA", KeyFamily::kRsa, "RSA", kRsaOid, 0, 0),
    Row("Ed25519", KeyFamily::kOkp, "ED25519", kEd25519Oid, 32, 32),
    Row("X25519", KeyFamily::kOkp, "X25519", kX25519Oid, 32, 32),
    Row("P-384", KeyFamily::kEc, "P-384", kP384Oid, 97, 48),
    Row("P-521", KeyFamily::kEc, "P-521", kP521Oid, 133, 66),
    Row("Ed448", KeyFamily::kOkp, "ED448", kEd448Oid, 57, 57),
    Row("X448", KeyFamily::kOkp, "X448", kX448Oid, 56, 56),
    Row("ML-KEM-512", KeyFamily::kMlKem, "ML-KEM-512", kMlKem512Oid, 800, 64),
    Row("ML-KEM-768", KeyFamily::kMlKem, "ML-KEM-768", kMlKem768Oid, 1184, 64),
    Row("ML-KEM-1024", KeyFamily::kMlKem, "ML-KEM-1024", kMlKem1024Oid, 1568, 64),
    Row("ML-DSA-44", KeyFamily::kMlDsa, "ML-DSA-44", kMlDsa44Oid, 1312, 32),
    Row("ML-DSA-65", KeyFamily::kMlDsa, "ML-DSA-65", kMlDsa65Oid, 1952, 32),
    Row("ML-DSA-87", KeyFamily::kMlDsa, "ML-DSA-87", kMlDsa87Oid, 2592, 32),
};

}  // namespace

const KeyKind* FindKeyKind(std::string_view name) {
  for (const KeyKind& kind : kKinds)
    if (kind.name == name) return &kind;
  return nullptr;
}

size_t Key::weight() const {
  if (kind_ == nullptr) return 0;  // Its bytes are counted where they are.
  switch (kind_->family) {
    case KeyFamily::kRsa:
      return 1024 + 12 * static_cast<size_t>(EVP_PKEY_get_size(pkey_));
    case KeyFamily::kMlKem:
    case KeyFamily::kMlDsa:
      return 32 << 10;  // The matrix is kept expanded.
    default:
      return 1024;
  }
}

}  // namespace skerry::crypto
