package succession

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// protocol is the version of what generations say to each other. Generations of different ones do not follow each other.
const protocol = 1

// variable is how a successor is told that it is one: the version of the protocol and the descriptor of the socketpair.
const variable = "SKERRY_SUCCESSION"

// firstFile is the descriptor of the socketpair in the successor; the anchor's line and the sockets follow.
const firstFile = 3

// state is what a successor is told at its birth. Descriptors are numbers in the successor.
type state struct {
	Anchor     int // process id
	AnchorLine int // descriptor
	Sockets    []sentSocket
	// Facts is what the server itself has to say to its successor.
	Facts json.RawMessage
}

type sentSocket struct {
	Name, Address string
	File          int
}

// Report is what a successor says of itself.
type Report struct {
	Pid int `json:"pid"`
	// Version is the release, Engine its V8.
	Version string `json:"version"`
	Engine  string `json:"engine,omitempty"`
	// Failed is why it does not serve; "" if it does.
	Failed string `json:"failed,omitempty"`
}

// errProtocol says that two releases cannot follow each other.
func errProtocol(theirs string) error {
	return fmt.Errorf("the running process speaks succession protocol %s, this binary speaks %d: stop and start instead", theirs, protocol)
}

// pair makes a socketpair that keeps messages apart, closed on exec.
func pair() (ours, theirs int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("make socketpair: %w", err)
	}
	return fds[0], fds[1], nil
}

// takeVariable returns the descriptor that the environment names and removes the variable, which is nobody else's; -1 if there is none.
func takeVariable() (int, error) {
	text, found := os.LookupEnv(variable)
	if !found {
		return -1, nil
	}
	os.Unsetenv(variable) // the only error is a bad name
	version, number, _ := strings.Cut(text, " ")
	if version != strconv.Itoa(protocol) {
		return -1, errProtocol(version)
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd < firstFile {
		return -1, errors.New(variable + " is set, but not by a predecessor")
	}
	return fd, nil
}
