// A worker as the supervisor defined it: sources, bindings, limits. Immutable after it is loaded, but for what
// isolates of it have learnt that makes the next one start faster (code caches, compiled wasm).
#pragma once

#include <v8-wasm.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/messages.gen.h"

namespace skerry {

struct WorkerModule {
  std::string name;  // Without a leading "./".
  wire::ModuleType type;
  std::string_view data;  // Into Worker::data.
  bool one_byte = false;  // Pure ASCII: V8 may use the bytes as they are.
};

class Worker {
 public:
  // Takes the accumulated bytes; nothing if the description points outside them or has no main module.
  static std::shared_ptr<Worker> Make(uint32_t id, const wire::WorkerLoad& load, std::string data, bool dev);

  const uint32_t id;
  std::string name;
  size_t main = 0;
  std::vector<WorkerModule> modules;
  std::string config;  // WorkerConfig of native.ts, as JSON.
  uint64_t cpu_limit_ns = 0;
  uint64_t startup_limit_ns = 0;
  size_t memory_bytes = 0;

  // What isolates share, behind its own mutex.
  std::shared_ptr<const std::string> code_cache(size_t module);
  void set_code_cache(size_t module, std::string bytes);
  std::optional<v8::CompiledWasmModule> compiled_wasm(size_t module);
  void set_compiled_wasm(size_t module, v8::CompiledWasmModule compiled);

 private:
  explicit Worker(uint32_t worker_id) : id(worker_id) {}

  std::string data_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const std::string>> code_caches_;
  std::vector<std::optional<v8::CompiledWasmModule>> wasm_;
};

// "./a/b.js" and "a/b.js" are the same module.
std::string_view ModuleKey(std::string_view name);

}  // namespace skerry
