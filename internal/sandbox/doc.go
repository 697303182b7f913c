// Package sandbox starts isolate hosts behind the second wall: in namespaces of their own, without files, network, privileges and
// all system calls but those they need. It also says which parts of that the machine has, and how to get the others.
//
// It is not what puts the walls up inside the process: host/sandbox does, before Node's main, as this package tells it
// (SKERRY_WALLS). It knows neither the protocol nor workers. cmd/skerry makes a Sandbox and hands its Start to internal/isolates.
//
// The descriptors of a host: 0 and 1 /dev/null, 2 a pipe to the supervisor's log, 3 the socket, 4 the crash page; 5 (the addon, for the
// dynamic loader) and 6 (the startup snapshot) are closed before any tenant's code is there. Node itself is executed by
// descriptor, so a host needs no right to look into the directory of the installation. Design and threat model: docs/security.md.
//
// Goroutines: one for the process, made at the first start, on a thread of its own: the kernel kills a host when the *thread*
// that started it ends, and that one never does. Its methods may be called from any goroutine.
package sandbox
