// Package succession lets a running server be followed by another process, of another binary maybe, without a client noticing: the
// successor inherits the listening sockets, gets ready beside its predecessor, and only then does that one stop accepting. It knows
// sockets, processes and messages between them, not what is served.
//
// Words. The *anchor* is the process that somebody started: a shell, systemd, a container. Its process id is what they know, so it
// never goes: when it has been succeeded and its last request is over, it executes itself anew as a *caretaker*, which passes signals
// on to whichever process serves, waits for all of them and ends as they do. A *generation* is a process that serves or has served.
//
//	anchor ── generation 2 ── generation 3      (while 2 drains)
//	anchor (caretaker) ── generation 3          (then: the anchor is the subreaper of all of them)
//
// Between two generations there is one socketpair: the state and the sockets go down, readiness or a reason comes up, and its end tells
// that the other one has gone. Between the anchor and all generations there is another one: a generation says on it who serves now, and its
// end tells that the anchor was killed, upon which the generation ends, too: nobody would know it any more.
//
// Operators ask for an upgrade by a signal or on the control socket, which has the anchor's process id in its name (see Control).
//
// cmd/skerry calls it. Goroutines: one per successor, waiting for its messages, and one for its process; one per Inheritance for the
// predecessor and one for the anchor; one per Control, and one per connection to it.
package succession
