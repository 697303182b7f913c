// The descriptors that a host is born with, besides the three standard ones. internal/sandbox passes them in this
// order.
#pragma once

namespace skerry::sandbox {

inline constexpr int kSocketDescriptor = 3;
inline constexpr int kCrashPageDescriptor = 4;
// This library, for the dynamic loader; closed before main.
inline constexpr int kAddonDescriptor = 5;
// The startup snapshot; closed when it has been read.
inline constexpr int kSnapshotDescriptor = 6;

// Closes the library's descriptor and whatever should not have been inherited.
void CloseSurplusDescriptors();

}  // namespace skerry::sandbox
