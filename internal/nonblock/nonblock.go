// Package nonblock reads and writes descriptors that do not block, without telling Go's scheduler, which costs as much again as a
// small read and makes the scheduler's monitor look every 20 µs: it assumes that a system call may last. internal/hostproto and
// internal/ingress use it in the callbacks of a syscall.RawConn, whose descriptors are non-blocking. It starts no goroutines.
package nonblock

import "syscall"

// Read is syscall.Read, again when it is interrupted. p is not empty.
func Read(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_READ, fd, p) }

// Write is syscall.Write, again when it is interrupted. p is not empty.
func Write(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_WRITE, fd, p) }
