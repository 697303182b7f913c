// The only file that knows Node: it is loaded by the Node binary, takes V8 and its platform from it, and hands both to
// the engine. No Node API is reachable from a worker.
//
//   run(build)                               becomes an isolate host on the descriptors it was born with; never returns
//   buildSnapshot(bundlePath, snapshotPath)  evaluates the runtime layer and writes the startup snapshot

#include <errno.h>
#include <fcntl.h>
#include <node.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <v8.h>

#include <memory>
#include <string>
#include <utility>

#include "engine/host.h"
#include "limits/fatal.h"
#include "ops/host_ops.h"
#include "sandbox/descriptors.h"
#include "sandbox/walls.h"
#include "snapshot/snapshot.h"

namespace skerry {

namespace {

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

// Reads a file from its start, wherever its offset is (hosts share that of their snapshot), and closes it.
std::string ReadAll(int fd, const std::string& name) {
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0) Die("cannot open " + name);
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < content.size()) {
    const ssize_t n = pread(fd, content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) Die("cannot read " + name);
    have += static_cast<size_t>(n);
  }
  close(fd);
  return content;
}

V8Platform& Platform(const v8::FunctionCallbackInfo<v8::Value>& info) {
  static NodePlatform* platform = new NodePlatform(
      node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(info.GetIsolate()->GetCurrentContext())));
  return *platform;
}

void Run(const v8::FunctionCallbackInfo<v8::Value>& info) {
  // These live as long as the process.
  const std::string name = "the startup snapshot";
  auto* snapshot = new std::string(ReadAll(sandbox::kSnapshotDescriptor, name));
  auto* references = new std::vector<intptr_t>(ExternalReferences(AllOps()));
  const v8::StartupData blob = OpenSnapshot(AllOps(), *snapshot);
  if (blob.data == nullptr) Die(name + " is not one of this build: make both anew");
  auto* isolates = new IsolateTemplate{&Platform(info), blob, references->data()};
  auto* host = new Host(sandbox::kSocketDescriptor, sandbox::kCrashPageDescriptor, *isolates, Argument(info, 0));
  TakeFatalSignals();
  // Before the first word to the supervisor, so that what it sends meets a process that cannot do anything with it.
  sandbox::CloseFilter();
  host->Run();
}

void Build(const v8::FunctionCallbackInfo<v8::Value>& info) {
  std::string bundle = ReadAll(open(Argument(info, 0).c_str(), O_RDONLY | O_CLOEXEC), Argument(info, 0));
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
