// The Web Cryptography operations: from JavaScript's arguments to a request, at once or as a job, and back. Contract:
// runtime/bootstrap/native.ts, "crypto".
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "ops/args.h"
#include "ops/crypto/base64url.h"
#include "ops/crypto/checksum.h"
#include "ops/crypto/hash.h"
#include "ops/crypto/hooks.h"
#include "ops/crypto/import.h"
#include "ops/crypto/request.h"
#include "ops/op.h"
#include "ops/text.h"

namespace skerry {

namespace crypto {

namespace {

using v8::Array;
using v8::ArrayBuffer;
using v8::Isolate;
using v8::Local;
using v8::MaybeLocal;
using v8::String;
using v8::Value;

Hooks hooks = {[](Isolate* isolate) { return Memory{isolate->GetArrayBufferAllocator(), nullptr}; }, nullptr, 0};

// A short string of ASCII: names of operations, hashes, kinds of keys, formats.
class Name {
 public:
  bool Init(Isolate* isolate, Local<Value> value) {
    if (!value->IsString()) return false;
    Local<String> text = value.As<String>();
    if (text->Length() > kMax || !text->IsOneByte()) return false;
    size_ = static_cast<size_t>(text->Length());
    text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(size_), reinterpret_cast<uint8_t*>(bytes_));
    return true;
  }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  static constexpr int kMax = 32;
  char bytes_[kMax];
  size_t size_ = 0;
};

Span ToSpan(const Bytes& bytes) { return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}; }

// undefined is no bytes at all.
bool OptionalBytes(const Args& info, int index, const char* op, Bytes* bytes, Span* out) {
  if (info[index]->IsUndefined()) return true;
  if (!bytes->Init(info, index, op)) return false;
  *out = ToSpan(*bytes);
  return true;
}

MaybeLocal<Value> ToV8(Isolate* isolate, const std::string& bytes) {
  char* data;
  Local<ArrayBuffer> buffer;
  if (!NewBuffer(isolate, bytes.size(), &data).ToLocal(&buffer)) return {};
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  return buffer;
}

MaybeLocal<Value> ToV8(Isolate* isolate, Result& result) {
  Local<Value> pair[2];
  switch (result.kind) {
    case Result::Kind::kFailed:
      return Ascii(isolate, result.error);
    case Result::Kind::kBytes: {
      Local<ArrayBuffer> bytes;
      if (!result.bytes.ToV8(isolate).ToLocal(&bytes)) return {};
      return bytes;
    }
    case Result::Kind::kBytesPair: {
      Local<ArrayBuffer> first, second;
      if (!result.bytes.ToV8(isolate).ToLocal(&first) || !result.second.ToV8(isolate).ToLocal(&second)) return {};
      pair[0] = first;
      pair[1] = second;
      return Array::New(isolate, pair, 2);
    }
    case Result::Kind::kTrue:
    case Result::Kind::kFalse:
      return v8::Boolean::New(isolate, result.kind == Result::Kind::kTrue);
    case Result::Kind::kKey: {
      Local<ArrayBuffer> key;
      if (!KeyHandle(isolate, result.keys[0]).ToLocal(&key)) return {};
      return key;
    }
    case Result::Kind::kKeyPair: {
      Local<ArrayBuffer> key;
      for (int i = 0; i < 2; i++) {
        if (!KeyHandle(isolate, result.keys[i]).ToLocal(&key)) return {};
        pair[i] = key;
      }
      return Array::New(isolate, pair, 2);
    }
  }
  return {};
}

void RunRequest(const Operation& operation, const Request& request, WorkControl& control, Result& result) {
  operation.run(request, control, result);
  // OpenSSL keeps its complaints per thread, for somebody to ask about.
  if (result.kind == Result::Kind::kFailed || result.kind == Result::Kind::kFalse) ERR_clear_error();
}

// What runs at once is short, or it runs in global scope, where the watchdog is the limit.
class InlineControl final : public WorkControl {
 public:
  explicit InlineControl(Isolate* isolate) : isolate_(isolate) {}
  bool Continue() override { return !isolate_->IsExecutionTerminating(); }

