// A worker in an isolate: its modules evaluated, its events, calls, streams and timers. Made cheap, without an isolate;
// the first run takes or makes one.
//
// Thread rule: `scheduling` belongs to the Host's mutex. Everything else belongs to the executor that runs the
// instance, of which there is one at a time.
#pragma once

#include <v8.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/isolate.h"
#include "engine/job_pool.h"
#include "engine/mail.h"
#include "engine/modules.h"
#include "engine/worker.h"
#include "limits/crash_page.h"
#include "limits/executor_slot.h"
#include "wire/frame.h"

namespace skerry {

class Host;

// One event: from its Fetch to its EventDone.
struct EventRecord {
  uint32_t id = 0;
  std::string payload;  // The Fetch message, which `fetch` points into.
  wire::Fetch fetch;
  uint64_t cpu_ns = 0;
  uint64_t startup_ns = 0;
  uint64_t cpu_base_ns = 0;  // What of cpu_ns the limit does not count: each message of a WebSocket may use all of it.
  bool cold = false;
  bool responded = false;
  bool body_open = false;  // A stream of ours carries the response body and has not ended.
  bool done = false;
  bool canceled = false;
  uint64_t log_bytes = 0;
  bool pass_through = false;
  wire::Outcome outcome = wire::Outcome::ok;
  std::string message;
  std::string stack;
  std::vector<uint32_t> streams;
  std::vector<uint32_t> calls;
  std::vector<uint32_t> sockets;
  std::unordered_set<uint32_t> timers;
  std::vector<uint32_t> jobs;
  std::shared_ptr<JobBudget> job_budget;  // Made with the first job.
  uint64_t job_base_ns = 0;               // cpu_base_ns when it was made.
};

struct StreamRecord {
  uint32_t event = 0;
  bool inbound = false;
  // Inbound: bytes granted and not yet arrived. Outbound: bytes that may still be sent.
  int64_t credit = 0;
  bool wants_credit = false;  // Outbound: the runtime layer was told to wait.
  bool ended = false;         // Outbound: no more is written, but some is unsent.
  bool collecting = false;    // Inbound: gather, deliver once.
  bool as_text = false;
  bool response_body = false;
  std::string collected{};
  std::string unsent{};  // Outbound: written beyond the credit; less than one write's worth.
};

// A WebSocket of an event. PROTOCOL.md, "WebSockets".
struct SocketRecord {
  // What was to be sent and had no credit: the pieces of whole messages, in order.
  struct Piece {
    wire::SocketKind kind;
    bool final;
    std::string data;
  };
  uint32_t event = 0;
  bool accepted = false;                 // The worker wants what comes.
  bool closed_out = false;               // Our last word is said, or waits behind what is unsent.
  bool closed_in = false;                // The other side's last word has come.
  int64_t credit = wire::kSocketWindow;  // What may still be sent.
  int64_t granted = 0;                   // What may still come.
  int64_t used = 0;                      // What has come since credit was last granted.
  std::deque<Piece> unsent{};
  size_t unsent_bytes = 0;           // With what pieces cost, charged to the isolate.
  std::deque<uint32_t> under_way{};  // Sizes of the pieces that were sent and have not been credited.
  uint64_t buffered = 0;             // Bytes of messages, unsent and under way.
  uint16_t close_code = 0;           // The last word that waits.
  std::string close_reason{};
  // What has come of a message that is not complete, charged to the isolate: its mail as it came.
  std::vector<Mail> message{};
  size_t message_bytes = 0;
};

struct TimerRecord {
  uint32_t event = 0;
  uint64_t key = 0;  // The scheduler's.
  uint64_t deadline_ns = 0;
};

struct JobRecord {
  uint32_t event = 0;
  std::shared_ptr<JobTicket> ticket;
  v8::Global<v8::Promise::Resolver> resolver;
};

// What an executor brings along; reused from run to run.
struct RunContext {
  ExecutorSlot& slot;
  CrashSlot& crash;
  std::string out;         // Frames to send.
  std::vector<Mail> mail;  // Being delivered.
};

class WorkerInstance : public std::enable_shared_from_this<WorkerInstance> {
 public:
  static constexpr char kMemoryMessage[] = "Worker exceeded memory limit.";
  static constexpr char kCpuMessage[] = "Worker exceeded CPU time limit.";

  WorkerInstance(Host& host, std::shared_ptr<Worker> worker);
  ~WorkerInstance();
  WorkerInstance(const WorkerInstance&) = delete;
  WorkerInstance& operator=(const WorkerInstance&) = delete;

  // Guarded by the Host's mutex.
  struct Scheduling {
    std::vector<Mail> mailbox;
    bool queued = false;     // In the run queue or running.
    bool condemned = false;  // No new events.
    bool loaded = false;     // Counts as a resident isolate.
    bool idle_listed = false;
    uint32_t live_events = 0;
    uint64_t queued_ns = 0;
    uint64_t mail_ns = 0;  // When the oldest waiting mail came.
    uint64_t heap_bytes = 0;
    uint64_t external_bytes = 0;
    std::list<std::shared_ptr<WorkerInstance>>::iterator idle_position;
  } scheduling;

