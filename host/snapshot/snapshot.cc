#include "snapshot/snapshot.h"

#include <algorithm>
#include <cstring>

#include "snapshot/handlers.h"
#include "snapshot/source.h"

namespace skerry {

namespace {

using v8::Local;

struct SnapshotBuild {
  v8::SnapshotCreator* creator;
  bool registered = false;
};

void Throw(v8::Isolate* isolate, const std::string& text) {
  isolate->ThrowException(
      v8::Exception::Error(v8::String::NewFromUtf8(isolate, text.c_str()).FromMaybe(v8::String::Empty(isolate))));
}

std::string Describe(v8::Isolate* isolate, v8::TryCatch& caught) {
  if (!caught.HasCaught()) return "the bundle has no result";
  Local<v8::Value> stack;
  if (!caught.StackTrace(isolate->GetCurrentContext()).ToLocal(&stack)) stack = caught.Exception();
  v8::String::Utf8Value text(isolate, stack);
  return *text == nullptr ? "an exception without text" : std::string(*text, static_cast<size_t>(text.length()));
}

}  // namespace

void RegisterHandlers(v8::Isolate* isolate, Local<v8::Value> handlers) {
  auto* build = static_cast<SnapshotBuild*>(isolate->GetData(kSnapshotSlot));
  if (build == nullptr || build->registered || !handlers->IsObject()) {
    Throw(isolate, "setHandlers is for the building of the snapshot, once");
    return;
  }
  Local<v8::Context> context = isolate->GetCurrentContext();
  for (const char* name : kHandlerNames) {
    Local<v8::Value> function;
    Local<v8::String> key = v8::String::NewFromUtf8(isolate, name).ToLocalChecked();
    if (!handlers.As<v8::Object>()->Get(context, key).ToLocal(&function)) return;
    if (!function->IsFunction()) {
      Throw(isolate, std::string("setHandlers: no function ") + name);
      return;
    }
    build->creator->AddData(context, function.As<v8::Function>());
  }
  build->registered = true;
}

RuntimeSource& RuntimeSource::Get() {
  static auto* source = new RuntimeSource();
  return *source;
}

std::vector<intptr_t> ExternalReferences(const std::vector<Op>& ops) {
  std::vector<intptr_t> references;
  for (const Op& op : ops) references.push_back(reinterpret_cast<intptr_t>(op.function));
  for (intptr_t callback : LazyReferences()) references.push_back(callback);
  references.push_back(reinterpret_cast<intptr_t>(&RuntimeSource::Get()));
  references.push_back(0);
  return references;
}

std::string BuildSnapshot(V8Platform& platform, const std::vector<Op>& ops, std::string bundle, std::string& file) {
  if (std::any_of(bundle.begin(), bundle.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7f; })) {
    return "the bundle has characters that are not ASCII";
  }
  const uint32_t source_length = static_cast<uint32_t>(bundle.size());
  file = SnapshotIdentity(ops);
  file.append(reinterpret_cast<const char*>(&source_length), sizeof source_length);
  file.append(bundle);
  RuntimeSource::Get().set_text(std::move(bundle));
  const std::vector<intptr_t> references = ExternalReferences(ops);
  auto tasks = std::make_shared<TaskRunner>();
  v8::Isolate* isolate = v8::Isolate::Allocate();
  auto registration = platform.Register(isolate, tasks);
  v8::Isolate::CreateParams params;
  params.external_references = references.data();
  params.array_buffer_allocator_shared = std::make_shared<BufferAllocator>(size_t{64} << 20);
  std::string failure;
  v8::Locker locker(isolate);
  v8::SnapshotCreator creator(isolate, params);
  SnapshotBuild build{&creator};
  isolate->SetData(kSnapshotSlot, &build);
  isolate->SetData(Isolate::kOwnerSlot, nullptr);
  isolate->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  {
    v8::HandleScope handles(isolate);
    Local<v8::Context> context = v8::Context::New(isolate);
    {
      v8::Context::Scope scope(context);
      v8::TryCatch caught(isolate);
      Local<v8::Object> native = v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
      for (const Op& op : ops) {
        Local<v8::String> name =
            v8::String::NewFromUtf8(isolate, op.name, v8::NewStringType::kInternalized).ToLocalChecked();
        Local<v8::FunctionTemplate> shape =
            v8::FunctionTemplate::New(isolate, op.function, Local<v8::Value>(), Local<v8::Signature>(), op.length,
                                      v8::ConstructorBehavior::kThrow);
        Local<v8::Function> function = shape->GetFunction(context).ToLocalChecked();
        function->SetName(name);
        native->CreateDataProperty(context, name, function).Check();
      }
      Local<v8::String> source;
      Local<v8::Value> main;
      v8::ScriptOrigin origin(v8::String::NewFromUtf8Literal(isolate, kRuntimeScript));
      if (v8::String::NewExternalOneByte(isolate, &RuntimeSource::Get()).ToLocal(&source)) {
        v8::ScriptCompiler::Source text(source, origin);
        Local<v8::Script> script;
        Local<v8::Value> argument = native;
        const bool ok = v8::ScriptCompiler::Compile(context, &text).ToLocal(&script) &&
                        script->Run(context).ToLocal(&main) && main->IsFunction() &&
                        !main.As<v8::Function>()->Call(context, v8::Undefined(isolate), 1, &argument).IsEmpty();
        isolate->PerformMicrotaskCheckpoint();
        if (!ok) {
          failure = Describe(isolate, caught);
        } else if (!build.registered) {
          failure = "the bundle did not call setHandlers";
        }
      }
    }
    isolate->SetContinuationPreservedEmbedderDataV2(v8::Undefined(isolate));
    creator.SetDefaultContext(context);
  }
  isolate->SetData(kSnapshotSlot, nullptr);
  v8::StartupData data = creator.CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
  if (data.data == nullptr) return failure.empty() ? "V8 made no snapshot" : failure;
  if (failure.empty()) file.append(data.data, static_cast<size_t>(data.raw_size));
  delete[] data.data;
  return failure;
}

std::string SnapshotIdentity(const std::vector<Op>& ops) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  const auto mix = [&](const char* name) {
    for (; *name != 0; name++) hash = (hash ^ static_cast<unsigned char>(*name)) * 1099511628211u;
    hash = (hash ^ 0xff) * 1099511628211u;
  };
  for (const Op& op : ops) mix(op.name);
  for (const char* name : kHandlerNames) mix(name);
  return "skerry snapshot " + std::string(v8::V8::GetVersion()) + " " + std::to_string(hash) + "\n";
}

v8::StartupData OpenSnapshot(const std::vector<Op>& ops, const std::string& file) {
  const std::string identity = SnapshotIdentity(ops);
  uint32_t source_length = 0;
  const size_t head = identity.size() + sizeof source_length;
  if (file.size() < head || !file.starts_with(identity)) return {nullptr, 0};
  memcpy(&source_length, file.data() + identity.size(), sizeof source_length);
  if (source_length > file.size() - head) return {nullptr, 0};
  RuntimeSource::Get().set_text(file.substr(head, source_length));
  return {file.data() + head + source_length, static_cast<int>(file.size() - head - source_length)};
}

}  // namespace skerry
