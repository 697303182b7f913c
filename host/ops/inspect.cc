// What V8 knows about a value, whatever its prototype and properties say; and buffers. No user code runs here.
// Contract: runtime/bootstrap/native.ts, "objects".
#include <memory>
#include <utility>

#include "args.h"
#include "op.h"

namespace skerry {
namespace {

using v8::Array;
using v8::ArrayBuffer;
using v8::Boolean;
using v8::Function;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::NewStringType;
using v8::Object;
using v8::Promise;
using v8::Proxy;
using v8::String;
using v8::Undefined;
using v8::Value;

void ReturnPair(const Args& info, Local<Value> first, Local<Value> second) {
  Local<Value> pair[] = {first, second};
  info.GetReturnValue().Set(Array::New(info.GetIsolate(), pair, 2));
}

void PromiseStateOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsPromise()) return ThrowBadArgument(isolate, "promiseState", 0, "a promise");
  Local<Promise> promise = info[0].As<Promise>();
  Promise::PromiseState state = promise->State();
  Local<Value> value = Undefined(isolate);
  if (state != Promise::kPending) value = promise->Result();
  int number = state == Promise::kPending ? 0 : state == Promise::kFulfilled ? 1 : 2;
  ReturnPair(info, Integer::New(isolate, number), value);
}

void ProxyPartsOp(const Args& info) {
  if (!info[0]->IsProxy()) return;
  Local<Proxy> proxy = info[0].As<Proxy>();
  ReturnPair(info, proxy->GetTarget(), proxy->GetHandler());
}

void PreviewEntriesOp(const Args& info) {
  if (!info[0]->IsObject()) return;
  bool is_key_value = false;
  Local<Array> entries;
  if (info[0].As<Object>()->PreviewEntries(&is_key_value).ToLocal(&entries))
    ReturnPair(info, entries, Boolean::New(info.GetIsolate(), is_key_value));
}

// The order matters where V8's questions overlap: a proxy is nothing else, an async generator function is both.
const char* Tag(Local<Value> v) {
  if (v->IsProxy()) return "Proxy";
  if (v->IsArrayBufferView()) {
    if (v->IsUint8Array()) return "Uint8Array";
    if (v->IsDataView()) return "DataView";
    if (v->IsUint8ClampedArray()) return "Uint8ClampedArray";
    if (v->IsInt8Array()) return "Int8Array";
    if (v->IsUint16Array()) return "Uint16Array";
    if (v->IsInt16Array()) return "Int16Array";
    if (v->IsUint32Array()) return "Uint32Array";
    if (v->IsInt32Array()) return "Int32Array";
    if (v->IsFloat16Array()) return "Float16Array";
    if (v->IsFloat32Array()) return "Float32Array";
    if (v->IsFloat64Array()) return "Float64Array";
    if (v->IsBigInt64Array()) return "BigInt64Array";
    if (v->IsBigUint64Array()) return "BigUint64Array";
  }
  if (v->IsArrayBuffer()) return "ArrayBuffer";
  if (v->IsSharedArrayBuffer()) return "SharedArrayBuffer";
  if (v->IsFunction()) {
    if (v->IsAsyncFunction()) return v->IsGeneratorFunction() ? "AsyncGeneratorFunction" : "AsyncFunction";
    if (v->IsGeneratorFunction()) return "GeneratorFunction";
    return "Object";
  }
  if (v->IsArray()) return "Object";
  if (v->IsPromise()) return "Promise";
  if (v->IsNativeError()) return "NativeError";
  if (v->IsMap()) return "Map";
  if (v->IsSet()) return "Set";
  if (v->IsDate()) return "Date";
  if (v->IsRegExp()) return "RegExp";
  if (v->IsWeakMap()) return "WeakMap";
  if (v->IsWeakSet()) return "WeakSet";
  if (v->IsWeakRef()) return "WeakRef";
  if (v->IsMapIterator()) return "MapIterator";
  if (v->IsSetIterator()) return "SetIterator";
  if (v->IsGeneratorObject()) return "Generator";
  if (v->IsArgumentsObject()) return "Arguments";
  if (v->IsStringObject() || v->IsNumberObject() || v->IsBooleanObject() || v->IsSymbolObject() || v->IsBigIntObject())
    return "Boxed";
  if (v->IsModuleNamespaceObject()) return "ModuleNamespace";
  if (v->IsWasmModuleObject()) return "WasmModule";
  if (v->IsWasmMemoryObject()) return "WasmMemory";
  if (v->IsExternal()) return "External";
  return "Object";
}

void TypeTagOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  info.GetReturnValue().Set(String::NewFromUtf8(isolate, Tag(info[0]), NewStringType::kInternalized).ToLocalChecked());
}

void ConstructorNameOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsObject()) return ThrowBadArgument(isolate, "constructorName", 0, "an object");
  info.GetReturnValue().Set(info[0].As<Object>()->GetConstructorName());
}

// Functions of the runtime layer are those of its one script; builtins, bound functions and proxies have none.
void PlatformSourceOp(const Args& info) {
  if (!info[0]->IsFunction()) return;
  Isolate* isolate = info.GetIsolate();
  Local<Function> function = info[0].As<Function>();
  Local<Value> script = function->GetScriptOrigin().ResourceName();
  if (script.IsEmpty() || !script->StrictEquals(String::NewFromUtf8Literal(isolate, kRuntimeScript))) return;
  Local<Value> name = function->GetName();
  Local<String> text = String::NewFromUtf8Literal(isolate, "function ");
  if (name->IsString()) text = String::Concat(isolate, text, name.As<String>());
  info.GetReturnValue().Set(String::Concat(isolate, text, String::NewFromUtf8Literal(isolate, "() { [native code] }")));
}

void IsDetachedOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsArrayBuffer()) return ThrowBadArgument(isolate, "isDetached", 0, "an ArrayBuffer");
  info.GetReturnValue().Set(info[0].As<ArrayBuffer>()->WasDetached());
}

void TransferBufferOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsArrayBuffer()) return ThrowBadArgument(isolate, "transferBuffer", 0, "an ArrayBuffer");
  Local<ArrayBuffer> buffer = info[0].As<ArrayBuffer>();
  if (buffer->WasDetached()) return ThrowTypeError(isolate, "The ArrayBuffer is detached");
  if (!buffer->IsDetachable() || buffer->IsImmutable())
    return ThrowTypeError(isolate, "The ArrayBuffer cannot be detached");
  std::shared_ptr<v8::BackingStore> store = buffer->GetBackingStore();
  if (buffer->Detach(Local<Value>()).IsNothing()) return;  // A TypeError is pending.
  info.GetReturnValue().Set(ArrayBuffer::New(isolate, std::move(store)));
}

constexpr Op kOps[] = {
    {"promiseState", PromiseStateOp, 1},       {"proxyParts", ProxyPartsOp, 1},
    {"previewEntries", PreviewEntriesOp, 1},   {"typeTag", TypeTagOp, 1},
    {"constructorName", ConstructorNameOp, 1}, {"isDetached", IsDetachedOp, 1},
    {"transferBuffer", TransferBufferOp, 1},   {"platformSource", PlatformSourceOp, 1},
};

}  // namespace

std::span<const Op> InspectOps() { return kOps; }

}  // namespace skerry
