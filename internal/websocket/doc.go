// Package websocket is one WebSocket connection (RFC 6455) with permessage-deflate (RFC 7692): opening handshakes of both
// sides, frames, masks, pings, the check of UTF-8, compression and limits. Messages go through it in pieces, so that a
// connection holds a few kilobytes whatever the length of its messages.
//
// It does not answer Close frames by itself: a worker may keep its half open. It dials nothing, knows no workers, and
// starts no goroutines. The frames themselves are read and written with gobwas/ws, the one library that leaves all of that to its
// caller and works on anything that can be read and written. internal/ingress and internal/egress make connections,
// internal/isolates reads and writes them.
package websocket
