#include "ops/crypto/keccak.h"

namespace skerry::crypto {

CShake::CShake(int strength, Span function_name, Span customization)
    : rate_(strength == 128 ? 168 : 136), context_(EVP_MD_CTX_new()) {
  // Without names cSHAKE is SHAKE. With names it differs in two bits of padding, which OpenSSL knows as the digest that
  // its KMAC is made of.
  static EVP_MD* const shake[] = {EVP_MD_fetch(nullptr, "SHAKE128", nullptr),
                                  EVP_MD_fetch(nullptr, "SHAKE256", nullptr)};
  static EVP_MD* const cshake[] = {EVP_MD_fetch(nullptr, "KECCAK-KMAC-128", nullptr),
                                   EVP_MD_fetch(nullptr, "KECCAK-KMAC-256", nullptr)};
  const bool plain = function_name.size == 0 && customization.size == 0;
  EVP_DigestInit_ex2(context_, (plain ? shake : cshake)[strength == 128 ? 0 : 1], nullptr);
  if (plain) return;
  padded_ = 0;
  UpdateLeftEncoded(rate_);
  UpdateLeftEncoded(function_name.size * 8);
  Update(function_name.data, function_name.size);
  UpdateLeftEncoded(customization.size * 8);
  Update(customization.data, customization.size);
  static constexpr uint8_t kZeros[168] = {};
  Update(kZeros, (rate_ - padded_ % rate_) % rate_);
}

void CShake::Update(const void* data, size_t size) {
  padded_ += size;
  EVP_DigestUpdate(context_, data, size);
}

void CShake::UpdateLeftEncoded(uint64_t value) {
  uint8_t bytes[9];
  size_t count = 1;
  while (count < 8 && value >> (8 * count) != 0) count++;
  bytes[0] = static_cast<uint8_t>(count);
  for (size_t i = 0; i < count; i++) bytes[1 + i] = static_cast<uint8_t>(value >> (8 * (count - 1 - i)));
  Update(bytes, count + 1);
}

void CShake::UpdateRightEncoded(uint64_t bits) {
  uint8_t bytes[9];
  size_t count = 1;
  while (count < 8 && bits >> (8 * count) != 0) count++;
  for (size_t i = 0; i < count; i++) bytes[i] = static_cast<uint8_t>(bits >> (8 * (count - 1 - i)));
  bytes[count] = static_cast<uint8_t>(count);
  Update(bytes, count + 1);
}

void CShake::UpdatePadded(Span text) {
  padded_ = 0;
  UpdateLeftEncoded(rate_);
  UpdateLeftEncoded(text.size * 8);
  Update(text.data, text.size);
  static constexpr uint8_t kZeros[168] = {};
  Update(kZeros, (rate_ - padded_ % rate_) % rate_);
}

bool CShake::Squeeze(uint8_t* out, size_t size) { return size == 0 || EVP_DigestFinalXOF(context_, out, size) == 1; }

}  // namespace skerry::crypto
