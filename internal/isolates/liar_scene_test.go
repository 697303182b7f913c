package isolates

// scene is a point in the conversation between the supervisor and the liar, by what both know: then a lie is told. The ids are those
// that liar.fetch finds and makes.
type scene struct {
	name     string
	greeted  bool
	live     map[uint32]bool   // events
	answered map[uint32]bool   // of them
	outs     map[uint32]uint32 // streams of the supervisor that nobody has read of, by event
	ins      map[uint32]bool   // streams of the host
	calls    map[uint32]bool
	sockets  map[uint32]bool
	workers  uint32 // that there are, from 1
}

// The ids of every scene. Workers: 1 is the other tenant's, 2 the liar's own.
const (
	otherEvent, warmEvent, sockEvent, mainEvent = 1, 2, 3, 4
	otherStream, mainStream, callStream         = 2, 4, 6
	uploadStream, bodyStream                    = 11, 13
	freshStream, freshSocket, freshCall         = 9001, 9003, 9005
	holdCall, uploadCall, socketCall, bodyCall  = 1, 2, 3, 4
	workerSocket, clientSocket                  = 15, 2
	ownWorker                                   = 2
	ownBindings                                 = 1
)

func set(ids ...uint32) map[uint32]bool {
	m := map[uint32]bool{}
	for _, id := range ids {
		m[id] = true
	}
	return m
}

var scenes = []*scene{
	{name: "before Ready"},
	{name: "idle", greeted: true, workers: 2},
	{name: "asked", greeted: true, workers: 2, live: set(otherEvent, sockEvent, mainEvent), outs: map[uint32]uint32{otherStream: otherEvent, mainStream: mainEvent}},
	{name: "open", greeted: true, workers: 2, live: set(otherEvent, sockEvent, mainEvent), answered: set(sockEvent, mainEvent),
		outs: map[uint32]uint32{otherStream: otherEvent, mainStream: mainEvent, callStream: mainEvent}, ins: set(uploadStream, bodyStream),
		calls: set(holdCall, uploadCall), sockets: set(workerSocket, clientSocket)},
	{name: "ended", greeted: true, workers: 2, live: set(otherEvent, sockEvent), outs: map[uint32]uint32{otherStream: otherEvent}},
}

// about is an id that a message may be about.
func (s *scene) about(m *schemaMessage) uint32 {
	switch m.About {
	case "event":
		return mainEvent
	case "worker":
		return ownWorker
	case "call":
		if m.Name == "CallAbort" {
			return holdCall
		}
		return freshCall
	case "stream":
		if m.Name == "StreamCredit" || m.Name == "StreamCancel" {
			return mainStream
		}
		return bodyStream
	case "socket":
		return workerSocket
	case "none":
		return 0
	}
	return 1
}

// fits is a value that makes a field the truth, for those that name something.
func (s *scene) fits(m *schemaMessage, p part, payload []byte) (uint32, bool) {
	now := number(p.raw)
	switch {
	case p.name == "event":
		return mainEvent, true
	case p.name == "worker":
		return ownWorker, true
	case p.name == "slot", p.name == "module":
		return 0, true
	case p.name == "stream" && now%2 == 1:
		return freshStream, true
	case p.name == "stream" && now != 0:
		return mainStream, true
	case p.name == "socket" && now%2 == 1:
		return freshSocket, true
	case p.name == "socket" && now != 0:
		return clientSocket, true
	}
	return 0, false
}

// judge says why a message must be noticed whose form is right. values holds numbers, and of texts the length with the four bytes of it.
func (s *scene) judge(name string, id uint32, values map[string]uint64) string {
	if !s.greeted {
		if name == "Ready" || name == "Fatal" {
			return ""
		}
		return "before Ready"
	}
	stream := uint32(values["stream"])
	foreign := func(event uint32) string { // a stream that is named to be read by the supervisor
		switch {
		case stream%2 == 1 && s.ins[stream]:
			return "a stream in use"
		case stream != 0 && stream%2 == 0 && s.outs[stream] == 0:
			return "no such stream to pass on"
		case stream != 0 && stream%2 == 0 && s.outs[stream] != event:
			return "a stream of another event"
		}
		return ""
	}
	switch name {
	case "Ready":
		return "a second Ready"
	case "Response":
		switch {
		case !s.live[id]:
			return "no such event"
		case s.answered[id]:
			return "a second response"
		case values["status"] != 101 && values["status"] < 200 || values["status"] > 999:
			return "status"
		case (values["status"] == 101) != (values["socket"] != 0):
			return "status and socket"
		case int64(values["length"]) < -1:
			return "negative length"
		case values["socket"] != 0 && (stream != 0 || values["body"] != 0), stream != 0 && values["body"] != 0:
			return "two bodies"
		}
		return foreign(id)
	case "EventDone":
		if !s.live[id] {
			return "no such event"
		}
	case "Call":
		event := uint32(values["event"])
		switch {
		case !s.live[event]:
			return "no such event"
		case s.calls[id]:
			return "a call that is under way"
		case event == mainEvent && values["slot"] > ownBindings:
			return "a binding that was not given"
		}
		return foreign(event)
	case "StreamData", "StreamEnd", "StreamReset":
		if !s.ins[id] {
			return "no such stream"
		}
	case "StreamCredit", "StreamCancel":
		if s.outs[id] == 0 {
			return "no such stream"
		}
		if values["bytes"] > 1<<31-1 {
			return "too much credit"
		}
	case "Log":
		if w := uint32(values["worker"]); w == 0 || w > s.workers {
			return "no such worker"
		}
	case "CodeCache":
		switch {
		case id > s.workers:
			return "no such worker"
		case values["module"] != 0:
			return "no such module"
		case values["offset"]+values["data"] > values["total"]:
			return "beyond its total"
		}
	case "Stats":
		return "not asked"
	case "SocketData", "SocketClose", "SocketCredit":
		if !s.sockets[id] {
			return "no such socket"
		}
	}
	return ""
}
