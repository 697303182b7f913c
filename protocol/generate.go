// Package protocol holds the one schema of the wire between the supervisor and an isolate host (messages.json), its
// contract in words (PROTOCOL.md), the generator of the Go, C++ and TypeScript readers and writers (gen) and the
// vectors that all three are tested against (vectors). It has no code of its own and starts no goroutine.
package protocol

//go:generate go run ./gen -root ..
