#include "engine/modules.h"

#include <utility>

#include "engine/instance.h"
#include "engine/text.h"

namespace skerry {

namespace {

using v8::Local;
using v8::MaybeLocal;

// The bytes of a source text, used by V8 where they lie: every isolate of a worker shares them.
class SharedSource final : public v8::String::ExternalOneByteStringResource {
 public:
  SharedSource(std::shared_ptr<Worker> worker, std::string_view text) : worker_(std::move(worker)), text_(text) {}
  const char* data() const override { return text_.data(); }
  size_t length() const override { return text_.size(); }

 private:
  const std::shared_ptr<Worker> worker_;
  const std::string_view text_;
};

ModuleGraph* GraphOf(v8::Isolate* isolate) {
  auto* instance = static_cast<WorkerInstance*>(isolate->GetData(Isolate::kOwnerSlot));
  return instance == nullptr ? nullptr : instance->modules();
}

MaybeLocal<v8::Module> ResolveStatic(Local<v8::Context> context, Local<v8::String> specifier, Local<v8::FixedArray>,
                                     Local<v8::Module> referrer) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  ModuleGraph* graph = GraphOf(isolate);
  if (graph == nullptr) return {};
  return graph->Resolve(nullptr, context, FromV8(isolate, specifier), graph->NameOf(referrer));
}

MaybeLocal<v8::Promise> ImportDynamically(Local<v8::Context> context, Local<v8::Data>, Local<v8::Value> referrer,
                                          Local<v8::String> specifier, Local<v8::FixedArray>) {
  ModuleGraph* graph = GraphOf(v8::Isolate::GetCurrent());
  if (graph == nullptr) return {};
  return graph->ImportDynamically(context, specifier, referrer);
}

MaybeLocal<v8::Value> SyntheticSteps(Local<v8::Context> context, Local<v8::Module> module) {
  ModuleGraph* graph = GraphOf(v8::Isolate::GetCurrent());
  if (graph == nullptr) return {};
  return graph->EvaluateSynthetic(context, module);
}

// "./x" and "../x" against the folder of the referrer; anything else as it is.
std::string JoinPath(std::string_view referrer, std::string_view specifier) {
  if (!specifier.starts_with("./") && !specifier.starts_with("../")) {
    return std::string(specifier.starts_with('/') ? specifier.substr(1) : specifier);
  }
  std::string folder(referrer.substr(0, referrer.rfind('/') == std::string_view::npos ? 0 : referrer.rfind('/')));
  while (true) {
    if (specifier.starts_with("./")) {
      specifier.remove_prefix(2);
    } else if (specifier.starts_with("../")) {
      specifier.remove_prefix(3);
      const size_t cut = folder.rfind('/');
      folder.resize(cut == std::string::npos ? 0 : cut);
    } else {
      break;
    }
  }
  return folder.empty() ? std::string(specifier) : folder + "/" + std::string(specifier);
}

void ThrowError(v8::Isolate* isolate, std::string_view text) {
  isolate->ThrowException(v8::Exception::Error(ToV8(isolate, text)));
}

}  // namespace

MaybeLocal<v8::String> ModuleGraph::SourceText(const WorkerModule& module) {
  if (module.one_byte && module.data.size() >= 1024) {
    return v8::String::NewExternalOneByte(isolate_.v8(), new SharedSource(worker_, module.data));
  }
  return v8::String::NewFromUtf8(isolate_.v8(), module.data.data(), v8::NewStringType::kNormal,
                                 static_cast<int>(module.data.size()));
}

