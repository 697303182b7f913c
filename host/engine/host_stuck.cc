// Instances that will not stop: code of V8's own that does not look at a termination.
#include <unistd.h>

#include <utility>

#include "engine/host.h"

namespace skerry {

// The thread cannot be stopped, only the process can. The instance's events are ended from outside, requests that wait
// for it go to another instance, and the supervisor is told to replace the process; until it does, the thread, its
// priority lowered, keeps a slot.
void Host::GiveUpStuck() {
  std::string out;
  std::string name;
  {
    std::lock_guard hold(mutex_);
    for (size_t index = 0; index < slots_.size(); index++) {
      Termination why;
      uint64_t spent_ns;
      if (!slots_[index]->TakeStuck(why, spent_ns)) continue;
      const Instance instance = running_[index];
      if (instance == nullptr || instance->given_up()) continue;
      CondemnLocked(*instance, true);
      std::vector<Mail> waiting;
      waiting.swap(instance->scheduling.mailbox);
      for (Mail& mail : waiting) {
        if (mail.kind == Mail::Kind::kFetch) ReassignLocked(*instance, mail);
      }
      instance->GiveUp();
      const bool memory = why == Termination::kMemory;
      std::erase_if(events_, [&](const auto& entry) {
        if (entry.second != instance) return false;
        wire::AppendFrame(
            out, entry.first,
            wire::EventDone{.outcome = memory ? wire::Outcome::exceededMemory : wire::Outcome::exceededCpu,
                            .cpu_ns = spent_ns,
                            .message = memory ? WorkerInstance::kMemoryMessage : WorkerInstance::kCpuMessage});
        return true;
      });
      std::erase_if(calls_, [&](const auto& entry) { return entry.second == instance; });
      std::erase_if(streams_, [&](const auto& entry) { return entry.second == instance; });
      std::erase_if(sockets_, [&](const auto& entry) { return entry.second == instance; });
      instance->scheduling.live_events = 0;
      name = instance->worker()->name;
    }
  }
  if (out.empty() && name.empty()) return;
  wire::AppendFrame(out, 0, wire::Fatal{.message = "a worker does not stop after it was terminated: " + name});
  Send(out);
  for (const auto& slot : slots_) {
    if (!slot->lost()) return;
  }
  // Nobody is left to read the socket, so what waits would do so in vain. The supervisor begins it elsewhere as soon as
  // it sees the end of the connection; the end of the process may take long, with threads that step back for all
  // others.
  close(channel_.fd());
  _exit(74);
}

}  // namespace skerry
