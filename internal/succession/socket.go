package succession

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a listening socket that a successor shall have.
type Socket struct {
	// Name says what for, Address what was asked for: a successor that is asked for another address opens that.
	Name, Address string
	Listener      net.Listener
}

// duplicate returns another descriptor of a listener. It stays as it is: an os.File of it would make it, and with it the listener, block.
func duplicate(l net.Listener) (int, error) {
	has, ok := l.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("a listener of type %T has no descriptor", l)
	}
	raw, err := has.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, failed := -1, error(nil)
	if err := raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	return fd, failed
}

// listenerOf makes a listener of an inherited descriptor, which it closes.
func listenerOf(fd int, name string) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), name)
	if file == nil {
		return nil, errors.New("not a descriptor")
	}
	defer file.Close()
	return net.FileListener(file)
}
