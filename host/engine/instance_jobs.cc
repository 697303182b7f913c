// Jobs of an event: what is too long for an executor.
#include <algorithm>
#include <utility>

#include "engine/host.h"
#include "engine/instance.h"
#include "engine/text.h"

namespace skerry {

using v8::Local;

int64_t WorkerInstance::StartJob(uint32_t event_id, std::shared_ptr<Job> job) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return kJobWithoutEvent;
  // A message of a WebSocket has the whole limit for itself, and so have its jobs.
  if (event->job_budget == nullptr || event->job_base_ns != event->cpu_base_ns) {
    const uint64_t limit = worker_->cpu_limit_ns, used = event->cpu_ns - event->cpu_base_ns;
    event->job_base_ns = event->cpu_base_ns;
    event->job_budget = std::make_shared<JobBudget>();
    event->job_budget->left_ns = limit > used ? static_cast<int64_t>(limit - used) : 0;
  }
  while (next_job_ == 0 || jobs_.contains(next_job_)) next_job_++;
  const uint32_t id = next_job_++;
  auto ticket = std::make_shared<JobTicket>();
  ticket->job = std::move(job);
  ticket->budget = event->job_budget;
  ticket->worker = worker_->id;
  ticket->event = event_id;
  ticket->done = [host = &host_, weak = weak_from_this(), id] {
    if (auto self = weak.lock()) host->PostJob(self, id);
  };
  if (!host_.jobs().Submit(this, ticket)) return kTooManyJobs;
  jobs_[id] = {.event = event_id, .ticket = std::move(ticket), .resolver = {}};
  event->jobs.push_back(id);
  return id;
}

v8::MaybeLocal<v8::Promise> WorkerInstance::JobPromise(uint32_t id) {
  v8::Isolate* isolate = isolate_->v8();
  auto found = jobs_.find(id);
  Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(isolate->GetCurrentContext()).ToLocal(&resolver)) return {};
  if (found != jobs_.end()) found->second.resolver.Reset(isolate, resolver);
  return resolver->GetPromise();
}

void WorkerInstance::DropJobs(EventRecord& event) {
  for (uint32_t id : event.jobs) {
    auto found = jobs_.find(id);
    if (found == jobs_.end()) continue;
    found->second.ticket->canceled = true;
    jobs_.erase(found);
  }
  event.jobs.clear();
}

bool WorkerInstance::BillJob(const IsolateLock& lock, uint32_t id) {
  auto found = jobs_.find(id);
  if (found == jobs_.end()) return false;
  EventRecord* event = FindEvent(found->second.event);
  if (event == nullptr) return false;
  event->cpu_ns += found->second.ticket->cpu_ns;
  if (!found->second.ticket->exceeded && event->cpu_ns - event->cpu_base_ns <= worker_->cpu_limit_ns) return true;
  KillEvent(lock, *event, wire::Outcome::exceededCpu, kCpuMessage, true);
  return false;
}

void WorkerInstance::DispatchJob(const IsolateLock& lock, Mail& mail) {
  v8::Isolate* isolate = lock.v8();
  auto found = jobs_.find(mail.id);
  if (found == jobs_.end()) return;
  const JobRecord record = std::move(found->second);
  jobs_.erase(found);
  if (EventRecord* event = FindEvent(record.event)) std::erase(event->jobs, mail.id);
  if (record.resolver.IsEmpty()) return;
  Local<v8::Promise::Resolver> resolver = record.resolver.Get(isolate);
  v8::TryCatch failed(isolate);
  Local<v8::Value> value;
  if (!record.ticket->job->Result(isolate).ToLocal(&value)) {
    if (failed.HasCaught() && !failed.HasTerminated()) {
      Local<v8::Value> exception = failed.Exception();
      failed.Reset();
      resolver->Reject(lock.context(), exception).FromMaybe(false);
    }
    return;
  }
  // In an object without a prototype: resolving a promise with anything else asks it, and so the worker, for a `then`.
  Local<v8::Name> name = v8::String::NewFromUtf8Literal(isolate, "value", v8::NewStringType::kInternalized);
  Local<v8::Object> box = v8::Object::New(isolate, v8::Null(isolate), &name, &value, 1);
  resolver->Resolve(lock.context(), box).FromMaybe(false);
}

}  // namespace skerry
