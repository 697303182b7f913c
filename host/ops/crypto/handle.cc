#include "ops/crypto/handle.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include <cstring>

#include "ops/args.h"

namespace skerry::crypto {

const uint8_t* HandleCookie() {
  static const uint8_t* cookie = [] {
    static uint8_t bytes[HandleHead::kCookieBytes];
    // Without random numbers there is nothing to do for a host.
    if (RAND_bytes(bytes, sizeof bytes) != 1) abort();
    return bytes;
  }();
  return cookie;
}

HandleHead* FindHandle(v8::Local<v8::Value> value, HandleKind kind) {
  if (!value->IsArrayBuffer()) return nullptr;
  v8::Local<v8::ArrayBuffer> buffer = value.As<v8::ArrayBuffer>();
  if (buffer->ByteLength() < sizeof(HandleHead)) return nullptr;
  auto* head = static_cast<HandleHead*>(buffer->Data());
  if (CRYPTO_memcmp(head->cookie, HandleCookie(), HandleHead::kCookieBytes) != 0 || head->self != head ||
      head->kind != kind)
    return nullptr;
  return head;
}

v8::Local<v8::ArrayBuffer> WrapHandle(v8::Isolate* isolate, HandleHead* head, size_t size,
                                      v8::BackingStore::DeleterCallback destroy) {
  std::memcpy(head->cookie, HandleCookie(), HandleHead::kCookieBytes);
  head->self = head;
  return v8::ArrayBuffer::New(
      isolate, v8::ArrayBuffer::NewBackingStore(head, size, destroy, isolate->GetArrayBufferAllocator()));
}

void BlankHandle(HandleHead* head) { OPENSSL_cleanse(head, sizeof *head); }

void ThrowNoMemoryForHandle(v8::Isolate* isolate) { ThrowOutOfMemory(isolate); }

}  // namespace skerry::crypto