 private:
  Isolate* const isolate_;
};

class RequestJob final : public Job {
 public:
  // Copies what the request points to. False if the isolate may not have so much memory.
  bool Init(const Operation& operation, const Request& request, const Name& name) {
    operation_ = &operation;
    name_ = name;
    request_ = request;
    request_.name = name_.view();
    const Span* from[] = {&request.data, &request.a, &request.b, &request.c};
    Span* to[] = {&request_.data, &request_.a, &request_.b, &request_.c};
    for (int i = 0; i < 4; i++) {
      if (!copies_[i].Copy(request.memory, *from[i])) return false;
      *to[i] = copies_[i].span();
    }
    return true;
  }

  void Run(WorkControl& control) override { RunRequest(*operation_, request_, control, result_); }
  MaybeLocal<Value> Result(Isolate* isolate) override { return ToV8(isolate, result_); }

 private:
  const Operation* operation_ = nullptr;
  Name name_;
  Request request_;
  Octets copies_[4];
  crypto::Result result_;
};

// cryptoRun(event, operation, name, key, other, data, a, b, c, n, m, o, p)
void CryptoRun(const Args& info) {
  static constexpr char kOp[] = "cryptoRun";
  Isolate* isolate = info.GetIsolate();
  Name operation_name, name;
  if (!info[0]->IsUint32()) return ThrowBadArgument(isolate, kOp, 0, "a number");
  if (!operation_name.Init(isolate, info[1])) return ThrowBadArgument(isolate, kOp, 1, "the name of an operation");
  if (!name.Init(isolate, info[2])) return ThrowBadArgument(isolate, kOp, 2, "a name");
  const Operation* operation = FindOperation(operation_name.view());
  if (operation == nullptr) return ThrowBadArgument(isolate, kOp, 1, "the name of an operation");
  Request request;
  request.name = name.view();
  if (!info[3]->IsUndefined() && (request.key = FromHandle<Key>(info[3])) == nullptr)
    return ThrowBadArgument(isolate, kOp, 3, "a key");
  if (!info[4]->IsUndefined() && (request.other = FromHandle<Key>(info[4])) == nullptr)
    return ThrowBadArgument(isolate, kOp, 4, "a key");
  Bytes data, a, b, c;
  if (!OptionalBytes(info, 5, kOp, &data, &request.data) || !OptionalBytes(info, 6, kOp, &a, &request.a) ||
      !OptionalBytes(info, 7, kOp, &b, &request.b) || !OptionalBytes(info, 8, kOp, &c, &request.c))
    return;
  uint32_t* numbers[] = {&request.n, &request.m, &request.o, &request.p};
  for (int i = 0; i < 4; i++) {
    if (info[9 + i]->IsUndefined()) continue;
    if (!info[9 + i]->IsUint32()) return ThrowBadArgument(isolate, kOp, 9 + i, "a number");
    *numbers[i] = info[9 + i].As<v8::Uint32>()->Value();
  }
  request.memory = hooks.memory(isolate);

  const uint32_t event = info[0].As<v8::Uint32>()->Value();
  Local<Value> value;
  if (event != 0 && hooks.submit != nullptr && operation->cost(request) > hooks.inline_cost_max) {
    auto job = std::make_shared<RequestJob>();
    if (!job->Init(*operation, request, name)) {
      info.GetReturnValue().Set(Ascii(isolate, "There is not enough memory to copy the data."));
      return;
    }
    const int64_t number = hooks.submit(isolate, event, std::move(job));
    if (number > 0) {
      info.GetReturnValue().Set(static_cast<double>(number));
    } else {
      info.GetReturnValue().Set(Ascii(isolate, number == kTooManyJobs
                                                   ? "Too many cryptographic operations of this worker are under way."
                                                   : "The request that the operation belongs to has ended."));
    }
    return;
  }
  crypto::Result result;
  InlineControl control(isolate);
  RunRequest(*operation, request, control, result);
  if (ToV8(isolate, result).ToLocal(&value)) info.GetReturnValue().Set(value);
}

// digest(name, bytes)
void DigestOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Name name;
  Bytes bytes;
  Local<String> text;
  if (!StringArg(info, 0, "digest", &text) || !bytes.Init(info, 1, "digest")) return;
  const HashInfo* hash = name.Init(isolate, text) ? FindHash(name.view()) : nullptr;
  if (hash == nullptr) return;
  char* data;
  Local<ArrayBuffer> result;
  if (!NewBuffer(isolate, hash->size, &data).ToLocal(&result)) return;
  Hasher hasher(*hash);
  hasher.Update(bytes.data(), bytes.size());
  hasher.Final(reinterpret_cast<uint8_t*>(data));
  info.GetReturnValue().Set(result);
}

