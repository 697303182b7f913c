// What an event has under way outside its isolate: calls, streams, timers.
#include <algorithm>
#include <utility>

#include "engine/host.h"
#include "engine/instance.h"
#include "engine/text.h"
#include "limits/cpu_clock.h"

namespace skerry {

uint32_t WorkerInstance::OpenCall(uint32_t event_id, uint32_t upload) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return 0;
  const uint32_t id = host_.RouteCall(shared_from_this());
  calls_[id] = event_id;
  event->calls.push_back(id);
  if (StreamRecord* stream = upload == 0 ? nullptr : FindStream(upload); stream != nullptr && stream->inbound) {
    CloseStream(upload);  // Spliced.
  }
  return id;
}

void WorkerInstance::AbortCall(uint32_t call) {
  auto found = calls_.find(call);
  if (found == calls_.end()) return;
  if (EventRecord* event = FindEvent(found->second)) std::erase(event->calls, call);
  calls_.erase(found);
  closed_calls_.push_back(call);
  wire::AppendFrame(out(), call, wire::CallAbort{});
}

uint32_t WorkerInstance::OpenStream(uint32_t event_id) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return 0;
  const uint32_t id = host_.RouteStream(shared_from_this());
  streams_[id] = {.event = event_id, .inbound = false, .credit = wire::kStreamWindow};
  event->streams.push_back(id);
  return id;
}

int64_t WorkerInstance::WriteStream(uint32_t id, StreamRecord& stream, std::span<const uint8_t> bytes) {
  const char* data = reinterpret_cast<const char*>(bytes.data());
  const size_t size = bytes.size();
  size_t at = 0;
  while (at < size && stream.credit > 0) {
    const size_t piece = std::min({size_t{wire::kStreamDataMax}, size - at, static_cast<size_t>(stream.credit)});
    wire::AppendFrame(out(), id, wire::StreamData{.data = {data + at, piece}});
    stream.credit -= static_cast<int64_t>(piece);
    at += piece;
  }
  if (at < size) stream.unsent.append(data + at, size - at);
  const int64_t left = stream.credit - static_cast<int64_t>(stream.unsent.size());
  stream.wants_credit = left <= 0;
  return left;
}

void WorkerInstance::EndStream(uint32_t id, StreamRecord& stream) {
  stream.ended = true;
  if (!stream.unsent.empty()) {
    stream.wants_credit = true;
    return;
  }
  wire::AppendFrame(out(), id, wire::StreamEnd{});
  CloseStream(id);
}

void WorkerInstance::CloseStream(uint32_t id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (EventRecord* event = FindEvent(found->second.event)) {
    std::erase(event->streams, id);
    if (found->second.response_body) event->body_open = false;
  }
  streams_.erase(found);
  closed_streams_.push_back(id);
}

void WorkerInstance::StartTimer(uint32_t event_id, uint32_t timer, double delay_ms) {
  EventRecord* event = FindEvent(event_id);
  if (event == nullptr) return;
  const double delay = delay_ms > 0 ? std::min(delay_ms, 2147483647.0) : 0;
  const uint64_t deadline = MonotonicNs() + static_cast<uint64_t>(delay * 1e6);
  timers_[timer] = {event_id, host_.AddTimer(weak_from_this(), timer, deadline), deadline};
  event->timers.insert(timer);
}

void WorkerInstance::StopTimer(uint32_t timer) {
  auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  if (EventRecord* event = FindEvent(found->second.event)) event->timers.erase(timer);
  host_.RemoveTimer(found->second.deadline_ns, found->second.key);
  timers_.erase(found);
}

}  // namespace skerry
