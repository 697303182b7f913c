// The leaf operations as a Node addon of their own, so that `node --test` can try each of them in Node's isolate.
// Only for tests; host/addon.cc is the real thing.
//
// Cryptographic operations on behalf of an event become jobs here whatever they cost, and run on a thread when their
// result is asked for: what a job points to must be its own.
#include <node.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "../ops/crypto/hooks.h"
#include "../ops/op.h"

using v8::Context;
using v8::Function;
using v8::FunctionCallbackInfo;
using v8::Isolate;
using v8::Local;
using v8::Name;
using v8::Object;
using v8::Promise;
using v8::String;
using v8::Value;

namespace {

// Never destroyed: at exit the allocator of what is in it has gone.
auto& jobs = *new std::vector<std::shared_ptr<skerry::Job>>;
bool stop_jobs = false;

class Control final : public skerry::WorkControl {
 public:
  bool Continue() override { return !stop_jobs; }
};

// cryptoJob(job): as in the host, but nothing happens before
void CryptoJob(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  const std::shared_ptr<skerry::Job> job = std::move(jobs.at(info[0].As<v8::Uint32>()->Value() - 1));
  std::thread([&] {
    Control control;
    job->Run(control);
  }).join();
  Local<Value> value;
  if (!job->Result(isolate).ToLocal(&value)) return;
  Local<Name> name = String::NewFromUtf8Literal(isolate, "value");
  Local<Object> box = Object::New(isolate, v8::Null(isolate), &name, &value, 1);
  Local<Promise::Resolver> resolver = Promise::Resolver::New(context).ToLocalChecked();
  resolver->Resolve(context, box).Check();
  info.GetReturnValue().Set(resolver->GetPromise());
}

// stopJobs(whether): jobs are told to stop at the first opportunity
void StopJobs(const FunctionCallbackInfo<Value>& info) { stop_jobs = info[0]->IsTrue(); }

}  // namespace

extern "C" NODE_MODULE_EXPORT void NODE_MODULE_INITIALIZER(Local<Object> exports, Local<Value>,
                                                           Local<Context> context) {
  Isolate* isolate = Isolate::GetCurrent();
  skerry::crypto::SetHooks({.memory = [](Isolate* i) -> skerry::crypto::Memory {
                              return {i->GetArrayBufferAllocator(), nullptr};
                            },
                            .submit = [](Isolate*, uint32_t, std::shared_ptr<skerry::Job> job) -> int64_t {
                              jobs.push_back(std::move(job));
                              return static_cast<int64_t>(jobs.size());
                            },
                            .inline_cost_max = 0});
  const auto add = [&](const char* name, v8::FunctionCallback callback, int length) {
    Local<Function> function = Function::New(context, callback, Local<Value>(), length).ToLocalChecked();
    exports->Set(context, String::NewFromUtf8(isolate, name).ToLocalChecked(), function).Check();
  };
  for (auto table : {skerry::TextOps, skerry::DecodeOps, skerry::CodecOps, skerry::UrlOps, skerry::RandomOps,
                     skerry::CryptoOps, skerry::CloneOps, skerry::InspectOps, skerry::HtmlOps}) {
    for (const skerry::Op& op : table()) add(op.name, op.function, op.length);
  }
  add("cryptoJob", CryptoJob, 1);
  add("stopJobs", StopJobs, 1);
}
