// The modules of one worker in one isolate: compiled, linked, evaluated; static and dynamic imports among them and of
// the runtime layer's built-in modules. Used by the thread that holds the isolate.
#pragma once

#include <v8.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/isolate.h"
#include "engine/worker.h"

namespace skerry {

class ModuleGraph {
 public:
  ModuleGraph(Isolate& isolate, std::shared_ptr<Worker> worker) : isolate_(isolate), worker_(std::move(worker)) {}
  ModuleGraph(const ModuleGraph&) = delete;
  ModuleGraph& operator=(const ModuleGraph&) = delete;

  // Evaluates the main module and what it imports. The result is its namespace, or undefined for service-worker syntax;
  // empty with the exception pending in V8. May return before a top-level await has settled: see Settled.
  v8::MaybeLocal<v8::Value> Evaluate(const IsolateLock& lock);
  // After the microtasks have run: whether evaluation has ended. A rejection is thrown into V8 and gives nothing.
  v8::Maybe<bool> Settled(const IsolateLock& lock);

  v8::MaybeLocal<v8::Module> Resolve(const IsolateLock* lock, v8::Local<v8::Context> context,
                                     std::string_view specifier, std::string_view referrer);
  v8::MaybeLocal<v8::Promise> ImportDynamically(v8::Local<v8::Context> context, v8::Local<v8::String> specifier,
                                                v8::Local<v8::Value> referrer);
  v8::MaybeLocal<v8::Value> EvaluateSynthetic(v8::Local<v8::Context> context, v8::Local<v8::Module> module);
  std::string NameOf(v8::Local<v8::Module> module) const;

  // Makes the code caches of what was compiled from source; calls keep(index, bytes) for each.
  template <typename Keep>
  void MakeCodeCaches(const IsolateLock& lock, Keep keep);
  bool wants_code_caches() const { return wants_code_caches_; }

  void Reset();

 private:
  struct Entry {
    std::string name;
    int module_index;  // Into worker_->modules, -1 for built-in ones.
    v8::Global<v8::Module> module;
    v8::Global<v8::Object> exports;  // Of synthetic modules until they are evaluated.
  };
  v8::MaybeLocal<v8::Module> Compile(v8::Local<v8::Context> context, size_t index);
  v8::MaybeLocal<v8::Module> CompileSource(v8::Local<v8::Context> context, size_t index);
  v8::MaybeLocal<v8::Value> ValueOf(v8::Local<v8::Context> context, size_t index);
  v8::MaybeLocal<v8::Module> Synthetic(v8::Local<v8::Context> context, std::string name, int module_index,
                                       v8::Local<v8::Object> exports);
  v8::MaybeLocal<v8::Value> EvaluateScript(v8::Local<v8::Context> context);
  Entry* Find(v8::Local<v8::Module> module);
  v8::MaybeLocal<v8::String> SourceText(const WorkerModule& module);

  Isolate& isolate_;
  const std::shared_ptr<Worker> worker_;
  std::vector<std::unique_ptr<Entry>> entries_;
  v8::Global<v8::Promise> evaluation_;
  bool wants_code_caches_ = false;
};

template <typename Keep>
void ModuleGraph::MakeCodeCaches(const IsolateLock& lock, Keep keep) {
  wants_code_caches_ = false;
  for (auto& entry : entries_) {
    if (entry->module_index < 0) continue;
    v8::Local<v8::Module> module = entry->module.Get(lock.v8());
    if (!module->IsSourceTextModule()) continue;
    std::unique_ptr<v8::ScriptCompiler::CachedData> cache(
        v8::ScriptCompiler::CreateCodeCache(module->GetUnboundModuleScript()));
    if (cache == nullptr || cache->length <= 0) continue;
    keep(static_cast<size_t>(entry->module_index),
         std::string(reinterpret_cast<const char*>(cache->data), static_cast<size_t>(cache->length)));
  }
}

}  // namespace skerry
