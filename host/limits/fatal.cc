#include "limits/fatal.h"

#include <csignal>

namespace v8 {
// v8-wasm-trap-handler-posix.h, which Node's headers lack.
bool TryHandleWebAssemblyTrapPosix(int signal, siginfo_t* info, void* context);
}  // namespace v8

namespace skerry {

namespace {

void Mark(int signal) {
  if (own_crash_slot != nullptr)
    __atomic_store_n(&own_crash_slot->fatal, static_cast<uint32_t>(signal), __ATOMIC_RELEASE);
}

// The process is the first of its PID namespace, and those do not die of signals that they send themselves. Of a fault
// they do: this one comes to OnFault, once, and then again with the action by default.
[[noreturn]] void End(int signal) {
  Mark(signal);
  __builtin_trap();
}

void OnSignal(int signal) { End(signal); }

void OnFault(int signal) {
  if (own_crash_slot != nullptr && own_crash_slot->fatal == 0) Mark(signal);
  // To return repeats the instruction, without a handler.
}

void OnSegv(int signal, siginfo_t* info, void* context) {
  // An access of WebAssembly beyond its memory goes on as an exception.
  if (!v8::TryHandleWebAssemblyTrapPosix(signal, info, context)) End(signal);
}

void Take(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_ONSTACK;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void TakeFatalSignals() {
  Take(SIGILL, OnFault, SA_RESETHAND | SA_NODEFER);
  Take(SIGABRT, OnSignal, 0);
  Take(SIGTRAP, OnSignal, 0);
  Take(SIGBUS, OnSignal, 0);
  Take(SIGFPE, OnSignal, 0);
  struct sigaction action {};
  action.sa_sigaction = OnSegv;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace skerry