// keyFromSecret(bytes)
void KeyFromSecret(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Bytes bytes;
  if (!bytes.Init(info, 0, "keyFromSecret")) return;
  Octets secret;
  if (!secret.Copy(hooks.memory(isolate), ToSpan(bytes))) return ThrowOutOfMemory(isolate);
  Local<ArrayBuffer> handle;
  if (KeyHandle(isolate, std::make_shared<const Key>(std::move(secret))).ToLocal(&handle))
    info.GetReturnValue().Set(handle);
}

std::optional<KeyFormat> FindFormat(std::string_view name) {
  if (name == "spki") return KeyFormat::kSpki;
  if (name == "pkcs8") return KeyFormat::kPkcs8;
  if (name == "public") return KeyFormat::kRawPublic;
  if (name == "private") return KeyFormat::kRawPrivate;
  if (name == "parts") return KeyFormat::kParts;
  return {};
}

constexpr uint32_t kPartsMax = 8;
// Bytes of a key that may be imported: one of RSA with 16384 bits has 9 KiB.
constexpr size_t kImportMax = 64 << 10;

// keyImport(kind, format, bytes or parts)
void KeyImport(const Args& info) {
  static constexpr char kOp[] = "keyImport";
  Isolate* isolate = info.GetIsolate();
  Name kind_name, format_name;
  const KeyKind* kind = kind_name.Init(isolate, info[0]) ? FindKeyKind(kind_name.view()) : nullptr;
  if (kind == nullptr) return ThrowBadArgument(isolate, kOp, 0, "a kind of key");
  const auto format = format_name.Init(isolate, info[1]) ? FindFormat(format_name.view()) : std::nullopt;
  if (!format) return ThrowBadArgument(isolate, kOp, 1, "a format");
  const char* error = "";
  KeyRef key;
  if (*format == KeyFormat::kParts) {
    if (!info[2]->IsArray()) return ThrowBadArgument(isolate, kOp, 2, "an array");
    Local<Array> array = info[2].As<Array>();
    if (array->Length() > kPartsMax) return ThrowBadArgument(isolate, kOp, 2, "an array of at most 8");
    std::vector<std::string> copies(array->Length());
    std::vector<Span> parts;
    for (uint32_t i = 0; i < array->Length(); i++) {
      Local<Value> item;
      if (!array->Get(isolate->GetCurrentContext(), i).ToLocal(&item)) return;
      if (!item->IsArrayBuffer()) return ThrowBadArgument(isolate, kOp, 2, "an array of ArrayBuffers");
      Local<ArrayBuffer> buffer = item.As<ArrayBuffer>();
      if (buffer->ByteLength() > kImportMax) {
        info.GetReturnValue().Set(Ascii(isolate, "The key is too long."));
        return;
      }
      if (buffer->ByteLength() != 0) copies[i].assign(static_cast<const char*>(buffer->Data()), buffer->ByteLength());
      parts.push_back({reinterpret_cast<const uint8_t*>(copies[i].data()), copies[i].size()});
    }
    key = ImportParts(*kind, parts, &error);
    for (std::string& copy : copies) Wipe(&copy);
  } else {
    Bytes bytes;
    if (!bytes.Init(info, 2, kOp)) return;
    if (bytes.size() > kImportMax) {
      error = "The key is too long.";
    } else {
      key = ImportKey(*kind, *format, ToSpan(bytes), &error);
    }
  }
  if (key == nullptr) {
    ERR_clear_error();
    info.GetReturnValue().Set(Ascii(isolate, error));
    return;
  }
  Local<ArrayBuffer> handle;
  if (KeyHandle(isolate, key).ToLocal(&handle)) info.GetReturnValue().Set(handle);
}

