// The only file that knows Node: it is loaded by the Node binary, takes V8 and its platform from it, and hands both to
// the engine. No Node API is reachable from a worker.
//
//   run(snapshotPath, build)                 becomes an isolate host on descriptors 3 and 4; never returns
//   buildSnapshot(bundlePath, snapshotPath)  evaluates the runtime layer and writes the startup snapshot

#include <node.h>
#include <stdio.h>
#include <unistd.h>
#include <v8.h>

#include <memory>
#include <string>
#include <utility>

#include "engine/host.h"
#include "ops/host_ops.h"
#include "snapshot/snapshot.h"

namespace skerry {

namespace {

constexpr int kSocketDescriptor = 3;
constexpr int kCrashPageDescriptor = 4;

// How V8's platform asks for an isolate's foreground task runner.
class Delegate final : public node::IsolatePlatformDelegate, public V8Platform::Registration {
 public:
  explicit Delegate(std::shared_ptr<v8::TaskRunner> tasks) : tasks_(std::move(tasks)) {}
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner() override { return tasks_; }
  bool IdleTasksEnabled() override { return false; }

 private:
  const std::shared_ptr<v8::TaskRunner> tasks_;
};

class NodePlatform final : public V8Platform {
 public:
  explicit NodePlatform(node::MultiIsolatePlatform* platform) : platform_(platform) {}

  std::unique_ptr<Registration> Register(v8::Isolate* isolate, std::shared_ptr<v8::TaskRunner> tasks) override {
    auto delegate = std::make_unique<Delegate>(std::move(tasks));
    platform_->RegisterIsolate(isolate, delegate.get());
    return delegate;
  }
  void Dispose(v8::Isolate* isolate) override { platform_->DisposeIsolate(isolate); }

 private:
  node::MultiIsolatePlatform* const platform_;
};

std::string Argument(const v8::FunctionCallbackInfo<v8::Value>& info, int index) {
  v8::String::Utf8Value text(info.GetIsolate(), info[index]);
  return *text == nullptr ? std::string() : std::string(*text, static_cast<size_t>(text.length()));
}

[[noreturn]] void Die(const std::string& text) {
  fprintf(stderr, "skerry host: %s\n", text.c_str());
  _exit(72);
}

std::string ReadFile(const std::string& path) {
  FILE* file = fopen(path.c_str(), "rbe");
  if (file == nullptr) Die("cannot open " + path);
  std::string content;
  char piece[65536];
  for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;) content.append(piece, n);
  fclose(file);
  return content;
}

V8Platform& Platform(const v8::FunctionCallbackInfo<v8::Value>& info) {
  static NodePlatform* platform = new NodePlatform(
      node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(info.GetIsolate()->GetCurrentContext())));
  return *platform;
}

void Run(const v8::FunctionCallbackInfo<v8::Value>& info) {
  // These live as long as the process.
  auto* snapshot = new std::string(ReadFile(Argument(info, 0)));
  auto* references = new std::vector<intptr_t>(ExternalReferences(AllOps()));
  const v8::StartupData blob = OpenSnapshot(AllOps(), *snapshot);
  if (blob.data == nullptr) Die(Argument(info, 0) + " is not a startup snapshot of this build: make both anew");
  auto* isolates = new IsolateTemplate{&Platform(info), blob, references->data()};
  auto* host = new Host(kSocketDescriptor, kCrashPageDescriptor, *isolates, Argument(info, 1));
  host->Run();
}

void Build(const v8::FunctionCallbackInfo<v8::Value>& info) {
  std::string bundle = ReadFile(Argument(info, 0));
  const std::string path = Argument(info, 1);
  std::string blob;
  const std::string failure = BuildSnapshot(Platform(info), AllOps(), std::move(bundle), blob);
  if (!failure.empty()) Die("the runtime layer cannot be made into a snapshot: " + failure);
  FILE* file = fopen(path.c_str(), "wbe");
  if (file == nullptr || fwrite(blob.data(), 1, blob.size(), file) != blob.size() || fclose(file) != 0) {
    Die("cannot write " + path);
  }
  fprintf(stderr, "startup snapshot: %zu bytes\n", blob.size());
  // Leaving through exit would run V8's teardown with isolates alive.
  _exit(0);
}

}  // namespace

}  // namespace skerry

NODE_MODULE_INIT() {
  (void)module;
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  const auto add = [&](const char* name, v8::FunctionCallback callback) {
    exports
        ->Set(context, v8::String::NewFromUtf8(isolate, name).ToLocalChecked(),
              v8::Function::New(context, callback).ToLocalChecked())
        .Check();
  };
  add("run", &skerry::Run);
  add("buildSnapshot", &skerry::Build);
}