MaybeLocal<v8::Module> ModuleGraph::CompileSource(Local<v8::Context>, size_t index) {
  v8::Isolate* isolate = isolate_.v8();
  const WorkerModule& module = worker_->modules[index];
  Local<v8::String> text;
  if (!SourceText(module).ToLocal(&text)) return {};
  v8::ScriptOrigin origin(ToV8(isolate, module.name), 0, 0, false, -1, Local<v8::Value>(), false, false, true);
  const std::shared_ptr<const std::string> cache = worker_->code_cache(index);
  if (cache == nullptr) {
    wants_code_caches_ = true;
    v8::ScriptCompiler::Source source(text, origin);
    return v8::ScriptCompiler::CompileModule(isolate, &source);
  }
  v8::ScriptCompiler::Source source(text, origin,
                                    new v8::ScriptCompiler::CachedData(reinterpret_cast<const uint8_t*>(cache->data()),
                                                                       static_cast<int>(cache->size()),
                                                                       v8::ScriptCompiler::CachedData::BufferNotOwned));
  MaybeLocal<v8::Module> compiled =
      v8::ScriptCompiler::CompileModule(isolate, &source, v8::ScriptCompiler::kConsumeCodeCache);
  if (source.GetCachedData()->rejected) wants_code_caches_ = true;
  return compiled;
}

MaybeLocal<v8::Value> ModuleGraph::ValueOf(Local<v8::Context> context, size_t index) {
  v8::Isolate* isolate = isolate_.v8();
  const WorkerModule& module = worker_->modules[index];
  switch (module.type) {
    case wire::ModuleType::json:
      return v8::JSON::Parse(context, ToV8(isolate, module.data));
    case wire::ModuleType::text:
      return v8::String::NewFromUtf8(isolate, module.data.data(), v8::NewStringType::kNormal,
                                     static_cast<int>(module.data.size()));
    case wire::ModuleType::data: {
      Local<v8::ArrayBuffer> buffer;
      if (!v8::ArrayBuffer::MaybeNew(isolate, module.data.size()).ToLocal(&buffer)) {
        ThrowError(isolate, "module " + module.name + " does not fit into the memory limit");
        return {};
      }
      module.data.copy(static_cast<char*>(buffer->Data()), module.data.size());
      return buffer;
    }
    case wire::ModuleType::wasm: {
      if (auto compiled = worker_->compiled_wasm(index)) {
        return v8::WasmModuleObject::FromCompiledModule(isolate, *compiled);
      }
      Local<v8::WasmModuleObject> wasm;
      if (!v8::WasmModuleObject::Compile(isolate,
                                         {reinterpret_cast<const uint8_t*>(module.data.data()), module.data.size()})
               .ToLocal(&wasm)) {
        return {};
      }
      worker_->set_compiled_wasm(index, wasm->GetCompiledModule());
      return wasm;
    }
    case wire::ModuleType::esm:
    case wire::ModuleType::script:
      break;
  }
  ThrowError(isolate, "module " + module.name + " is a script and cannot be imported");
  return {};
}

MaybeLocal<v8::Module> ModuleGraph::Synthetic(Local<v8::Context> context, std::string name, int module_index,
                                              Local<v8::Object> exports) {
  v8::Isolate* isolate = isolate_.v8();
  Local<v8::Array> keys;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&keys)) return {};
  v8::LocalVector<v8::String> names(isolate);
  for (uint32_t i = 0; i < keys->Length(); i++) {
    Local<v8::Value> key;
    if (!keys->Get(context, i).ToLocal(&key)) return {};
    if (key->IsString()) names.push_back(key.As<v8::String>());
  }
  Local<v8::Module> module = v8::Module::CreateSyntheticModule(
      isolate, ToV8(isolate, name), v8::MemorySpan<const Local<v8::String>>(names.data(), names.size()),
      &SyntheticSteps);
  auto entry = std::make_unique<Entry>();
  entry->name = std::move(name);
  entry->module_index = module_index;
  entry->module.Reset(isolate, module);
  entry->exports.Reset(isolate, exports);
  entries_.push_back(std::move(entry));
  return module;
}

MaybeLocal<v8::Module> ModuleGraph::Compile(Local<v8::Context> context, size_t index) {
  v8::Isolate* isolate = isolate_.v8();
  const WorkerModule& description = worker_->modules[index];
  for (auto& entry : entries_) {
    if (entry->module_index == static_cast<int>(index)) return entry->module.Get(isolate);
  }
  if (description.type == wire::ModuleType::esm) {
    Local<v8::Module> module;
    if (!CompileSource(context, index).ToLocal(&module)) return {};
    auto entry = std::make_unique<Entry>();
    entry->name = description.name;
    entry->module_index = static_cast<int>(index);
    entry->module.Reset(isolate, module);
    entries_.push_back(std::move(entry));
    return module;
  }
  Local<v8::Value> value;
  if (!ValueOf(context, index).ToLocal(&value)) return {};
  Local<v8::Object> exports = v8::Object::New(isolate);
  if (exports->CreateDataProperty(context, v8::String::NewFromUtf8Literal(isolate, "default"), value).IsNothing()) {
    return {};
  }
  return Synthetic(context, description.name, static_cast<int>(index), exports);
}

