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

// The file: magic, u32 length of the source, the source of the runtime layer in ASCII, V8's blob.
inline constexpr char kSnapshotMagic[] = "skerry1\n";

// Evaluates the bundle, a script whose value is function(native), in a fresh isolate and serialises it into the contents
// of a snapshot file. Returns what went wrong, or an empty text.
std::string BuildSnapshot(V8Platform& platform, const std::vector<Op>& ops, std::string bundle, std::string& file);

// Gives the source its place and returns the blob, which points into the file's contents; null if they are no snapshot.
v8::StartupData OpenSnapshot(const std::string& file);

}  // namespace skerry
