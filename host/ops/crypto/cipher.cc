// Ciphers with a secret key: AES in CBC, CTR, GCM (NIST SP 800-38A, 38D), OCB (RFC 7253) and key wrap (RFC 3394), and
// ChaCha20-Poly1305 (RFC 8439).
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

// Bytes that key wrap takes: it is for keys, goes over them six times, and cannot be stopped.
constexpr size_t kKeyWrapMax = 1 << 20;

enum Mode { kCbc, kCtr, kGcm, kOcb, kWrap, kModeCount };

const EVP_CIPHER* AesCipher(Mode mode, size_t key_size) {
  static EVP_CIPHER* const ciphers[kModeCount][3] = {
      {EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr), EVP_CIPHER_fetch(nullptr, "AES-192-CBC", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)},
      {EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr), EVP_CIPHER_fetch(nullptr, "AES-192-CTR", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr)},
      {EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr), EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)},
      {EVP_CIPHER_fetch(nullptr, "AES-128-OCB", nullptr), EVP_CIPHER_fetch(nullptr, "AES-192-OCB", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-OCB", nullptr)},
      {EVP_CIPHER_fetch(nullptr, "AES-128-WRAP", nullptr), EVP_CIPHER_fetch(nullptr, "AES-192-WRAP", nullptr),
       EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr)},
  };
  switch (key_size) {
    case 16:
      return ciphers[mode][0];
    case 24:
      return ciphers[mode][1];
    case 32:
      return ciphers[mode][2];
    default:
      return nullptr;
  }
}