MaybeLocal<v8::Module> ModuleGraph::Resolve(const IsolateLock*, Local<v8::Context> context, std::string_view specifier,
                                            std::string_view referrer) {
  v8::Isolate* isolate = isolate_.v8();
  const std::string path = JoinPath(referrer, specifier);
  for (size_t i = 0; i < worker_->modules.size(); i++) {
    if (worker_->modules[i].name == path) return Compile(context, i);
  }
  for (auto& entry : entries_) {
    if (entry->module_index < 0 && entry->name == specifier) return entry->module.Get(isolate);
  }
  auto* instance = static_cast<WorkerInstance*>(isolate->GetData(Isolate::kOwnerSlot));
  Local<v8::Value> argument = ToV8(isolate, specifier);
  Local<v8::Value> exports;
  if (!instance->Handle(context, Handler::kBuiltin, 1, &argument).ToLocal(&exports)) return {};
  if (exports->IsObject()) return Synthetic(context, std::string(specifier), -1, exports.As<v8::Object>());
  ThrowError(isolate,
             "No such module \"" + std::string(specifier) + "\". Imported from \"" + std::string(referrer) + "\".");
  return {};
}

ModuleGraph::Entry* ModuleGraph::Find(Local<v8::Module> module) {
  v8::Isolate* isolate = isolate_.v8();
  for (auto& entry : entries_) {
    if (entry->module.Get(isolate) == module) return entry.get();
  }
  return nullptr;
}

std::string ModuleGraph::NameOf(Local<v8::Module> module) const {
  v8::Isolate* isolate = isolate_.v8();
  for (auto& entry : entries_) {
    if (entry->module.Get(isolate) == module) return entry->name;
  }
  return {};
}

MaybeLocal<v8::Value> ModuleGraph::EvaluateSynthetic(Local<v8::Context> context, Local<v8::Module> module) {
  v8::Isolate* isolate = isolate_.v8();
  Entry* entry = Find(module);
  if (entry == nullptr) return {};
  Local<v8::Object> exports = entry->exports.Get(isolate);
  Local<v8::Array> keys;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&keys)) return {};
  for (uint32_t i = 0; i < keys->Length(); i++) {
    Local<v8::Value> key, value;
    if (!keys->Get(context, i).ToLocal(&key) || !key->IsString()) return {};
    if (!exports->Get(context, key).ToLocal(&value)) return {};
    if (module->SetSyntheticModuleExport(isolate, key.As<v8::String>(), value).IsNothing()) return {};
  }
  entry->exports.Reset();
  Local<v8::Promise::Resolver> done;
  if (!v8::Promise::Resolver::New(context).ToLocal(&done)) return {};
  if (done->Resolve(context, v8::Undefined(isolate)).IsNothing()) return {};
  return done->GetPromise();
}

MaybeLocal<v8::Value> ModuleGraph::EvaluateScript(Local<v8::Context> context) {
  v8::Isolate* isolate = isolate_.v8();
  const WorkerModule& module = worker_->modules[worker_->main];
  Local<v8::String> text;
  if (!SourceText(module).ToLocal(&text)) return {};
  v8::ScriptOrigin origin(ToV8(isolate, module.name));
  v8::ScriptCompiler::Source source(text, origin);
  Local<v8::Script> script;
  if (!v8::ScriptCompiler::Compile(context, &source).ToLocal(&script)) return {};
  if (script->Run(context).IsEmpty()) return {};
  return v8::Undefined(isolate).As<v8::Value>();
}