// keyExport(key, format)
void KeyExport(const Args& info) {
  static constexpr char kOp[] = "keyExport";
  Isolate* isolate = info.GetIsolate();
  Name format_name;
  std::shared_ptr<Key> key = FromHandle<Key>(info[0]);
  if (key == nullptr) return ThrowBadArgument(isolate, kOp, 0, "a key");
  if (!format_name.Init(isolate, info[1])) return ThrowBadArgument(isolate, kOp, 1, "a format");
  Local<Value> value;
  if (format_name.view() == "secret") {
    if (key->family() != KeyFamily::kSecret) return ThrowBadArgument(isolate, kOp, 0, "a secret key");
    Octets copy;
    Local<ArrayBuffer> buffer;
    if (!copy.Copy(hooks.memory(isolate), key->secret())) return ThrowOutOfMemory(isolate);
    if (copy.ToV8(isolate).ToLocal(&buffer)) info.GetReturnValue().Set(buffer);
    return;
  }
  const auto format = FindFormat(format_name.view());
  if (!format) return ThrowBadArgument(isolate, kOp, 1, "a format");
  if (*format != KeyFormat::kParts) {
    std::string bytes;
    if (!ExportKey(*key, *format, &bytes)) {
      ERR_clear_error();
      return info.GetReturnValue().Set(Ascii(isolate, "The key has no such form."));
    }
    if (ToV8(isolate, bytes).ToLocal(&value)) info.GetReturnValue().Set(value);
    Wipe(&bytes);
    return;
  }
  std::vector<std::string> parts;
  if (!ExportParts(*key, &parts)) {
    ERR_clear_error();
    return info.GetReturnValue().Set(Ascii(isolate, "The key has no such form."));
  }
  v8::LocalVector<Value> values(isolate);
  for (std::string& part : parts) {
    if (!ToV8(isolate, part).ToLocal(&value)) return;
    values.push_back(value);
    Wipe(&part);
  }
  info.GetReturnValue().Set(Array::New(isolate, values.data(), values.size()));
}

// keyPublic(key)
void KeyPublic(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  std::shared_ptr<Key> key = FromHandle<Key>(info[0]);
  if (key == nullptr || key->family() == KeyFamily::kSecret)
    return ThrowBadArgument(isolate, "keyPublic", 0, "a private key");
  Local<ArrayBuffer> handle;
  if (KeyHandle(isolate, PublicKeyOf(*key)).ToLocal(&handle)) info.GetReturnValue().Set(handle);
}

// keyRsa(key)
void KeyRsa(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  std::shared_ptr<Key> key = FromHandle<Key>(info[0]);
  if (key == nullptr || key->family() != KeyFamily::kRsa) return ThrowBadArgument(isolate, "keyRsa", 0, "a key of RSA");
  Local<Value> facts[2] = {v8::Integer::NewFromUnsigned(isolate, key->rsa().bits), {}};
  if (ToV8(isolate, key->rsa().exponent).ToLocal(&facts[1])) info.GetReturnValue().Set(Array::New(isolate, facts, 2));
}

// timingSafeEqual(a, b): both of one length
void TimingSafeEqual(const Args& info) {
  Bytes a, b;
  if (!a.Init(info, 0, "timingSafeEqual") || !b.Init(info, 1, "timingSafeEqual")) return;
  info.GetReturnValue().Set(a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

// base64UrlEncode(bytes)
void Base64UrlEncodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Bytes bytes;
  if (!bytes.Init(info, 0, "base64UrlEncode")) return;
  std::string text = EncodeBase64Url(ToSpan(bytes).data, bytes.size());
  Local<String> value;
  if (DecodeLatin1(isolate, text.data(), text.size()).ToLocal(&value)) info.GetReturnValue().Set(value);
  Wipe(&text);
}

// base64UrlDecode(text)
void Base64UrlDecodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "base64UrlDecode", &text)) return;
  if (!text->IsOneByte() && !text->ContainsOnlyOneByte()) return;
  const size_t size = static_cast<size_t>(text->Length());
  Scratch<char, 1024> scratch(size);
  if (!scratch) return ThrowOutOfMemory(isolate);
  text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(size), reinterpret_cast<uint8_t*>(scratch.data()));
  std::string bytes;
  Local<Value> value;
  if (DecodeBase64Url({scratch.data(), size}, &bytes) && ToV8(isolate, bytes).ToLocal(&value))
    info.GetReturnValue().Set(value);
  Wipe(&bytes);
}

