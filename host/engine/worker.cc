#include "engine/worker.h"

#include <algorithm>

namespace skerry {

namespace {

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void AppendJsonString(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.append("\\u00");
      out.push_back(kHex[(c >> 4) & 15]);
      out.push_back(kHex[c & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string ConfigJson(const wire::WorkerLoad& load, bool dev) {
  std::string out = "{\"name\":";
  AppendJsonString(out, load.name);
  out.append(",\"compatDate\":");
  AppendJsonString(out, load.compat_date);
  out.append(",\"compatFlags\":[");
  for (size_t i = 0; i < load.compat_flags.size(); i++) {
    if (i > 0) out.push_back(',');
    AppendJsonString(out, load.compat_flags[i]);
  }
  out.append(dev ? "],\"dev\":true" : "],\"dev\":false");
  if (load.modules[load.main].type == wire::ModuleType::script) out.append(",\"script\":true");
  out.append(",\"env\":");
  out.append(load.env.empty() ? std::string_view("[]") : load.env);
  out.push_back('}');
  return out;
}

}  // namespace

std::string_view ModuleKey(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  return name;
}

std::shared_ptr<Worker> Worker::Make(uint32_t id, const wire::WorkerLoad& load, std::string data, bool dev) {
  std::shared_ptr<Worker> worker(new Worker(id));
  worker->data_ = std::move(data);
  const std::string_view all = worker->data_;
  const auto inside = [&](uint32_t offset, uint32_t length) {
    return offset <= all.size() && length <= all.size() - offset;
  };
  if (load.main >= load.modules.size()) return nullptr;
  worker->code_caches_.resize(load.modules.size());
  worker->wasm_.resize(load.modules.size());
  for (size_t i = 0; i < load.modules.size(); i++) {
    const wire::Module& module = load.modules[i];
    if (!inside(module.offset, module.length) || !inside(module.cache_offset, module.cache_length)) return nullptr;
    const std::string_view text = all.substr(module.offset, module.length);
    const bool source = module.type == wire::ModuleType::esm || module.type == wire::ModuleType::script;
    worker->modules.push_back({std::string(ModuleKey(module.name)), module.type, text, source && IsAscii(text)});
    if (module.cache_length > 0) {
      worker->code_caches_[i] =
          std::make_shared<const std::string>(all.substr(module.cache_offset, module.cache_length));
    }
  }
  worker->name = load.name;
  worker->main = load.main;
  worker->config = ConfigJson(load, dev);
  worker->cpu_limit_ns = uint64_t{load.cpu_ms} * 1'000'000u;
  worker->startup_limit_ns = uint64_t{load.startup_ms} * 1'000'000u;
  worker->memory_bytes = size_t{load.memory_mb} << 20;
  return worker;
}

std::shared_ptr<const std::string> Worker::code_cache(size_t module) {
  std::lock_guard hold(mutex_);
  return code_caches_[module];
}

void Worker::set_code_cache(size_t module, std::string bytes) {
  std::lock_guard hold(mutex_);
  code_caches_[module] = std::make_shared<const std::string>(std::move(bytes));
}

std::optional<v8::CompiledWasmModule> Worker::compiled_wasm(size_t module) {
  std::lock_guard hold(mutex_);
  return wasm_[module];
}

void Worker::set_compiled_wasm(size_t module, v8::CompiledWasmModule compiled) {
  std::lock_guard hold(mutex_);
  wasm_[module].emplace(std::move(compiled));
}

}  // namespace skerry
