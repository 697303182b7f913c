// Tables of the operations that need the engine: events, streams, sockets, time, tasks. See op.h.
#pragma once

#include "engine/instance.h"
#include "ops/op.h"

namespace skerry {

std::span<const Op> EventOps();
std::span<const Op> StreamOps();
std::span<const Op> SocketOps();
std::span<const Op> TimeOps();
std::span<const Op> TaskOps();
std::span<const Op> JobOps();

// All operations, in the order of the snapshot's external references.
const std::vector<Op>& AllOps();

// The instance that the running code belongs to. Null while the snapshot is built: operations then do nothing, so that
// the runtime layer may rehearse a request, and the code of it is in the snapshot.
inline WorkerInstance* Caller(const v8::FunctionCallbackInfo<v8::Value>& info) {
  return WorkerInstance::From(info.GetIsolate());
}
inline uint32_t Uint(const v8::FunctionCallbackInfo<v8::Value>& info, int index) {
  v8::Local<v8::Value> value = info[index];
  return value->IsUint32() ? value.As<v8::Uint32>()->Value() : 0;
}

// Appends a string field of the wire (u32 length, then bytes) straight from V8.
void AppendUtf8(v8::Isolate* isolate, std::string& out, v8::Local<v8::Value> value, size_t max_bytes);
void AppendLatin1(v8::Isolate* isolate, std::string& out, v8::Local<v8::Value> value);
// A copy of a string as UTF-8; empty if it is none.
std::string ToUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value);

}  // namespace skerry
