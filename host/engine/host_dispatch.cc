// Frames from the supervisor become mail for instances.
#include <stdlib.h>

#include <algorithm>
#include <utility>

#include "engine/host.h"

namespace skerry {

void Host::DispatchBuffered() {
  std::lock_guard hold(mutex_);
  wire::FrameHeader header;
  std::span<const uint8_t> payload{};
  for (;;) {
    switch (channel_.Take(header, payload)) {
      case wire::Channel::Next::kNeedMore:
        return;
      case wire::Channel::Next::kViolation:
        Violation("frame header");
      case wire::Channel::Next::kFrame:
        Dispatch(header, payload);
    }
  }
}

void Host::Dispatch(const wire::FrameHeader& header, std::span<const uint8_t> payload) {
  const auto text = [&] { return std::string(reinterpret_cast<const char*>(payload.data()), payload.size()); };
  const auto route = [&](std::unordered_map<uint32_t, Instance>& table, Mail mail) {
    // What is not found has ended on this side while the frame was on its way.
    if (auto found = table.find(header.id); found != table.end()) Post(found->second, std::move(mail));
  };
  switch (static_cast<wire::MessageType>(header.type)) {
    case wire::MessageType::WorkerData: {
      std::string& data = workers_[header.id].data;
      if (data.size() + payload.size() > wire::kWorkerDataMax) Violation("WorkerData over its limit");
      data.append(reinterpret_cast<const char*>(payload.data()), payload.size());
      return;
    }
    case wire::MessageType::WorkerLoad:
      LoadWorker(header.id, payload);
      return;
    case wire::MessageType::WorkerUnload:
      UnloadWorker(header.id);
      return;
    case wire::MessageType::Fetch:
      DispatchFetch(header.id, payload);
      return;
    case wire::MessageType::Cancel: {
      wire::Cancel cancel;
      if (!wire::Cancel::Decode(payload, cancel)) Violation("Cancel");
      route(events_,
            Mail{.kind = Mail::Kind::kCancel, .id = header.id, .number = static_cast<uint64_t>(cancel.reason)});
      return;
    }
    case wire::MessageType::CallResult: {
      auto found = calls_.find(header.id);
      if (found == calls_.end()) return;
      wire::CallResult result;
      if (!wire::CallResult::Decode(payload, result)) Violation("CallResult");
      if (result.stream != 0) streams_.insert_or_assign(result.stream, found->second);
      if (result.socket != 0) sockets_.insert_or_assign(result.socket, found->second);
      Post(found->second, Mail{.kind = Mail::Kind::kCallResult, .id = header.id, .payload = text()});
      return;
    }
    case wire::MessageType::StreamData: {
      auto found = streams_.find(header.id);
      if (found == streams_.end() || payload.empty()) return;
      Mail mail{.kind = Mail::Kind::kStreamData, .id = header.id};
      mail.bytes.reset(static_cast<uint8_t*>(malloc(payload.size())));
      mail.size = payload.size();
      std::copy(payload.begin(), payload.end(), mail.bytes.get());
      Post(found->second, std::move(mail));
      return;
    }
    case wire::MessageType::StreamEnd:
      route(streams_, Mail{.kind = Mail::Kind::kStreamEnd, .id = header.id});
      return;
    case wire::MessageType::StreamReset:
      route(streams_, Mail{.kind = Mail::Kind::kStreamReset, .id = header.id, .payload = text()});
      return;
    case wire::MessageType::StreamCancel:
      route(streams_, Mail{.kind = Mail::Kind::kStreamCancel, .id = header.id, .payload = text()});
      return;
    case wire::MessageType::StreamCredit: {
      wire::StreamCredit credit;
      if (!wire::StreamCredit::Decode(payload, credit)) Violation("StreamCredit");
      route(streams_, Mail{.kind = Mail::Kind::kStreamCredit, .id = header.id, .number = credit.bytes});
      return;
    }
    case wire::MessageType::SocketData: {
      auto found = sockets_.find(header.id);
      if (found == sockets_.end()) return;
      wire::SocketData data;
      if (!wire::SocketData::Decode(payload, data)) Violation("SocketData");
      Mail mail{.kind = Mail::Kind::kSocketData, .id = header.id, .number = data.final};
      mail.bytes.reset(static_cast<uint8_t*>(malloc(payload.size())));
      mail.size = payload.size();
      std::copy(payload.begin(), payload.end(), mail.bytes.get());
      Post(found->second, std::move(mail));
      return;
    }
    case wire::MessageType::SocketClose:
      route(sockets_, Mail{.kind = Mail::Kind::kSocketClose, .id = header.id, .payload = text()});
      return;
    case wire::MessageType::SocketCredit: {
      wire::SocketCredit credit;
      if (!wire::SocketCredit::Decode(payload, credit)) Violation("SocketCredit");
      route(sockets_, Mail{.kind = Mail::Kind::kSocketCredit, .id = header.id, .number = credit.bytes});
      return;
    }
    case wire::MessageType::StatsRequest:
      SendStats(header.id);
      return;
    default:
      Violation("a message of this type is not for the host");
  }
}

void Host::DispatchFetch(uint32_t id, std::span<const uint8_t> payload) {
  wire::Fetch fetch;
  if (!wire::Fetch::Decode(payload, fetch)) Violation("Fetch");
  auto found = workers_.find(fetch.worker);
  if (found == workers_.end() || found->second.worker == nullptr) Violation("Fetch for a worker that was not loaded");
  const Instance instance = ChooseInstance(found->second);
  if (instance == nullptr) {
    std::string out;
    wire::AppendFrame(out, id, wire::EventDone{.outcome = wire::Outcome::loadShed, .message = "too many isolates"});
    channel_.Send(out);
    return;
  }
  instance->scheduling.live_events++;
  events_.insert_or_assign(id, instance);
  if (fetch.stream != 0) streams_.insert_or_assign(fetch.stream, instance);
  Post(instance, Mail{.kind = Mail::Kind::kFetch,
                      .id = id,
                      .payload = std::string(reinterpret_cast<const char*>(payload.data()), payload.size())});
}

void Host::LoadWorker(uint32_t id, std::span<const uint8_t> payload) {
  wire::WorkerLoad load;
  if (!wire::WorkerLoad::Decode(payload, load)) Violation("WorkerLoad");
  WorkerEntry& entry = workers_[id];
  if (entry.worker != nullptr) Violation("WorkerLoad twice for one worker");
  entry.worker = Worker::Make(id, load, std::exchange(entry.data, {}), options_.dev);
  if (entry.worker == nullptr) Violation("WorkerLoad describes bytes that were not sent");
}

void Host::UnloadWorker(uint32_t id) {
  auto found = workers_.find(id);
  if (found == workers_.end()) return;
  std::vector<Instance> instances = found->second.instances;
  for (const Instance& instance : instances) CondemnLocked(*instance, false);
  workers_.erase(id);
}

void Host::SendStats(uint32_t id) {
  wire::Stats stats{};
  stats.isolates_live = static_cast<uint32_t>(resident_);
  stats.isolates_spare = static_cast<uint32_t>(spares_.size());
  stats.isolates_started = isolates_started_;
  stats.cold_starts = cold_starts_;
  stats.evictions = evictions_;
  stats.condemned = condemned_;
  for (auto& [worker, entry] : workers_) {
    for (const Instance& instance : entry.instances) {
      stats.heap_bytes += instance->scheduling.heap_bytes;
      stats.external_bytes += instance->scheduling.external_bytes;
    }
  }
  stats.runnable = static_cast<uint32_t>(runnable_.size());
  for (const Instance& instance : runnable_) {
    stats.mailbox_items += static_cast<uint32_t>(instance->scheduling.mailbox.size());
  }
  stats.events_live = static_cast<uint32_t>(events_.size());
  stats.executors = static_cast<uint16_t>(threads_);
  stats.executors_busy = static_cast<uint16_t>(busy_);
  stats.executors_demoted = watchdog_->demotions();
  std::string out;
  wire::AppendFrame(out, id, stats);
  channel_.Send(out);
}

}  // namespace skerry
