// Work that is too long for an executor: it runs on a thread of its own (engine/job_pool.h) and comes back to the
// isolate as mail. A job owns all that it works on, so whatever ends meanwhile, the event or the isolate, does not
// concern it.
#pragma once

#include <v8.h>

namespace skerry {

// Asked by long work every fraction of a millisecond.
class WorkControl {
 public:
  // False: nobody wants the result any more, or its event has no CPU time left. The work then ends as soon as it can.
  virtual bool Continue() = 0;

 protected:
  ~WorkControl() = default;
};

class Job {
 public:
  virtual ~Job() = default;

  // Once, on a thread without V8.
  virtual void Run(WorkControl& control) = 0;

  // After Run, on the thread that holds the isolate. Empty with an exception pending if there is no memory for it.
  virtual v8::MaybeLocal<v8::Value> Result(v8::Isolate* isolate) = 0;
};

}  // namespace skerry