class Context {
 public:
  Context() : context_(EVP_CIPHER_CTX_new()) {}
  ~Context() { EVP_CIPHER_CTX_free(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  operator EVP_CIPHER_CTX*() { return context_; }

 private:
  EVP_CIPHER_CTX* context_;
};

bool HasSecret(const Request& request, Result& result) {
  if (request.key != nullptr && request.key->family() == KeyFamily::kSecret) return true;
  result.Fail(Result::kWrongKey);
  return false;
}

// Runs input through the cipher in pieces. Returns the bytes written, or -1 with the result failed.
ptrdiff_t Feed(EVP_CIPHER_CTX* context, Span input, uint8_t* out, WorkControl& control, Result& result) {
  ptrdiff_t written = 0;
  for (size_t at = 0; at < input.size; at += kPieceBytes) {
    if (at != 0 && !control.Continue()) {
      result.Fail(Result::kStopped);
      return -1;
    }
    int count = 0;
    const int piece = static_cast<int>(std::min(kPieceBytes, input.size - at));
    if (EVP_CipherUpdate(context, out + written, &count, input.data + at, piece) != 1) {
      result.Fail(Result::kInternal);
      return -1;
    }
    written += count;
  }
  return written;
}

// aes-cbc: key, data, a iv
void Cbc(const Request& request, WorkControl& control, Result& result, bool encrypt) {
  if (!HasSecret(request, result)) return;
  const EVP_CIPHER* cipher = AesCipher(kCbc, request.key->secret().size);
  if (cipher == nullptr) return result.Fail(Result::kWrongKey);
  if (request.a.size != 16) return result.Fail("The initialization vector must have 16 bytes.");
  const size_t size = request.data.size;
  if (!encrypt && (size == 0 || size % 16 != 0)) return result.Fail("The data is not made of whole blocks.");
  if (!result.Allocate(request, encrypt ? (size / 16 + 1) * 16 : size)) return;
  Context context;
  if (EVP_CipherInit_ex2(context, cipher, request.key->secret().data, request.a.data, encrypt ? 1 : 0, nullptr) != 1)
    return result.Fail(Result::kInternal);
  // One block less than the input is written until the padding is known, so the room is enough.
  const ptrdiff_t written = Feed(context, request.data, result.bytes.data(), control, result);
  if (written < 0) return;
  uint8_t last[EVP_MAX_BLOCK_LENGTH];
  int count = 0;
  if (EVP_CipherFinal_ex(context, last, &count) != 1) return result.Fail("The data could not be decrypted.");
  std::memcpy(result.bytes.data() + written, last, static_cast<size_t>(count));
  OPENSSL_cleanse(last, sizeof last);
  result.bytes.Shrink(static_cast<size_t>(written + count));
}
void CbcEncrypt(const Request& request, WorkControl& control, Result& result) { Cbc(request, control, result, true); }
void CbcDecrypt(const Request& request, WorkControl& control, Result& result) { Cbc(request, control, result, false); }

// aes-ctr: key, data, a counter block, n bits of it that count
void Ctr(const Request& request, WorkControl& control, Result& result) {
  if (!HasSecret(request, result)) return;
  const EVP_CIPHER* cipher = AesCipher(kCtr, request.key->secret().size);
  if (cipher == nullptr) return result.Fail(Result::kWrongKey);
  if (request.a.size != 16) return result.Fail("The counter must have 16 bytes.");
  if (request.n < 1 || request.n > 128) return result.Fail("The counter's length must be 1 to 128 bits.");
  using uint128 = unsigned __int128;
  uint128 counter = 0;
  for (int i = 0; i < 16; i++) counter = counter << 8 | request.a.data[i];
  const uint128 mask = request.n == 128 ? ~uint128{0} : (uint128{1} << request.n) - 1;
  const uint128 blocks = (uint128{request.data.size} + 15) / 16;
  if (blocks != 0 && blocks - 1 > mask) return result.Fail("The data is longer than the counter can count.");
  if (!result.Allocate(request, request.data.size)) return;
  // OpenSSL counts in all 128 bits: where the counter begins anew, so does the cipher.
  const uint128 until_wrap = mask - (counter & mask);  // Blocks after the first.
  size_t first = request.data.size;
  if (blocks != 0 && blocks - 1 > until_wrap) first = static_cast<size_t>((until_wrap + 1) * 16);
  size_t at = 0;
  uint8_t block[16];
  std::memcpy(block, request.a.data, 16);
  while (at < request.data.size) {
    const size_t end = at == 0 ? first : request.data.size;
    Context context;
    if (EVP_CipherInit_ex2(context, cipher, request.key->secret().data, block, 1, nullptr) != 1)
      return result.Fail(Result::kInternal);
    if (Feed(context, {request.data.data + at, end - at}, result.bytes.data() + at, control, result) < 0) return;
    at = end;
    uint128 again = counter & ~mask;
    for (int i = 15; i >= 0; i--, again >>= 8) block[i] = static_cast<uint8_t>(again);
  }
}

// Authenticated encryption: key, data, a nonce, b additional data, n bytes of the tag, which stands at the end
void Seal(const Request& request, WorkControl& control, Result& result, const EVP_CIPHER* cipher, bool encrypt) {
  if (cipher == nullptr) return result.Fail(Result::kWrongKey);
  const size_t tag_size = request.n;
  if (tag_size < 4 || tag_size > 16) return result.Fail("The tag must have 4 to 16 bytes.");
  if (!encrypt && request.data.size < tag_size) return result.Fail("The data is shorter than its tag.");
  const size_t size = encrypt ? request.data.size : request.data.size - tag_size;
  if (request.a.size < 1 || request.a.size > 128)
    return result.Fail("The initialization vector must have 1 to 128 bytes.");
  if (!result.Allocate(request, encrypt ? size + tag_size : size)) return;
  uint8_t tag[16];
  if (!encrypt) std::memcpy(tag, request.data.data + size, tag_size);
  Context context;
  const int tag_int = static_cast<int>(tag_size);
  // The lengths before key and nonce.
  if (EVP_CipherInit_ex2(context, cipher, nullptr, nullptr, encrypt ? 1 : 0, nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(request.a.size), nullptr) != 1)
    return result.Fail("The initialization vector has a length that this cipher does not take.");
  // OCB wants the tag's length before the tag; GCM does not want it at all.
  const bool is_gcm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE;
  if ((!is_gcm && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_int, nullptr) != 1) ||
      (!encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_int, tag) != 1))
    return result.Fail(Result::kInternal);
  if (EVP_CipherInit_ex2(context, nullptr, request.key->secret().data, request.a.data, encrypt ? 1 : 0, nullptr) != 1)
    return result.Fail(Result::kInternal);
  int count = 0;
  for (size_t at = 0; at < request.b.size; at += kPieceBytes) {
    if (at != 0 && !control.Continue()) return result.Fail(Result::kStopped);
    const int piece = static_cast<int>(std::min(kPieceBytes, request.b.size - at));
    if (EVP_CipherUpdate(context, nullptr, &count, request.b.data + at, piece) != 1)
      return result.Fail(Result::kInternal);
  }
  const ptrdiff_t written = Feed(context, {request.data.data, size}, result.bytes.data(), control, result);
  if (written < 0) return;
  // OCB holds back the last piece of a block.
  uint8_t last[EVP_MAX_BLOCK_LENGTH];
  const bool fits = EVP_CipherFinal_ex(context, last, &count) == 1;
  if (!fits || static_cast<size_t>(written + count) != size) {
    OPENSSL_cleanse(result.bytes.data(), size);
    return result.Fail(encrypt ? Result::kInternal : "The data does not fit its tag.");
  }
  std::memcpy(result.bytes.data() + written, last, static_cast<size_t>(count));
  OPENSSL_cleanse(last, sizeof last);
  if (encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_int, result.bytes.data() + size) != 1)
    return result.Fail(Result::kInternal);
}

