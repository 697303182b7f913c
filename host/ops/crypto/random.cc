// Randomness, from the OpenSSL in the Node binary. Contract: runtime/bootstrap/native.ts, "crypto".
// OpenSSL's generator draws on getrandom(2) alone, so it works where there is no file system.
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstring>

#include "ops/args.h"
#include "ops/op.h"
#include "ops/text.h"

namespace skerry {
namespace {

using v8::ArrayBufferView;
using v8::Isolate;
using v8::Local;
using v8::String;

bool FillRandom(unsigned char* data, size_t size) {
  constexpr size_t kPiece = 1 << 30;  // RAND_bytes takes an int.
  while (size != 0) {
    size_t piece = size < kPiece ? size : kPiece;
    if (RAND_bytes(data, static_cast<int>(piece)) != 1) return false;
    data += piece;
    size -= piece;
  }
  return true;
}

// Random bytes are drawn from OpenSSL in blocks for callers of a few bytes: each call there costs about as much as
// ten of these. A byte is wiped when it is handed out. One per thread, so no lock and no sharing.
class RandomPool {
 public:
  bool Take(unsigned char* out, size_t size) {
    if (size > left_) {
      if (!FillRandom(bytes_, sizeof bytes_)) return false;
      left_ = sizeof bytes_;
    }
    left_ -= size;
    std::memcpy(out, bytes_ + left_, size);
    OPENSSL_cleanse(bytes_ + left_, size);
    return true;
  }

  static constexpr size_t kTakeMax = 64;

 private:
  unsigned char bytes_[1024];
  size_t left_ = 0;
};

bool Random(unsigned char* out, size_t size) {
  static thread_local RandomPool pool;
  return size <= RandomPool::kTakeMax ? pool.Take(out, size) : FillRandom(out, size);
}

void ThrowNoRandom(Isolate* isolate) {
  isolate->ThrowException(v8::Exception::Error(Ascii(isolate, "the random number generator failed")));
}

void RandomFillOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsArrayBufferView()) return ThrowBadArgument(isolate, "randomFill", 0, "a view");
  Local<ArrayBufferView> view = info[0].As<ArrayBufferView>();
  size_t size = view->ByteLength();
  if (size == 0) return;
  unsigned char* data = static_cast<unsigned char*>(view->Buffer()->Data()) + view->ByteOffset();
  if (!Random(data, size)) ThrowNoRandom(isolate);
}

// RFC 9562 §5.4.
void RandomUuidOp(const Args& info) {
  static constexpr char kHex[] = "0123456789abcdef";
  Isolate* isolate = info.GetIsolate();
  unsigned char bytes[16];
  if (!Random(bytes, sizeof bytes)) return ThrowNoRandom(isolate);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  char text[36];
  char* out = text;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = kHex[bytes[i] >> 4];
    *out++ = kHex[bytes[i] & 15];
  }
  Local<String> uuid;
  if (DecodeLatin1(isolate, text, sizeof text).ToLocal(&uuid)) info.GetReturnValue().Set(uuid);
}

constexpr Op kOps[] = {
    {"randomFill", RandomFillOp, 1},
    {"randomUUID", RandomUuidOp, 0},
};

}  // namespace

std::span<const Op> RandomOps() { return kOps; }

}  // namespace skerry
