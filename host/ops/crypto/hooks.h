// What the cryptographic operations need of the engine. Without an engine, as in the unit tests, every operation runs
// at once and memory is the isolate's own.
#pragma once

#include <v8.h>

#include <cstdint>
#include <memory>

#include "engine/job.h"
#include "ops/crypto/octets.h"

namespace skerry::crypto {

// What Submit gives instead of the number of a job.
inline constexpr int64_t kEventEnded = 0;
inline constexpr int64_t kTooManyJobs = -1;

struct Hooks {
  Memory (*memory)(v8::Isolate* isolate);
  // Puts the job into the queue on behalf of an event. Returns its number, or one of the above.
  int64_t (*submit)(v8::Isolate* isolate, uint32_t event, std::shared_ptr<Job> job);
  // Operations that cost more nanoseconds become jobs.
  uint64_t inline_cost_max;
};

// Once, before any isolate exists.
void SetHooks(const Hooks& hooks);

}  // namespace skerry::crypto
