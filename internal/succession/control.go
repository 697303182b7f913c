package succession

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// controlPrefix begins the names of control sockets, which are abstract (unix(7)): they are in no directory, and go with their process.
const controlPrefix = "skerry-serve-"

const (
	// questionMax is the length in bytes of a question, questionPatience how long it may take to come.
	questionMax      = 4 << 10
	questionPatience = 5 * time.Second
	// controlsMax is the number of questions that are answered at the same time.
	controlsMax = 16
)

// Question is what an operator asks for.
type Question struct {
	// HostsOnly: only the isolate hosts are replaced, the process stays.
	HostsOnly bool `json:"hosts_only,omitempty"`
}

// Answer says what has become of it.
type Answer struct {
	// Error is why it has not been done; "" if it has.
	Error string `json:"error,omitempty"`
	// Old and New are who served and who serves; the same process where only hosts are replaced.
	Old Report `json:"old,omitzero"`
	New Report `json:"new,omitzero"`
	// Millis is how long it took, Drain how long requests of the old process have, both in milliseconds.
	Millis int64 `json:"ms,omitempty"`
	Drain  int64 `json:"drain_ms,omitempty"`
}

// ListenControl opens the control socket of the server whose anchor has this process id.
func ListenControl(anchor int) (net.Listener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "\x00" + controlPrefix + strconv.Itoa(anchor), Net: "unix"})
	if err != nil {
		return nil, err // not l: it would be a listener that is nil
	}
	return l, nil
}

// Control answers questions on a control socket, of root and of the user that this process has. answer is called concurrently. It
// returns when the listener is closed and the questions that had come are answered.
func Control(l net.Listener, answer func(Question) Answer) {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, controlsMax)
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(100 * time.Millisecond) // out of descriptors: it may pass
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		under.Go(func() { // ends with the answer
			defer func() { conn.Close(); <-slots }()
			converse(conn.(*net.UnixConn), answer)
		})
	}
}

func converse(conn *net.UnixConn, answer func(Question) Answer) {
	say := json.NewEncoder(conn)
	if err := trusted(conn, false); err != nil {
		say.Encode(Answer{Error: err.Error()}) // an error means that nobody listens, here and below
		return
	}
	conn.SetReadDeadline(time.Now().Add(questionPatience))
	var q Question
	text, err := bufio.NewReader(io.LimitReader(conn, questionMax)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	if err != nil {
		say.Encode(Answer{Error: "the question is not understood: " + err.Error()})
		return
	}
	say.Encode(answer(q))
}

// trusted says whether the other side is root or of our user. rootMay: if we are root, it may be anybody.
func trusted(conn *net.UnixConn, rootMay bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	own := uint32(os.Geteuid())
	if peer.Uid == own || peer.Uid == 0 || rootMay && own == 0 {
		return nil
	}
	return fmt.Errorf("the other side is of user %d, neither root nor user %d", peer.Uid, own)
}

// Running lists the anchors of the servers that run in this network namespace.
func Running() ([]int, error) {
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil, fmt.Errorf("look for running servers: %w", err)
	}
	return running(string(text)), nil
}

// running reads /proc/net/unix: of the sockets of our names those that listen.
func running(text string) []int {
	const accepting = 1 << 16 // __SO_ACCEPTCON
	var pids []int
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		flags, err := strconv.ParseUint(fields[3], 16, 64)
		name, ours := strings.CutPrefix(fields[7], "@"+controlPrefix)
		if err != nil || !ours || flags&accepting == 0 {
			continue
		}
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// Ask asks the server with this anchor and waits for the answer. The error means that there was none; Answer.Error is the server's.
func Ask(anchor int, q Question, patience time.Duration) (Answer, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: "\x00" + controlPrefix + strconv.Itoa(anchor), Net: "unix"})
	if err != nil {
		return Answer{}, fmt.Errorf("reach process %d: %w", anchor, err)
	}
	defer conn.Close()
	if err := trusted(conn, true); err != nil {
		return Answer{}, fmt.Errorf("process %d is not asked: %w", anchor, err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return Answer{}, fmt.Errorf("ask process %d: %w", anchor, err)
	}
	var a Answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("process %d gave no answer: %w", anchor, err)
	}
	return a, nil
}
