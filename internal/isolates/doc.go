// Package isolates runs events on workers in isolate hosts: it starts the host processes, keeps them alive, sends them
// definitions and events, carries bodies both ways and tells who may have killed a host. Wire: protocol/PROTOCOL.md.
//
// It knows no HTTP, no routes and no stores: requests are method, URL and packed headers, and what a worker asks for
// through its bindings goes to a CallHandler. It trusts nothing a host says; the first violation kills that host.
// cmd/skerry makes a Pool; ingress calls Fetch; bindings implements CallHandler.
//
// Goroutines, all joined by Close except the last: per host a reader (every frame of the host is handled there, in
// order), the connection's writer, one waiting for the process, one reading its standard error, one asking whether it
// lives, one looking at its memory where that is asked for; a housekeeper; one per host call, which goes on as the reader of the
// WebSocket that the call has opened; the writer of each WebSocket; one per body that a host reads. The last kind may stay in a
// Read of a request's body until that returns: the body is its caller's to end.
//
// Locks: Pool.mu before host.mu before inbound.mu and version.mu. No frame is sent and no foreign code called under them.
package isolates