  const std::shared_ptr<Worker>& worker() const { return worker_; }

  // By the watchdog, under the Host's mutex: its events have been ended for it. Nothing it still says is sent.
  void GiveUp() { given_up_.store(true, std::memory_order_relaxed); }
  bool given_up() const { return given_up_.load(std::memory_order_relaxed); }

  // Before it is disposed of: V8 may no longer reach it through tasks.
  void StopTasks() {
    if (isolate_ != nullptr) isolate_->tasks().Close();
  }

  // By the executor that ran it: whether tasks of V8 arrived too late to be run.
  bool HasDueTasks() { return isolate_ != nullptr && isolate_->tasks().HasDue(); }

  // Delivers what waits, until nothing does or the turn is over.
  void Run(RunContext& run);

  // ---- for the operations, called by V8 while the instance runs
  static WorkerInstance* From(v8::Isolate* isolate) {
    return static_cast<WorkerInstance*>(isolate->GetData(Isolate::kOwnerSlot));
  }
  Host& host() { return host_; }
  std::string& out() { return run_->out; }
  ModuleGraph* modules() { return modules_.get(); }
  Isolate& isolate() { return *isolate_; }

  EventRecord* FindEvent(uint32_t id);
  // Bytes of console output that one event may send, and what belongs to none in one turn.
  static constexpr uint64_t kLogBytesMax = 256u << 10;
  uint64_t& LoggedBytes(uint32_t event);
  StreamRecord* FindStream(uint32_t id);
  // The event has answered; names the stream that carries the body, 0 if none.
  void Responded(EventRecord& event, uint32_t stream);
  void FinishEvent(EventRecord& event, wire::Outcome outcome, bool pass_through, std::string message,
                   std::string stack);
  uint32_t OpenCall(uint32_t event, uint32_t upload);
  void AbortCall(uint32_t call);
  uint32_t OpenStream(uint32_t event);
  // Outbound: takes the bytes and sends what the credit allows. Returns the credit left, negative if some had to wait.
  int64_t WriteStream(uint32_t id, StreamRecord& stream, std::span<const uint8_t> bytes);
  void EndStream(uint32_t id, StreamRecord& stream);
  // An outbound stream has ended, or an inbound one is no longer wanted here (cancelled, spliced, complete).
  void CloseStream(uint32_t stream);
  SocketRecord* FindSocket(uint32_t id);
  uint32_t OpenSocket(uint32_t event);
  // Lets messages come.
  void AcceptSocket(uint32_t id, SocketRecord& socket);
  // Sends a message as far as credit allows and keeps the rest. False if that is more than there is room for.
  bool SendSocket(uint32_t id, SocketRecord& socket, wire::SocketKind kind, std::string_view data);
  // False if that is done later, behind what is unsent; the runtime layer is told then.
  bool CloseSocket(uint32_t id, SocketRecord& socket, uint16_t code, std::string reason);
  // The response names the socket of a call: the supervisor joins it with the client's.
  void SpliceSocket(uint32_t id);
  void StartTimer(uint32_t event, uint32_t timer, double delay_ms);
  void StopTimer(uint32_t timer);
  // Puts a job into the queue on behalf of an event. Returns its number, or one of these.
  static constexpr int64_t kJobWithoutEvent = 0;
  static constexpr int64_t kTooManyJobs = -1;
  int64_t StartJob(uint32_t event, std::shared_ptr<Job> job);
  // Fulfilled with the result of a job that is under way, in an object without a prototype; never settled if its event
  // ends before.
  v8::MaybeLocal<v8::Promise> JobPromise(uint32_t job);
  void OnPromiseReject(v8::PromiseRejectMessage message);
  // From now on the worker may compile WebAssembly modules from bytes; for its compatibility flag.
  void AllowWasmFromBytes() { wasm_from_bytes_ = true; }
  // V8 asks before each such compilation. False: it throws a CompileError.
  bool MayCompileWasm();
  v8::MaybeLocal<v8::Value> Handle(v8::Local<v8::Context> context, Handler which, int argc, v8::Local<v8::Value>* argv);

  double NowMs() const;
  double MonotonicMs() const;

 private:
  // A turn ends after this time so that other instances come to run.
  static constexpr uint64_t kTurnNs = 4'000'000;
  // Output is sent when it is this old or this large, even in the middle of a turn.
  static constexpr uint64_t kFlushNs = 1'000'000;
  static constexpr size_t kFlushBytes = 64u << 10;
  // CPU for what belongs to no event: V8's tasks, late rejections.
  static constexpr uint64_t kBackgroundCpuNs = 1'000'000'000;
  // CPU for turning what a failing module threw into text.
  static constexpr uint64_t kDescribeCpuNs = 20'000'000;
  // Items shorter than this are billed by elapsed time.
  static constexpr uint64_t kShortItemNs = 100'000;
  // So much may be billed by elapsed time before the CPU clock is asked: the thread may not have run all of it, and
  // the watchdog counts from where the bill stands.
  static constexpr uint64_t kGuessMaxNs = 1'000'000;
  // WebAssembly modules that one instance may compile from bytes; V8 keeps their code outside the heap until it finds
  // that they are garbage. Then another instance takes over.
  static constexpr uint32_t kWasmCompilesMax = 4096;

