// Package ingress turns HTTP requests into events on workers and the answers of workers into HTTP responses.
//
// It owns the listeners' HTTP side: strict HTTP/1.1, cleartext and TLS HTTP/2, limits, request identity, error pages and
// pass-through to an origin. It does not know how a worker is found (Router) or where it runs (Dispatcher), stores
// nothing, and logs nothing per request itself: an Observer is told once per event, when the event is over.
//
// cmd/skerry makes a Server. Serve starts net/http's goroutines, one per connection, plus one per TLS handshake; an event
// that outlives its response (waitUntil) holds one goroutine until it is over. Shutdown and Close join them all.
package ingress
