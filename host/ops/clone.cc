// structuredClone over v8::ValueSerializer. Contract: runtime/bootstrap/native.ts, "objects"; specification: HTML
// §2.7 (https://html.spec.whatwg.org/multipage/structured-data.html). Bytes never leave this call, so nothing here
// reads data of anybody else.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "args.h"
#include "op.h"

namespace skerry {
namespace {

using v8::Array;
using v8::ArrayBuffer;
using v8::CompiledWasmModule;
using v8::Context;
using v8::Function;
using v8::Integer;
using v8::Isolate;
using v8::Just;
using v8::Local;
using v8::LocalVector;
using v8::Maybe;
using v8::MaybeLocal;
using v8::Nothing;
using v8::Object;
using v8::SharedArrayBuffer;
using v8::String;
using v8::Undefined;
using v8::Value;
using v8::WasmModuleObject;

// The serialised form lives outside every limit of the isolate, and a string that is named n times is written n times.
// V8 doubles its buffer, so half of this always fits.
constexpr size_t kCloneBytesMax = 256 << 20;

// What the runtime layer gave for one call.
struct Callbacks {
  Local<Function> is_host;
  Local<Function> to_host;
  Local<Function> from_host;
  Local<Function> fail;
};

// Leaves an exception pending: fail's, or a TypeError if fail breaks its promise to throw.
void Fail(Isolate* isolate, const Callbacks& callbacks, Local<Value> message) {
  Local<Value> ignored;
  if (callbacks.fail->Call(isolate->GetCurrentContext(), Undefined(isolate), 1, &message).ToLocal(&ignored))
    ThrowTypeError(isolate, "structuredClone: fail did not throw");
}

class Writer final : public v8::ValueSerializer::Delegate {
 public:
  Writer(Isolate* isolate, const Callbacks& callbacks)
      : isolate_(isolate),
        callbacks_(callbacks),
        plain_(Object::New(isolate)->GetPrototypeV2()),
        serializer_(isolate, this) {}

  v8::ValueSerializer& serializer() { return serializer_; }
  // What toHost gave for each platform object, in the order in which they were met.
  const std::vector<uint32_t>& hosts() const { return hosts_; }
  const std::vector<CompiledWasmModule>& modules() const { return modules_; }

  void ThrowDataCloneError(Local<String> message) override { Fail(isolate_, callbacks_, message); }

  bool HasCustomHostObject(Isolate*) override { return true; }

  Maybe<bool> IsHostObject(Isolate* isolate, Local<Object> object) override {
    // Most objects have Object.prototype as their prototype, and no platform object has: no need to ask JavaScript.
    if (object->GetPrototypeV2() == plain_) return Just(false);
    Local<Value> argument = object, answer;
    if (!callbacks_.is_host->Call(isolate->GetCurrentContext(), Undefined(isolate), 1, &argument).ToLocal(&answer))
      return Nothing<bool>();
    return Just(answer->IsTrue());
  }

  Maybe<bool> WriteHostObject(Isolate* isolate, Local<Object> object) override {
    Local<Value> argument = object, answer;
    if (!callbacks_.to_host->Call(isolate->GetCurrentContext(), Undefined(isolate), 1, &argument).ToLocal(&answer))
      return Nothing<bool>();
    if (!answer->IsUint32()) {
      ThrowTypeError(isolate, "structuredClone: toHost gave no index");
      return Nothing<bool>();
    }
    serializer_.WriteUint32(static_cast<uint32_t>(hosts_.size()));
    hosts_.push_back(answer.As<v8::Uint32>()->Value());
    return Just(true);
  }

  Maybe<uint32_t> GetSharedArrayBufferId(Isolate* isolate, Local<SharedArrayBuffer>) override {
    Fail(isolate, callbacks_, Ascii(isolate, "#<SharedArrayBuffer> could not be cloned."));
    return Nothing<uint32_t>();
  }

  Maybe<uint32_t> GetWasmModuleTransferId(Isolate*, Local<WasmModuleObject> module) override {
    modules_.push_back(module->GetCompiledModule());  // The handle dies with the serialiser's scope.
    return Just(static_cast<uint32_t>(modules_.size() - 1));
  }

  bool AdoptSharedValueConveyor(Isolate* isolate, v8::SharedValueConveyor&&) override {
    Fail(isolate, callbacks_, Ascii(isolate, "A shared value could not be cloned."));
    return false;
  }

  void* ReallocateBufferMemory(void* old, size_t size, size_t* actual) override {
    if (size > kCloneBytesMax) return nullptr;
    *actual = size;
    return std::realloc(old, size);
  }

  void FreeBufferMemory(void* buffer) override { std::free(buffer); }

 private:
  Isolate* isolate_;
  const Callbacks& callbacks_;
  std::vector<CompiledWasmModule> modules_;
  std::vector<uint32_t> hosts_;
  const Local<Value> plain_;        // Object.prototype. Not made later: the serialiser's own scopes end before it.
  v8::ValueSerializer serializer_;  // Last: its constructor asks the delegate.
};

class Reader final : public v8::ValueDeserializer::Delegate {
 public:
  Reader(Isolate* isolate, const Writer& writer, const uint8_t* data, size_t size)
      : modules_(writer.modules()), copies_(isolate), deserializer_(isolate, data, size, this) {}

  v8::ValueDeserializer& deserializer() { return deserializer_; }

