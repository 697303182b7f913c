// Cryptographic jobs: what the leaf operations of ops/crypto need of the engine.

#include "ops/crypto/hooks.h"
#include "ops/host_ops.h"

namespace skerry {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

// An operation that costs more, about a signature with an RSA key of 2048 bits, does not hold an executor.
constexpr uint64_t kInlineCostMaxNs = 1'500'000;

crypto::Memory MemoryOf(v8::Isolate* isolate) {
  WorkerInstance* instance = WorkerInstance::From(isolate);
  if (instance == nullptr) return {isolate->GetArrayBufferAllocator(), nullptr};
  std::shared_ptr<BufferAllocator> buffers = instance->isolate().shared_buffers();
  return {buffers.get(), buffers};
}

static_assert(crypto::kEventEnded == WorkerInstance::kJobWithoutEvent);
static_assert(crypto::kTooManyJobs == WorkerInstance::kTooManyJobs);

int64_t Submit(v8::Isolate* isolate, uint32_t event, std::shared_ptr<Job> job) {
  WorkerInstance* instance = WorkerInstance::From(isolate);
  return instance == nullptr ? crypto::kEventEnded : instance->StartJob(event, std::move(job));
}

// cryptoJob(job)
void CryptoJob(const Info& info) {
  WorkerInstance* instance = Caller(info);
  if (instance == nullptr) return;
  v8::Local<v8::Promise> promise;
  if (instance->JobPromise(Uint(info, 0)).ToLocal(&promise)) info.GetReturnValue().Set(promise);
}

constexpr Op kOps[] = {{"cryptoJob", &CryptoJob, 1}};

}  // namespace

std::span<const Op> JobOps() {
  crypto::SetHooks({.memory = &MemoryOf, .submit = &Submit, .inline_cost_max = kInlineCostMaxNs});
  return kOps;
}

}  // namespace skerry
