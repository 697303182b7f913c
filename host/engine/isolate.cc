#include "engine/isolate.h"

#include <stdio.h>
#include <stdlib.h>

namespace skerry {

namespace {

// The top of the stack is about here; what lies kStackBytes below is out of bounds for JavaScript.
uintptr_t StackLimitHere() {
  uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return here - Isolate::kStackBytes;
}

// Two threads in one isolate corrupt it in silence; better to end the process at once and be blamed for it.
void RequireLocked(v8::Isolate* isolate) {
  if (v8::Locker::IsLocked(isolate)) return;
  fprintf(stderr, "skerry host: an isolate was entered without its lock\n");
  abort();
}

}  // namespace

IsolateLock::IsolateLock(Isolate& isolate)
    : isolate_(isolate),
      v8_(isolate.v8()),
      locker_(v8_),
      isolate_scope_(v8_),
      handles_(v8_),
      context_(isolate.context(v8_)),
      context_scope_(context_),
      wasm_memory_(isolate.shared_buffers()) {
  RequireLocked(v8_);
  v8_->SetStackLimit(StackLimitHere());  // Isolates migrate between threads, and the limit is an address.
}

TeardownLock::TeardownLock(v8::Isolate* isolate) : locker_(isolate), scope_(isolate) { RequireLocked(isolate); }

Isolate::Isolate(const IsolateTemplate& from, size_t memory_bytes)
    : from_(from),
      memory_bytes_(memory_bytes),
      buffers_(std::make_shared<BufferAllocator>(memory_bytes)),
      tasks_(std::make_shared<TaskRunner>()) {
  isolate_ = v8::Isolate::Allocate();
  registration_ = from_.platform->Register(isolate_, tasks_);

  v8::Isolate::CreateParams params;
  params.snapshot_blob = &from_.snapshot;
  params.external_references = from_.external_references;
  params.array_buffer_allocator_shared = buffers_;
  params.allow_atomics_wait = false;
  params.constraints.ConfigureDefaultsFromHeapSize(0, memory_bytes);
  params.constraints.set_max_young_generation_size_in_bytes(8u << 20);
  v8::Locker locker(isolate_);
  v8::Isolate::Initialize(isolate_, params);

  v8::Isolate::Scope scope(isolate_);
  v8::HandleScope handles(isolate_);
  isolate_->SetStackLimit(StackLimitHere());
  isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  isolate_->SetCaptureStackTraceForUncaughtExceptions(true, 32);
  isolate_->AddNearHeapLimitCallback(&NearHeapLimit, this);
  isolate_->SetData(kOwnerSlot, nullptr);
  // Modules of the bundle are compiled by the host; bytes made at request time are not, as on the Workers platform.
  isolate_->SetAllowWasmCodeGenerationCallback([](v8::Local<v8::Context>, v8::Local<v8::String>) { return false; });

  v8::Local<v8::Context> context = v8::Context::New(isolate_);
  context->AllowCodeGenerationFromStrings(false);
  context->SetErrorMessageForCodeGenerationFromStrings(
      v8::String::NewFromUtf8Literal(isolate_, "Code generation from strings disallowed for this context"));
  for (size_t i = 0; i < kHandlerCount; i++) {
    v8::Local<v8::Function> function;
    if (context->GetDataFromSnapshotOnce<v8::Function>(i).ToLocal(&function)) handlers_[i].Reset(isolate_, function);
  }
  context_.Reset(isolate_, context);
}

Isolate::~Isolate() {
  tasks_->Close();
  {
    TeardownLock lock(isolate_);
    for (auto& handler : handlers_) handler.Reset();
    context_.Reset();
  }
  from_.platform->Dispose(isolate_);
}

bool Isolate::OverLimit() const {
  v8::HeapStatistics heap;
  isolate_->GetHeapStatistics(&heap);
  return heap.external_memory() > buffers_->limit();
}

size_t Isolate::NearHeapLimit(void* self, size_t current, size_t) {
  auto* isolate = static_cast<Isolate*>(self);
  // V8 also asks when it has collected as much as it can for memory that is not of the heap (a WebAssembly memory).
  // That fails with a RangeError, which is the worker's to handle.
  v8::HeapStatistics heap;
  isolate->isolate_->GetHeapStatistics(&heap);
  if (heap.used_heap_size() < current / 2) return current;
  isolate->out_of_memory_ = true;
  if (isolate->on_out_of_memory_ != nullptr) isolate->on_out_of_memory_(isolate->on_out_of_memory_data_);
  isolate->isolate_->TerminateExecution();
  return current + kHeapHeadroom;
}

}  // namespace skerry
