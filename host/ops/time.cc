// Clocks and timers.

#include "ops/host_ops.h"

namespace skerry {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

void Now(const Info& info) {
  WorkerInstance* instance = Caller(info);
  info.GetReturnValue().Set(instance == nullptr ? 0 : instance->NowMs());
}

void Monotonic(const Info& info) {
  WorkerInstance* instance = Caller(info);
  info.GetReturnValue().Set(instance == nullptr ? 0 : instance->MonotonicMs());
}

// timerStart(event, id, delay)
void TimerStart(const Info& info) {
  const double delay = info[2]->IsNumber() ? info[2].As<v8::Number>()->Value() : 0;
  if (WorkerInstance* instance = Caller(info)) instance->StartTimer(Uint(info, 0), Uint(info, 1), delay);
}

void TimerCancel(const Info& info) {
  if (WorkerInstance* instance = Caller(info)) instance->StopTimer(Uint(info, 0));
}

constexpr Op kOps[] = {
    {"now", &Now, 0},
    {"monotonic", &Monotonic, 0},
    {"timerStart", &TimerStart, 3},
    {"timerCancel", &TimerCancel, 1},
};

}  // namespace

std::span<const Op> TimeOps() { return kOps; }

}  // namespace skerry
