// Package hostproto is the Go half of the wire between the supervisor and an isolate host: messages (generated from
// protocol/messages.json), frames, and a connection that reads and writes them. Contract: protocol/PROTOCOL.md.
//
// It has no policy: it does not know what an event or a worker is, keeps no table of ids and decides nothing but
// whether bytes are well formed. Its caller is internal/isolates. Conn.Serve starts one goroutine and joins it.
package hostproto
