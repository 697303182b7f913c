// Holds the job pool (host/engine/job_pool.h) to what it promises: owners take turns, budgets end jobs, canceled jobs
// tell nobody, limits hold, and nothing is touched when it is gone. Runs under the thread sanitizer and under the
// address sanitizer: `job_pool_test`. Nothing here waits for a time: jobs wait for each other.
#include "engine/job_pool.h"

#include <cstdio>
#include <cstdlib>
#include <latch>
#include <string>
#include <vector>

using skerry::Job;
using skerry::JobBudget;
using skerry::JobPool;
using skerry::JobTicket;
using skerry::WorkControl;

namespace {

void Check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "job_pool_test: %s\n", what);
  std::exit(1);
}

class Work final : public Job {
 public:
  explicit Work(std::function<void(WorkControl&)> body) : body_(std::move(body)) {}
  void Run(WorkControl& control) override { body_(control); }
  v8::MaybeLocal<v8::Value> Result(v8::Isolate*) override { return {}; }

 private:
  std::function<void(WorkControl&)> body_;
};

std::shared_ptr<JobTicket> Ticket(
    std::function<void(WorkControl&)> body, std::function<void()> done = [] {}) {
  auto ticket = std::make_shared<JobTicket>();
  ticket->job = std::make_shared<Work>(std::move(body));
  ticket->done = std::move(done);
  return ticket;
}

void Spin(WorkControl& control) {
  while (control.Continue()) {
  }
}

// However many jobs one owner has, another's comes after the one that runs and the one before it in line.
void OwnersTakeTurns() {
  const int greedy = 0, modest = 0;
  JobPool pool(1, nullptr, 0);
  std::latch begun(1), release(1), all(101);
  std::mutex mutex;
  std::string order;
  const auto note = [&](char who) {
    return [&, who] {
      std::lock_guard hold(mutex);
      order.push_back(who);
      all.count_down();
    };
  };
  Check(pool.Submit(&greedy, Ticket(
                                 [&](WorkControl&) {
                                   begun.count_down();
                                   release.wait();
                                 },
                                 note('g'))),
        "a job was refused");
  begun.wait();
  for (int i = 0; i < 99; i++) Check(pool.Submit(&greedy, Ticket([](WorkControl&) {}, note('g'))), "a job was refused");
  Check(pool.Submit(&modest, Ticket([](WorkControl&) {}, note('m'))), "a job was refused");
  release.count_down();
  all.wait();
  Check(order.find('m') <= 2, "an owner with one job waited for another's hundred");
}

// One owner never has all threads.
void OneThreadIsLeft() {
  const int greedy = 0, modest = 0;
  JobPool pool(3, nullptr, 0);
  std::latch release(1), done(5), served(1);
  for (int i = 0; i < 5; i++)
    Check(pool.Submit(&greedy, Ticket([&](WorkControl&) { release.wait(); }, [&] { done.count_down(); })), "refused");
  Check(pool.Submit(&modest, Ticket([](WorkControl&) {}, [&] { served.count_down(); })), "refused");
  served.wait();  // Hangs if all three threads wait for the greedy one.
  release.count_down();
  done.wait();
}

void BudgetsEndJobs() {
  const int owner = 0;
  JobPool pool(2, nullptr, 0);
  auto budget = std::make_shared<JobBudget>();
  budget->left_ns = 20'000'000;
  std::latch done(3);
  std::vector<std::shared_ptr<JobTicket>> tickets;
  for (int i = 0; i < 3; i++) {
    tickets.push_back(Ticket(Spin, [&] { done.count_down(); }));
    tickets.back()->budget = budget;
    Check(pool.Submit(&owner, tickets.back()), "refused");
  }
  done.wait();
  uint64_t used = 0;
  for (const auto& ticket : tickets) {
    Check(ticket->exceeded, "a job that spins was not ended by its budget");
    used += ticket->cpu_ns;
  }
  Check(used >= 20'000'000, "the bill is less than the budget that was used up");
}

void CanceledJobsTellNobody() {
  const int owner = 0;
  JobPool pool(1, nullptr, 0);
  std::latch begun(1), ended(1), after(1);
  auto running = Ticket(
      [&](WorkControl& control) {
        begun.count_down();
        Spin(control);
        ended.count_down();
      },
      [] { Check(false, "a canceled job told that it was done"); });
  auto waiting = Ticket([](WorkControl&) { Check(false, "a canceled job ran"); }, [] { Check(false, "it told"); });
  Check(pool.Submit(&owner, running) && pool.Submit(&owner, waiting), "refused");
  Check(pool.Submit(&owner, Ticket([](WorkControl&) {}, [&] { after.count_down(); })), "refused");
  begun.wait();
  waiting->canceled = true;
  running->canceled = true;
  ended.wait();
  after.wait();
}

// What a job owns goes with it, on whatever thread, when its owner has long forgotten it.
void OwnersMayGoFirst() {
  JobPool pool(2, nullptr, 0);
  std::latch all(200);
  for (int i = 0; i < 200; i++) {
    auto owner = std::make_unique<int>(i);
    auto bytes = std::make_shared<std::vector<char>>(1000, 'x');
    auto ticket = Ticket(
        [bytes](WorkControl& control) {
          for (char& b : *bytes) b = control.Continue() ? 'y' : 'z';
        },
        [] {});
    ticket->done = [&all] { all.count_down(); };
    if (i % 3 == 0) ticket->canceled = true;
    if (ticket->canceled) all.count_down();
    Check(pool.Submit(owner.get(), std::move(ticket)), "refused");
  }
  all.wait();
}

void LimitsHold() {
  JobPool pool(1, nullptr, 0);
  std::latch release(1), begun(1);
  const int owner = 0, other = 0;
  Check(pool.Submit(&owner, Ticket([&](WorkControl&) {
    begun.count_down();
    release.wait();
  })),
        "refused");
  begun.wait();
  for (size_t i = 1; i < JobPool::kJobsPerOwnerMax; i++)
    Check(pool.Submit(&owner, Ticket([](WorkControl&) {})), "refused below the limit");
  Check(!pool.Submit(&owner, Ticket([](WorkControl&) {})), "accepted beyond the limit");
  Check(pool.Submit(&other, Ticket([](WorkControl&) {})), "the limit of one owner was held against another");
  release.count_down();
}

// The pool ends while jobs wait and run.
void EndsWhileBusy() {
  for (int round = 0; round < 50; round++) {
    const int owner = 0;
    std::vector<std::shared_ptr<JobTicket>> tickets;
    {
      JobPool pool(2, nullptr, 0);
      for (int i = 0; i < 20; i++) {
        tickets.push_back(Ticket([](WorkControl& control) { (void)control.Continue(); }));
        Check(pool.Submit(&owner, tickets.back()), "refused");
      }
    }
  }
}

}  // namespace

int main() {
  OwnersTakeTurns();
  OneThreadIsLeft();
  BudgetsEndJobs();
  CanceledJobsTellNobody();
  OwnersMayGoFirst();
  LimitsHold();
  EndsWhileBusy();
  std::printf("job pool: ok\n");
}