  void Load(const IsolateLock& lock);
  void LoadFailed(const IsolateLock& lock, v8::TryCatch& caught);
  uint32_t EventOf(const Mail& mail) const;
  void Deliver(const IsolateLock& lock, Mail& mail);
  void Dispatch(const IsolateLock& lock, Mail& mail);
  void DispatchFetch(const IsolateLock& lock, Mail& mail);
  void DispatchCallResult(const IsolateLock& lock, Mail& mail);
  void DispatchStreamData(const IsolateLock& lock, Mail& mail);
  void DispatchStreamEnd(const IsolateLock& lock, Mail& mail);
  void DispatchSocketData(const IsolateLock& lock, Mail& mail);
  void DispatchSocketClose(const IsolateLock& lock, Mail& mail);
  void DispatchSocketCredit(const IsolateLock& lock, Mail& mail);
  v8::MaybeLocal<v8::Value> MessageOf(wire::SocketKind kind, std::span<const std::string_view> pieces, size_t size);
  void SendPiece(uint32_t id, SocketRecord& socket, wire::SocketKind kind, bool final, std::string_view data);
  void GrantSocket(uint32_t id, SocketRecord& socket, int64_t used);
  void SayLastWord(uint32_t id, SocketRecord& socket);
  void ForgetSocket(uint32_t id);
  void ReleaseSocket(SocketRecord& socket);
  void DropMessage(SocketRecord& socket);
  void DeliverCollected(const IsolateLock& lock, uint32_t id, StreamRecord& stream);
  void DispatchJob(const IsolateLock& lock, Mail& mail);
  // Adds what a job has cost to its event. False if there is no such event any more, or it has used up its CPU time.
  bool BillJob(const IsolateLock& lock, uint32_t job);
  void DropJobs(EventRecord& event);
  void RunTasks(const IsolateLock& lock);
  void RunMicrotasks(const IsolateLock& lock);
  void AfterItem(const IsolateLock& lock, uint32_t event, v8::TryCatch& caught);
  uint64_t BillItem();
  void KillEvent(const IsolateLock& lock, EventRecord& event, wire::Outcome outcome, std::string message, bool tell);
  void EndOutOfMemory(const IsolateLock& lock);
  void KillAll(const IsolateLock& lock, wire::Outcome outcome, const char* message, bool tell);
  void EndHungEvents(const IsolateLock& lock);
  bool Waiting() const;
  void EmitDone();
  void Flush();
  void MakeCodeCaches(const IsolateLock& lock);
  void Sample(const IsolateLock& lock);
  void SetClock();

  Host& host_;
  const std::shared_ptr<Worker> worker_;
  std::unique_ptr<Isolate> isolate_;
  std::unique_ptr<ModuleGraph> modules_;
  RunContext* run_ = nullptr;
  std::atomic<bool> given_up_{false};
  bool evaluated_ = false;
  std::string broken_message_;  // Why the worker could not be loaded.
  std::string broken_stack_;
  bool broken_ = false;
  bool condemned_ = false;
  bool rejections_due_ = false;  // A promise was rejected without a handler since the runtime layer last looked.
  bool wasm_from_bytes_ = false;
  bool worn_out_ = false;  // No new events after this item.
  uint32_t wasm_compiles_ = 0;
  uint64_t loose_log_bytes_ = 0;
  uint64_t load_cpu_ns_ = 0;
  uint64_t loaded_ns_ = 0;
  uint64_t sampled_ns_ = 0;
  uint64_t flushed_ns_ = 0;
  uint64_t cpu_mark_ns_ = 0;  // Thread CPU, or a close guess, at the end of the item before.
  uint64_t guessed_ns_ = 0;   // How much of it is a guess.
  uint64_t item_began_ns_ = 0;
  double now_ms_ = 0;
  double monotonic_ms_ = 0;

  std::unordered_map<uint32_t, EventRecord> events_;
  std::unordered_map<uint32_t, StreamRecord> streams_;
  std::unordered_map<uint32_t, uint32_t> calls_;  // Call to event.
  std::unordered_map<uint32_t, SocketRecord> sockets_;
  std::unordered_map<uint32_t, TimerRecord> timers_;
  std::unordered_map<uint32_t, JobRecord> jobs_;
  uint32_t next_job_ = 1;
  std::vector<uint32_t> finished_;  // Events to report when the item is over.

  // Ids that are no longer routed here, told to the Host before the frames that free them are sent.
  std::vector<uint32_t> closed_events_, closed_calls_, closed_streams_, closed_sockets_;
};

}  // namespace skerry
