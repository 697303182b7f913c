// The startup snapshot: the runtime layer evaluated once, so that an isolate starts with it in place.
#pragma once

#include <v8.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/isolate.h"
#include "ops/op.h"

namespace skerry {

// The addresses that the snapshot refers to by position: the operations and the source text. Null-terminated.
std::vector<intptr_t> ExternalReferences(const std::vector<Op>& ops);

// The file: the identity below, u32 length of the source, the source of the runtime layer in ASCII, V8's blob.

// What a snapshot must agree on with the addon that opens it: V8's version, the operations and the handlers in their
// order. V8 finds callbacks by position, so a snapshot of other operations would call the wrong ones.
std::string SnapshotIdentity(const std::vector<Op>& ops);

// Evaluates the bundle, a script whose value is function(native), in a fresh isolate and serialises it into the
// contents of a snapshot file. Returns what went wrong, or an empty text.
std::string BuildSnapshot(V8Platform& platform, const std::vector<Op>& ops, std::string bundle, std::string& file);

// Gives the source its place and returns the blob, which points into the file's contents; null if they are no snapshot
// of this build.
v8::StartupData OpenSnapshot(const std::vector<Op>& ops, const std::string& file);

}  // namespace skerry
