// Microtasks, the async frame, and what code may do.

#include "ops/host_ops.h"
#include "snapshot/handlers.h"

namespace skerry {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

void SetHandlers(const Info& info) { RegisterHandlers(info.GetIsolate(), info[0]); }

void EnqueueMicrotask(const Info& info) {
  if (info[0]->IsFunction()) info.GetIsolate()->EnqueueMicrotask(info[0].As<v8::Function>());
}

void GetAsyncFrame(const Info& info) {
  v8::Local<v8::Data> frame = info.GetIsolate()->GetContinuationPreservedEmbedderDataV2();
  if (!frame.IsEmpty() && frame->IsValue()) info.GetReturnValue().Set(frame.As<v8::Value>());
}

void SetAsyncFrame(const Info& info) { info.GetIsolate()->SetContinuationPreservedEmbedderDataV2(info[0]); }

void MarkHandled(const Info& info) {
  if (info[0]->IsPromise()) info[0].As<v8::Promise>()->MarkAsHandled();
}

void IsHandled(const Info& info) {
  info.GetReturnValue().Set(info[0]->IsPromise() && info[0].As<v8::Promise>()->HasHandler());
}

void AllowWasmFromBytes(const Info& info) {
  if (WorkerInstance* instance = Caller(info)) instance->AllowWasmFromBytes();
}

constexpr Op kOps[] = {
    {"setHandlers", &SetHandlers, 1},
    {"enqueueMicrotask", &EnqueueMicrotask, 1},
    {"getAsyncFrame", &GetAsyncFrame, 0},
    {"setAsyncFrame", &SetAsyncFrame, 1},
    {"markHandled", &MarkHandled, 1},
    {"isHandled", &IsHandled, 1},
    {"allowWasmFromBytes", &AllowWasmFromBytes, 0},
};

}  // namespace

std::span<const Op> TaskOps() { return kOps; }

}  // namespace skerry