  // Makes the copies of platform objects. Before reading: V8 allows no JavaScript among half-made objects.
  bool MakeCopies(Isolate* isolate, const Callbacks& callbacks, const std::vector<uint32_t>& hosts) {
    for (uint32_t index : hosts) {
      Local<Value> argument = Integer::NewFromUnsigned(isolate, index), answer;
      if (!callbacks.from_host->Call(isolate->GetCurrentContext(), Undefined(isolate), 1, &argument).ToLocal(&answer))
        return false;
      if (!answer->IsObject()) {
        ThrowTypeError(isolate, "structuredClone: fromHost gave no object");
        return false;
      }
      copies_.push_back(answer.As<Object>());
    }
    return true;
  }

  MaybeLocal<Object> ReadHostObject(Isolate*) override {
    uint32_t number;
    if (!deserializer_.ReadUint32(&number) || number >= copies_.size()) return {};
    return copies_[number];
  }

  // A module object of its own over the same compiled code.
  MaybeLocal<WasmModuleObject> GetWasmModuleFromId(Isolate* isolate, uint32_t id) override {
    if (id >= modules_.size()) return {};
    return WasmModuleObject::FromCompiledModule(isolate, modules_[id]);
  }

 private:
  const std::vector<CompiledWasmModule>& modules_;
  LocalVector<Object> copies_;
  v8::ValueDeserializer deserializer_;
};

// Reads the transfer list; false with an exception pending if it is not one, or names a buffer twice.
bool ReadTransfer(Isolate* isolate, const Callbacks& callbacks, Local<Array> list, LocalVector<ArrayBuffer>* out) {
  Local<Context> context = isolate->GetCurrentContext();
  uint32_t count = list->Length();
  std::vector<std::pair<int, uint32_t>> hashes;
  for (uint32_t i = 0; i < count; i++) {
    Local<Value> item;
    if (!list->Get(context, i).ToLocal(&item)) return false;
    if (!item->IsArrayBuffer()) {
      ThrowBadArgument(isolate, "structuredClone", 1, "an array of ArrayBuffers");
      return false;
    }
    out->push_back(item.As<ArrayBuffer>());
    if (count > 1) hashes.emplace_back(out->back()->GetIdentityHash(), i);
  }
  std::sort(hashes.begin(), hashes.end());
  for (size_t i = 1; i < hashes.size(); i++) {
    for (size_t j = i; j-- > 0 && hashes[j].first == hashes[i].first;) {
      if (!(*out)[hashes[i].second]->StrictEquals((*out)[hashes[j].second])) continue;
      Fail(isolate, callbacks, Ascii(isolate, "An ArrayBuffer is in the transfer list twice."));
      return false;
    }
  }
  return true;
}

// Moves the contents of each buffer to a new one. All are checked before any is detached.
bool Transfer(Isolate* isolate, const Callbacks& callbacks, const LocalVector<ArrayBuffer>& buffers,
              v8::ValueDeserializer* deserializer) {
  for (Local<ArrayBuffer> buffer : buffers) {
    if (buffer->WasDetached()) {
      Fail(isolate, callbacks, Ascii(isolate, "An ArrayBuffer is detached and could not be cloned."));
      return false;
    }
    if (!buffer->IsDetachable() || buffer->IsImmutable()) {
      ThrowTypeError(isolate, "An ArrayBuffer in the transfer list cannot be detached");
      return false;
    }
  }
  uint32_t id = 0;
  for (Local<ArrayBuffer> buffer : buffers) {
    std::shared_ptr<v8::BackingStore> store = buffer->GetBackingStore();
    if (buffer->Detach(Local<Value>()).IsNothing()) return false;
    deserializer->TransferArrayBuffer(id++, ArrayBuffer::New(isolate, std::move(store)));
  }
  return true;
}

struct Free {
  void operator()(uint8_t* data) const { std::free(data); }
};

void StructuredCloneOp(const Args& info) {
  static constexpr char kName[] = "structuredClone";
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  Local<Value> value = info[0];
  Callbacks callbacks;
  if (!info[1]->IsArray()) return ThrowBadArgument(isolate, kName, 1, "an array of ArrayBuffers");
  if (!FunctionArg(info, 2, kName, &callbacks.is_host) || !FunctionArg(info, 3, kName, &callbacks.to_host) ||
      !FunctionArg(info, 4, kName, &callbacks.from_host) || !FunctionArg(info, 5, kName, &callbacks.fail))
    return;
  LocalVector<ArrayBuffer> transfer(isolate);
  if (!ReadTransfer(isolate, callbacks, info[1].As<Array>(), &transfer)) return;
  if (transfer.empty() && value->IsPrimitive() && !value->IsSymbol()) return info.GetReturnValue().Set(value);

  Writer writer(isolate, callbacks);
  for (uint32_t i = 0; i < transfer.size(); i++) writer.serializer().TransferArrayBuffer(i, transfer[i]);
  writer.serializer().WriteHeader();
  if (writer.serializer().WriteValue(context, value).IsNothing()) return;
  std::pair<uint8_t*, size_t> released = writer.serializer().Release();
  std::unique_ptr<uint8_t, Free> data(released.first);

  Reader reader(isolate, writer, data.get(), released.second);
  if (!Transfer(isolate, callbacks, transfer, &reader.deserializer())) return;
  if (!reader.MakeCopies(isolate, callbacks, writer.hosts())) return;
  Local<Value> copy;
  if (reader.deserializer().ReadHeader(context).IsNothing()) return;
  if (reader.deserializer().ReadValue(context).ToLocal(&copy)) info.GetReturnValue().Set(copy);
}

constexpr Op kOps[] = {{"structuredClone", StructuredCloneOp, 6}};

}  // namespace

std::span<const Op> CloneOps() { return kOps; }

}  // namespace skerry
