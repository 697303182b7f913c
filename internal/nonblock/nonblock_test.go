package nonblock

import (
	"syscall"
	"testing"
)

func TestReadWrite(t *testing.T) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[1])
	r, w := uintptr(fds[0]), uintptr(fds[1])
	buffer := make([]byte, 8)
	if n, err := Read(r, buffer); n != 0 || err != syscall.EAGAIN {
		t.Errorf("empty: %d, %v", n, err)
	}
	if n, err := Write(w, []byte("hello")); n != 5 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if n, err := Read(r, buffer); string(buffer[:n]) != "hello" || err != nil {
		t.Errorf("read: %q, %v", buffer[:n], err)
	}
	full := make([]byte, 1<<20)
	for {
		n, err := Write(w, full)
		if err == syscall.EAGAIN {
			break
		}
		if err != nil || n <= 0 {
			t.Fatalf("fill: %d, %v", n, err)
		}
	}
	syscall.Close(fds[0])
	if n, err := Write(w, full); n != 0 || err != syscall.EPIPE {
		t.Errorf("closed: %d, %v", n, err)
	}
	if n, err := Read(^uintptr(0), buffer); n != 0 || err != syscall.EBADF {
		t.Errorf("no descriptor: %d, %v", n, err)
	}
}
