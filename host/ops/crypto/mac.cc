// HMAC (RFC 2104) and KMAC (NIST SP 800-185 §4).
#include <openssl/crypto.h>

#include <algorithm>

#include "ops/crypto/hash.h"
#include "ops/crypto/keccak.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

bool RunHmac(const Request& request, WorkControl& control, Result& result, uint8_t* out, size_t* size) {
  const HashInfo* info = FindHash(request.name);
  if (info == nullptr || request.key == nullptr || request.key->family() != KeyFamily::kSecret) {
    result.Fail(Result::kWrongKey);
    return false;
  }
  Hmac hmac(*info, request.key->secret());
  for (size_t at = 0; at < request.data.size; at += kPieceBytes) {
    if (at != 0 && !control.Continue()) {
      result.Fail(Result::kStopped);
      return false;
    }
    hmac.Update(request.data.data + at, std::min(kPieceBytes, request.data.size - at));
  }
  hmac.Final(out);
  *size = info->size;
  return true;
}

// hmac sign: name of the hash, key, data
void HmacSign(const Request& request, WorkControl& control, Result& result) {
  uint8_t mac[kHashSizeMax];
  size_t size;
  if (!RunHmac(request, control, result, mac, &size) || !result.Allocate(request, size)) return;
  std::memcpy(result.bytes.data(), mac, size);
}

// hmac verify: name of the hash, key, data, a signature
void HmacVerify(const Request& request, WorkControl& control, Result& result) {
  uint8_t mac[kHashSizeMax];
  size_t size;
  if (!RunHmac(request, control, result, mac, &size)) return;
  result.Bool(request.a.size == size && CRYPTO_memcmp(mac, request.a.data, size) == 0);
}

// kmac sign: name (KMAC128 or KMAC256), key, data, b customization, n bytes of output
void KmacSign(const Request& request, WorkControl& control, Result& result) {
  if (request.key == nullptr || request.key->family() != KeyFamily::kSecret) return result.Fail(Result::kWrongKey);
  if (request.n > kOutputMax) return result.Fail(Result::kTooLong);
  if (!result.Allocate(request, request.n)) return;
  CShake shake(request.name == "KMAC128" ? 128 : 256, {reinterpret_cast<const uint8_t*>("KMAC"), 4}, request.b);
  shake.UpdatePadded(request.key->secret());
  for (size_t at = 0; at < request.data.size; at += kPieceBytes) {
    if (at != 0 && !control.Continue()) return result.Fail(Result::kStopped);
    shake.Update(request.data.data + at, std::min(kPieceBytes, request.data.size - at));
  }
  shake.UpdateRightEncoded(uint64_t{request.n} * 8);
  if (!shake.Squeeze(result.bytes.data(), result.bytes.size())) result.Fail(Result::kInternal);
}

// kmac verify: as kmac sign, and a signature
void KmacVerify(const Request& request, WorkControl& control, Result& result) {
  KmacSign(request, control, result);
  if (result.kind != Result::Kind::kBytes) return;
  result.Bool(request.a.size == result.bytes.size() &&
              CRYPTO_memcmp(result.bytes.data(), request.a.data, request.a.size) == 0);
}

uint64_t HmacCost(const Request& request) { return 2000 + request.data.size * 5 / 2; }
uint64_t KmacCost(const Request& request) { return 4000 + (request.data.size + request.n) * 5; }

constexpr Operation kOperations[] = {{"hmac sign", HmacSign, HmacCost},
                                     {"hmac verify", HmacVerify, HmacCost},
                                     {"kmac sign", KmacSign, KmacCost},
                                     {"kmac verify", KmacVerify, KmacCost}};

}  // namespace

OperationTable MacOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
