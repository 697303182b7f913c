// CPU and wall clocks. Any thread.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cstdint>

namespace skerry {

inline uint64_t ReadClock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

// Nanoseconds of a clock that never goes back.
inline uint64_t MonotonicNs() { return ReadClock(CLOCK_MONOTONIC); }

// Nanoseconds of CPU, user and system, that the calling thread has used.
inline uint64_t ThreadCpuNs() { return ReadClock(CLOCK_THREAD_CPUTIME_ID); }

// Milliseconds since the epoch, fractional.
inline double WallMs() { return static_cast<double>(ReadClock(CLOCK_REALTIME)) / 1e6; }

}  // namespace skerry
