// The second wall: what is left of the machine for a process in which hostile native code may run.
//
// The supervisor starts Node with this library preloaded, inside namespaces of its own. So Enter, the library's
// constructor, runs before Node's main: while the process has one thread, no file is open but those it was born
// with, and every thread to come inherits what is given up here. The system-call filter is the one wall that cannot
// stand yet, since V8 needs more to start than to run: CloseFilter puts it up on all threads before the first word to
// the supervisor.
//
// SKERRY_WALLS in the environment names the walls, separated by commas, as internal/sandbox does; "explain" among them
// names a forbidden system call before it ends the process, "probe" tries all of them, reports to standard output and
// exits. Without the variable nothing happens: that is how the startup snapshot is built.
#pragma once

namespace skerry::sandbox {

// Exit code of a process that could not put up a wall that it was told to.
inline constexpr int kExitWall = 73;

// Puts up the system-call filter, if it was asked for. Ends the process if that fails.
void CloseFilter();

}  // namespace skerry::sandbox
