// The process-wide V8 platform as the engine needs it: isolates are registered with a task runner of their own. What
// provides the platform is known to addon.cc alone.
#pragma once

#include <v8-platform.h>

#include <memory>

namespace v8 {
class Isolate;
}

namespace skerry {

class V8Platform {
 public:
  // Keeps the task runner for as long as the isolate is registered.
  class Registration {
   public:
    virtual ~Registration() = default;
  };

  virtual ~V8Platform() = default;
  // Between Isolate::Allocate and Isolate::Initialize. The registration must outlive the isolate.
  virtual std::unique_ptr<Registration> Register(v8::Isolate* isolate, std::shared_ptr<v8::TaskRunner> tasks) = 0;
  // Disposes the isolate, unregisters it and frees its memory, in the order V8 wants.
  virtual void Dispose(v8::Isolate* isolate) = 0;
};

}  // namespace skerry
