// What waits for an isolate: one item is one delivery. Made by the thread that reads the socket, by timers and by
// tasks; consumed by the executor that holds the isolate.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace skerry {

struct FreeBytes {
  void operator()(uint8_t* bytes) const { free(bytes); }
};

struct Mail {
  enum class Kind : uint8_t {
    kFetch,         // id: event. payload: the message.
    kCancel,        // id: event. number: reason.
    kCallResult,    // id: call. payload: the message.
    kStreamData,    // id: stream. bytes, size.
    kStreamEnd,     // id: stream.
    kStreamReset,   // id: stream. payload: the message.
    kStreamCancel,  // id: stream. payload: the message.
    kStreamCredit,  // id: stream. number: bytes.
    kSocketData,    // id: socket. number: whether it is the last piece of a message. bytes, size: the message.
    kSocketClose,   // id: socket. payload: the message.
    kSocketCredit,  // id: socket. number: bytes.
    kTimer,         // id: the runtime layer's timer. number: the scheduler's key, to tell a stale one.
    kTasks,         // V8 has foreground tasks.
    kJob,           // id: a job that is done.
    kCodeCache,     // Time to make the code caches.
  };
  Kind kind;
  uint32_t id = 0;
  uint64_t number = 0;
  std::string payload{};
  std::unique_ptr<uint8_t, FreeBytes> bytes{};
  size_t size = 0;
};

}  // namespace skerry
