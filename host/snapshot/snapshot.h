// The startup snapshot: the runtime layer evaluated once, so that an isolate starts with it in place.
#pragma once

#include <v8.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/isolate.h"
#include "ops/op.h"

namespace skerry {

// The addresses that the snapshot refers to by position: the operations. Null-terminated.
std::vector<intptr_t> ExternalReferences(const std::vector<Op>& ops);

// Evaluates the bundle, a script whose value is function(native), in a fresh isolate and serialises it. Returns what
// went wrong, or an empty text.
std::string BuildSnapshot(V8Platform& platform, const std::vector<Op>& ops, std::string_view bundle, std::string& blob);

}  // namespace skerry