MaybeLocal<v8::Value> ModuleGraph::Evaluate(const IsolateLock& lock) {
  v8::Isolate* isolate = lock.v8();
  isolate->SetHostImportModuleDynamicallyCallback(&skerry::ImportDynamically);
  Local<v8::Context> context = lock.context();
  if (worker_->modules[worker_->main].type == wire::ModuleType::script) return EvaluateScript(context);
  Local<v8::Module> main;
  if (!Compile(context, worker_->main).ToLocal(&main)) return {};
  if (main->InstantiateModule(context, &ResolveStatic).IsNothing()) return {};
  Local<v8::Value> result;
  if (!main->Evaluate(context).ToLocal(&result)) return {};
  if (result->IsPromise()) evaluation_.Reset(isolate, result.As<v8::Promise>());
  if (main->GetStatus() == v8::Module::kErrored) {
    isolate->ThrowException(main->GetException());
    return {};
  }
  return main->GetModuleNamespace();
}

v8::Maybe<bool> ModuleGraph::Settled(const IsolateLock& lock) {
  if (evaluation_.IsEmpty()) return v8::Just(true);
  Local<v8::Promise> promise = evaluation_.Get(lock.v8());
  if (promise->State() == v8::Promise::kPending) return v8::Just(false);
  if (promise->State() == v8::Promise::kRejected) {
    promise->MarkAsHandled();
    lock.v8()->ThrowException(promise->Result());
    return v8::Nothing<bool>();
  }
  return v8::Just(true);
}

namespace {

// Continuations of a dynamic import; data is [resolver, namespace].
void ImportDone(const v8::FunctionCallbackInfo<v8::Value>& info) {
  Local<v8::Context> context = info.GetIsolate()->GetCurrentContext();
  Local<v8::Array> data = info.Data().As<v8::Array>();
  Local<v8::Value> resolver, space;
  if (!data->Get(context, 0).ToLocal(&resolver) || !data->Get(context, 1).ToLocal(&space)) return;
  (void)resolver.As<v8::Promise::Resolver>()->Resolve(context, space).FromMaybe(false);
}

void ImportFailed(const v8::FunctionCallbackInfo<v8::Value>& info) {
  Local<v8::Context> context = info.GetIsolate()->GetCurrentContext();
  Local<v8::Value> resolver;
  if (!info.Data().As<v8::Array>()->Get(context, 0).ToLocal(&resolver)) return;
  (void)resolver.As<v8::Promise::Resolver>()->Reject(context, info[0]).FromMaybe(false);
}

}  // namespace

MaybeLocal<v8::Promise> ModuleGraph::ImportDynamically(Local<v8::Context> context, Local<v8::String> specifier,
                                                       Local<v8::Value> referrer) {
  v8::Isolate* isolate = isolate_.v8();
  Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  v8::TryCatch caught(isolate);
  Local<v8::Module> module;
  Local<v8::Value> result;
  const std::string from = referrer->IsString() ? FromV8(isolate, referrer) : std::string();
  const bool evaluated = Resolve(nullptr, context, FromV8(isolate, specifier), from).ToLocal(&module) &&
                         module->InstantiateModule(context, &ResolveStatic).IsJust() &&
                         module->Evaluate(context).ToLocal(&result);
  if (!evaluated) {
    if (!caught.CanContinue() || caught.HasTerminated()) {
      caught.ReThrow();
      return {};
    }
    (void)resolver->Reject(context, caught.Exception()).FromMaybe(false);
    return resolver->GetPromise();
  }
  Local<v8::Value> space = module->GetModuleNamespace();
  if (!result->IsPromise()) {
    (void)resolver->Resolve(context, space).FromMaybe(false);
    return resolver->GetPromise();
  }
  Local<v8::Value> parts[] = {resolver, space};
  Local<v8::Array> data = v8::Array::New(isolate, parts, 2);
  Local<v8::Function> done, failed;
  if (!v8::Function::New(context, &ImportDone, data).ToLocal(&done)) return {};
  if (!v8::Function::New(context, &ImportFailed, data).ToLocal(&failed)) return {};
  if (result.As<v8::Promise>()->Then(context, done, failed).IsEmpty()) return {};
  return resolver->GetPromise();
}

void ModuleGraph::Reset() {
  evaluation_.Reset();
  entries_.clear();
}

}  // namespace skerry
