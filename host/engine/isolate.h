// One V8 isolate with one context made from the startup snapshot. It knows the runtime layer's handlers but no worker
// yet: spare isolates are exactly this.
//
// Made, used and destroyed by one thread at a time; using it takes an IsolateLock.
#pragma once

#include <v8.h>

#include <memory>

#include "engine/lock.h"
#include "engine/platform.h"
#include "engine/task_runner.h"
#include "limits/buffer_allocator.h"

namespace skerry {

// The functions of the runtime layer that the host calls; order and names are those of Handlers in
// runtime/bootstrap/native.ts.
enum class Handler : uint8_t {
  kInit,
  kStart,
  kBuiltin,
  kFetch,
  kCancel,
  kEventKilled,
  kCallResult,
  kStreamData,
  kStreamEnd,
  kStreamError,
  kStreamCollected,
  kStreamCredit,
  kStreamCancelled,
  kSocketMessage,
  kSocketClosed,
  kSocketFlushed,
  kTimer,
  kPromiseReject,
  kRejectionsDue,
  kCount,
};
inline constexpr size_t kHandlerCount = static_cast<size_t>(Handler::kCount);
inline constexpr const char* kHandlerNames[kHandlerCount] = {
    "init",
    "start",
    "builtin",
    "fetch",
    "cancel",
    "eventKilled",
    "callResult",
    "streamData",
    "streamEnd",
    "streamError",
    "streamCollected",
    "streamCredit",
    "streamCancelled",
    "socketMessage",
    "socketClosed",
    "socketFlushed",
    "timer",
    "promiseReject",
    "rejectionsDue",
};

// What every isolate of the process is made of. Lives as long as the process.
struct IsolateTemplate {
  V8Platform* platform;
  v8::StartupData snapshot;
  const intptr_t* external_references;
};

class Isolate {
 public:
  // The isolate data slot that holds the WorkerInstance (or nothing) for operations.
  static constexpr uint32_t kOwnerSlot = 0;
  // Raised in the near-heap-limit callback so that V8 reaches the termination instead of aborting.
  static constexpr size_t kHeapHeadroom = size_t{1} << 30;
  // Stack that JavaScript may use on an executor thread.
  static constexpr size_t kStackBytes = 960u << 10;

  // Makes the isolate and its context on the calling thread and leaves it unlocked. memory_bytes bounds the JavaScript
  // heap and, apart from it, the ArrayBuffers.
  Isolate(const IsolateTemplate& from, size_t memory_bytes);
  ~Isolate();
  Isolate(const Isolate&) = delete;
  Isolate& operator=(const Isolate&) = delete;

  v8::Isolate* v8() const { return isolate_; }
  v8::Local<v8::Context> context(v8::Isolate* isolate) const { return context_.Get(isolate); }
  // Only while the isolate is held.
  v8::Local<v8::Function> HandlerFunction(v8::Isolate* isolate, Handler which) const {
    return handlers_[static_cast<size_t>(which)].Get(isolate);
  }
  BufferAllocator& buffers() { return *buffers_; }
  // For what may outlive the isolate.
  const std::shared_ptr<BufferAllocator>& shared_buffers() const { return buffers_; }
  TaskRunner& tasks() { return *tasks_; }
  size_t memory_bytes() const { return memory_bytes_; }

  // Set once the heap limit was reached: nothing more may run here.
  bool out_of_memory() const { return out_of_memory_; }
  // Whether all buffers together are more than the isolate may have. The allocator refuses those that it makes, and
  // memories of WebAssembly are charged to it (limits/wasm_memory.h); of resizable buffers V8 only tells the sum. For
  // the thread that holds the isolate.
  bool OverLimit() const;
  // Called when the heap limit is reached, on the thread that runs the isolate.
  void OnOutOfMemory(void (*callback)(void*), void* data) {
    on_out_of_memory_ = callback;
    on_out_of_memory_data_ = data;
  }

 private:
  static size_t NearHeapLimit(void* self, size_t current, size_t initial);

  const IsolateTemplate& from_;
  const size_t memory_bytes_;
  std::shared_ptr<BufferAllocator> buffers_;
  std::shared_ptr<TaskRunner> tasks_;
  std::unique_ptr<V8Platform::Registration> registration_;
  v8::Isolate* isolate_ = nullptr;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Function> handlers_[kHandlerCount];
  bool out_of_memory_ = false;
  void (*on_out_of_memory_)(void*) = nullptr;
  void* on_out_of_memory_data_ = nullptr;
};

}  // namespace skerry
