// The proof that the calling thread holds an isolate. Everything that touches V8 takes an IsolateLock&, and the only
// way to get one is to enter.
#pragma once

#include <v8.h>

#include "limits/wasm_memory.h"

namespace skerry {

class Isolate;

// Members stand in the order of entry; leaving is the reverse.
class IsolateLock {
 public:
  explicit IsolateLock(Isolate& isolate);
  IsolateLock(const IsolateLock&) = delete;
  IsolateLock& operator=(const IsolateLock&) = delete;

  v8::Isolate* v8() const { return v8_; }
  v8::Local<v8::Context> context() const { return context_; }
  Isolate& isolate() const { return isolate_; }

 private:
  Isolate& isolate_;
  v8::Isolate* const v8_;
  v8::Locker locker_;
  v8::Isolate::Scope isolate_scope_;
  v8::HandleScope handles_;
  v8::Local<v8::Context> context_;
  v8::Context::Scope context_scope_;
  WasmMemoryOwner wasm_memory_;
};

// The proof that the calling thread holds an isolate whose context is about to go: enough to dispose, not to run.
class TeardownLock {
 public:
  explicit TeardownLock(v8::Isolate* isolate);
  TeardownLock(const TeardownLock&) = delete;
  TeardownLock& operator=(const TeardownLock&) = delete;

 private:
  v8::Locker locker_;
  v8::Isolate::Scope scope_;
};

}  // namespace skerry