void Gcm(const Request& request, WorkControl& control, Result& result, bool encrypt) {
  if (HasSecret(request, result)) Seal(request, control, result, AesCipher(kGcm, request.key->secret().size), encrypt);
}
void GcmEncrypt(const Request& request, WorkControl& control, Result& result) { Gcm(request, control, result, true); }
void GcmDecrypt(const Request& request, WorkControl& control, Result& result) { Gcm(request, control, result, false); }

void Ocb(const Request& request, WorkControl& control, Result& result, bool encrypt) {
  if (!HasSecret(request, result)) return;
  if (request.a.size > 15) return result.Fail("The initialization vector must have 1 to 15 bytes.");
  Seal(request, control, result, AesCipher(kOcb, request.key->secret().size), encrypt);
}
void OcbEncrypt(const Request& request, WorkControl& control, Result& result) { Ocb(request, control, result, true); }
void OcbDecrypt(const Request& request, WorkControl& control, Result& result) { Ocb(request, control, result, false); }

void ChaCha(const Request& request, WorkControl& control, Result& result, bool encrypt) {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  if (!HasSecret(request, result)) return;
  if (request.a.size != 12) return result.Fail("The initialization vector must have 12 bytes.");
  if (request.n != 16) return result.Fail("The tag must have 16 bytes.");
  Seal(request, control, result, request.key->secret().size == 32 ? cipher : nullptr, encrypt);
}
void ChaChaEncrypt(const Request& request, WorkControl& control, Result& result) {
  ChaCha(request, control, result, true);
}
void ChaChaDecrypt(const Request& request, WorkControl& control, Result& result) {
  ChaCha(request, control, result, false);
}

// aes-kw: key, data
void KeyWrap(const Request& request, WorkControl&, Result& result, bool wrap) {
  if (!HasSecret(request, result)) return;
  const EVP_CIPHER* cipher = AesCipher(kWrap, request.key->secret().size);
  if (cipher == nullptr) return result.Fail(Result::kWrongKey);
  const size_t size = request.data.size;
  if (size % 8 != 0 || size < (wrap ? 16 : 24) || size > kKeyWrapMax)
    return result.Fail("What is wrapped must have a multiple of 8 bytes, at least 16 and at most 1 MiB.");
  if (!result.Allocate(request, size + 8)) return;
  Context context;
  EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  int written = 0, last = 0;
  if (EVP_CipherInit_ex2(context, cipher, request.key->secret().data, nullptr, wrap ? 1 : 0, nullptr) != 1 ||
      EVP_CipherUpdate(context, result.bytes.data(), &written, request.data.data, static_cast<int>(size)) != 1 ||
      EVP_CipherFinal_ex(context, result.bytes.data() + written, &last) != 1)
    return result.Fail("The key could not be unwrapped.");
  result.bytes.Shrink(static_cast<size_t>(written + last));
}
void Wrap(const Request& request, WorkControl& control, Result& result) { KeyWrap(request, control, result, true); }
void Unwrap(const Request& request, WorkControl& control, Result& result) { KeyWrap(request, control, result, false); }

uint64_t AesCost(const Request& request) { return 2000 + request.data.size + request.b.size; }
uint64_t SlowAesCost(const Request& request) { return 2000 + request.data.size * 2 + request.b.size * 2; }
uint64_t WrapCost(const Request& request) { return 2000 + request.data.size * 30; }

constexpr Operation kOperations[] = {
    {"aes-gcm encrypt", GcmEncrypt, AesCost},
    {"aes-gcm decrypt", GcmDecrypt, AesCost},
    {"aes-cbc encrypt", CbcEncrypt, SlowAesCost},
    {"aes-cbc decrypt", CbcDecrypt, AesCost},
    {"aes-ctr", Ctr, AesCost},
    {"aes-ocb encrypt", OcbEncrypt, AesCost},
    {"aes-ocb decrypt", OcbDecrypt, AesCost},
    {"chacha20-poly1305 encrypt", ChaChaEncrypt, SlowAesCost},
    {"chacha20-poly1305 decrypt", ChaChaDecrypt, SlowAesCost},
    {"aes-kw wrap", Wrap, WrapCost},
    {"aes-kw unwrap", Unwrap, WrapCost},
};

}  // namespace

OperationTable CipherOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
