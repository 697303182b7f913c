package hostproto

// MessageType is the type of a control message. The constants are generated.
type MessageType uint16

// Side is a set of the two ends of a connection.
type Side uint8

// The sides a message may come from.
const (
	FromSupervisor Side = 1
	FromHost       Side = 2
)

// String names the side or sides.
func (s Side) String() string {
	switch s {
	case FromSupervisor:
		return "supervisor"
	case FromHost:
		return "host"
	case FromSupervisor | FromHost:
		return "both"
	}
	return "unknown"
}

// About says what the id of a frame names.
type About uint8

// What the id of a frame names.
const (
	AboutNone About = iota
	AboutWorker
	AboutEvent
	AboutCall
	AboutStream
	AboutSocket
	AboutSequence
)

// messageInfo is a row of the generated table.
type messageInfo struct {
	name       string
	from       Side
	about      About
	idOptional bool
}

func (t MessageType) info() messageInfo {
	if int(t) < len(messages) {
		return messages[t]
	}
	return messageInfo{}
}

// Known says whether there is a message of this type.
func (t MessageType) Known() bool { return t.info().from != 0 }

// String is the name of the message.
func (t MessageType) String() string {
	if name := t.info().name; name != "" {
		return name
	}
	return "unknown"
}

// From is who may send the message; zero for an unknown type.
func (t MessageType) From() Side { return t.info().from }

// About is what the id of the message's frame names.
func (t MessageType) About() About { return t.info().about }

// Message is a control message.
type Message interface {
	Type() MessageType
	AppendTo([]byte) []byte
}
