package succession

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// stateMax is the length in bytes of what a successor is told.
const stateMax = 64 << 20

// statePatience is how long the predecessor may take to tell it.
const statePatience = 10 * time.Second

// Inheritance is what a process has from its predecessor.
type Inheritance struct {
	// Anchor is the process id by which everybody knows the server.
	Anchor int
	// Facts is what the predecessor has said.
	Facts json.RawMessage

	conn    *net.UnixConn
	line    int
	sockets map[[2]string]int
	// predecessor and anchor are closed when those have gone.
	predecessor, anchor chan struct{}
}

// Inherit returns what this process has inherited, nil if nobody was before it. It is called once, early: descriptors that are not
// known to be inherited would be passed on.
func Inherit() (*Inheritance, error) {
	fd, err := takeVariable()
	if err != nil || fd < 0 {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	conn, err := connOf(fd)
	if err != nil {
		return nil, fmt.Errorf("inherit from the predecessor: %w", err)
	}
	i := &Inheritance{conn: conn, line: -1, sockets: make(map[[2]string]int), predecessor: make(chan struct{}), anchor: make(chan struct{})}
	conn.SetReadDeadline(time.Now().Add(statePatience))
	reader := bufio.NewReader(io.LimitReader(conn, stateMax))
	text, err := reader.ReadBytes('\n')
	var st state
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("inherit from the predecessor: %w", err)
	}
	conn.SetReadDeadline(time.Time{})
	i.Anchor, i.Facts, i.line = st.Anchor, st.Facts, st.AnchorLine
	syscall.CloseOnExec(i.line)
	for _, s := range st.Sockets {
		syscall.CloseOnExec(s.File)
		i.sockets[[2]string{s.Name, s.Address}] = s.File
	}
	go func() { // ends with the predecessor: it says nothing more
		io.Copy(io.Discard, conn)
		close(i.predecessor)
	}()
	go watchAnchor(i.line, i.anchor)
	return i, nil
}

// watchAnchor ends with the anchor, which never says anything.
func watchAnchor(line int, gone chan<- struct{}) {
	var b [1]byte
	for {
		n, err := syscall.Read(line, b[:])
		if errors.Is(err, syscall.EINTR) || n > 0 {
			continue
		}
		close(gone)
		return
	}
}

// Listener returns the socket of that name, if it has the address, and nil if there is none.
func (i *Inheritance) Listener(name, address string) (net.Listener, error) {
	key := [2]string{name, address}
	if i == nil {
		return nil, nil
	}
	fd, found := i.sockets[key]
	if !found {
		return nil, nil
	}
	delete(i.sockets, key)
	l, err := listenerOf(fd, name)
	if err != nil {
		return nil, fmt.Errorf("take over the socket of %s: %w", address, err)
	}
	return l, nil
}

// Serving says that this process serves: the predecessor stops accepting and lets the anchor know. Sockets that nobody has asked for are
// closed. The error means that the predecessor has gone, or has given up waiting.
func (i *Inheritance) Serving(r Report) error {
	for _, fd := range i.sockets {
		syscall.Close(fd)
	}
	clear(i.sockets)
	return i.say(r)
}

// Fail says that this process will not serve, and why.
func (i *Inheritance) Fail(err error) {
	if i == nil {
		return
	}
	text := err.Error()
	i.say(Report{Failed: text[:min(len(text), reportMax/8)]}) // an error means that nobody listens
}

func (i *Inheritance) say(r Report) error {
	r.Pid = os.Getpid()
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := i.conn.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("tell the predecessor: %w", err)
	}
	return nil
}

// PredecessorGone is closed when the predecessor has ended, or has become the caretaker. nil: there was none.
func (i *Inheritance) PredecessorGone() <-chan struct{} {
	if i == nil {
		return nil
	}
	return i.predecessor
}

// AnchorGone is closed when the anchor was killed. nil: this is the anchor.
func (i *Inheritance) AnchorGone() <-chan struct{} {
	if i == nil {
		return nil
	}
	return i.anchor
}
