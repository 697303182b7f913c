// cSHAKE and KMAC (NIST SP 800-185), built on the Keccak of OpenSSL, which has KMAC with bounds of its own and no
// cSHAKE. Threads: any; an object belongs to one.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>

#include "ops/crypto/octets.h"

namespace skerry::crypto {

class CShake {
 public:
  // strength: 128 or 256. SP 800-185 §3.
  CShake(int strength, Span function_name, Span customization);
  ~CShake() { EVP_MD_CTX_free(context_); }
  CShake(const CShake&) = delete;
  CShake& operator=(const CShake&) = delete;

  void Update(const void* data, size_t size);
  // encode_string(text), and what fills it up to whole blocks (§2.3).
  void UpdatePadded(Span text);
  // right_encode(bits) (§2.3.1).
  void UpdateRightEncoded(uint64_t bits);
  // Once, at the end.
  bool Squeeze(uint8_t* out, size_t size);

 private:
  void UpdateLeftEncoded(uint64_t value);

  size_t rate_;  // Bytes.
  size_t padded_ = 0;
  EVP_MD_CTX* context_;
};

}  // namespace skerry::crypto
