//go:build race

package nonblock

import "syscall"

// call lets package syscall tell the race detector that what is read happens after what was written.
func call(trap, fd uintptr, p []byte) (int, error) {
	for {
		var n int
		var err error
		if trap == syscall.SYS_READ {
			n, err = syscall.Read(int(fd), p)
		} else {
			n, err = syscall.Write(int(fd), p)
		}
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