// A digest that grows piece by piece.
struct DigestState {
  static constexpr HandleKind kHandleKind = HandleKind::kDigest;
  std::optional<Hasher> hasher;
  std::optional<Checksum> checksum;
};

// digestOpen(name)
void DigestOpen(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Name name;
  if (!name.Init(isolate, info[0])) return;
  auto state = std::make_shared<DigestState>();
  if (const HashInfo* hash = FindHash(name.view())) {
    state->hasher.emplace(*hash);
  } else if (const Checksum::Kind kind = Checksum::Find(name.view()); kind != Checksum::Kind::kNone) {
    state->checksum.emplace(kind);
  } else {
    return;
  }
  Local<ArrayBuffer> handle;
  if (MakeHandle(isolate, std::move(state), sizeof(DigestState)).ToLocal(&handle)) info.GetReturnValue().Set(handle);
}

// digestWrite(digest, bytes)
void DigestWrite(const Args& info) {
  std::shared_ptr<DigestState> state = FromHandle<DigestState>(info[0]);
  if (state == nullptr) return ThrowBadArgument(info.GetIsolate(), "digestWrite", 0, "a digest");
  Bytes bytes;
  if (!bytes.Init(info, 1, "digestWrite")) return;
  if (state->hasher) state->hasher->Update(bytes.data(), bytes.size());
  if (state->checksum) state->checksum->Update(bytes.data(), bytes.size());
}

// digestClose(digest)
void DigestClose(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  std::shared_ptr<DigestState> state = FromHandle<DigestState>(info[0]);
  if (state == nullptr || (!state->hasher && !state->checksum))
    return ThrowBadArgument(isolate, "digestClose", 0, "an open digest");
  std::string sum(kHashSizeMax, '\0');
  auto* out = reinterpret_cast<uint8_t*>(sum.data());
  if (state->hasher) {
    sum.resize(state->hasher->info().size);
    state->hasher->Final(out);
    state->hasher.reset();
  } else {
    sum.resize(state->checksum->Final(out));
    state->checksum.reset();
  }
  Local<Value> value;
  if (ToV8(isolate, sum).ToLocal(&value)) info.GetReturnValue().Set(value);
}

// byteLength(bytes)
void ByteLengthOp(const Args& info) {
  Local<Value> value = info[0];
  size_t size = 0;
  if (value->IsArrayBufferView()) {
    size = value.As<v8::ArrayBufferView>()->ByteLength();
  } else if (value->IsArrayBuffer()) {
    size = value.As<ArrayBuffer>()->ByteLength();
  } else {
    return ThrowBadArgument(info.GetIsolate(), "byteLength", 0, "an ArrayBuffer or a view");
  }
  info.GetReturnValue().Set(static_cast<double>(size));
}

constexpr Op kOps[] = {
    {"cryptoRun", CryptoRun, 13},
    {"digest", DigestOp, 2},
    {"keyFromSecret", KeyFromSecret, 1},
    {"keyImport", KeyImport, 3},
    {"keyExport", KeyExport, 2},
    {"keyPublic", KeyPublic, 1},
    {"keyRsa", KeyRsa, 1},
    {"timingSafeEqual", TimingSafeEqual, 2},
    {"base64UrlEncode", Base64UrlEncodeOp, 1},
    {"base64UrlDecode", Base64UrlDecodeOp, 1},
    {"digestOpen", DigestOpen, 1},
    {"digestWrite", DigestWrite, 2},
    {"digestClose", DigestClose, 1},
    {"byteLength", ByteLengthOp, 1},
};

}  // namespace

void SetHooks(const Hooks& given) { hooks = given; }

}  // namespace crypto

std::span<const Op> CryptoOps() { return crypto::kOps; }

}  // namespace skerry
