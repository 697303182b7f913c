// Where the runtime layer's handlers go while the startup snapshot is built.
#pragma once

#include <v8.h>

namespace skerry {

// The isolate data slot that holds the SnapshotBuild during a build.
inline constexpr uint32_t kSnapshotSlot = 1;

// Takes the object given to setHandlers. Throws if it is called outside a build, or if a handler is missing.
void RegisterHandlers(v8::Isolate* isolate, v8::Local<v8::Value> handlers);

}  // namespace skerry
