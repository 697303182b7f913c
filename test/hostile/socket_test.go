package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/klauspost/compress/flate"

	"skerry/test/e2e/rig"
)

// messageMax is the most bytes a WebSocket message may have; socketCap how much the platform's memory may grow because of one that
// nobody reads, with some slack for what a busy platform needs.
const (
	messageMax = 32 << 20
	socketCap  = 48 << 20
)

// sink answers what it is told how to: it takes messages (/), or none (/deaf), or none of a server's (/deaf-client), until /listen.
var sink = rig.Worker{Name: "criminal", Files: map[string]string{"src/index.js": `
let listening = false, heard = 0;
const listen = async () => { while (!listening) await scheduler.wait(5); };
const hear = (socket) => {
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", (e) => { heard += e.data.length ?? e.data.byteLength; socket.send("heard"); });
};
export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/listen") { listening = true; return new Response("listening"); }
    if (pathname === "/heard") return new Response(String(heard));
    if (pathname === "/deaf-client") {
      const { webSocket } = await fetch(searchParams.get("to"), { headers: { upgrade: "websocket" } });
      await listen();
      return new Promise((resolve) => {
        hear(webSocket);
        webSocket.addEventListener("close", (e) => resolve(new Response(e.code + " " + heard)));
        webSocket.accept();
      });
    }
    if (pathname === "/victim") {
      return new Promise((resolve) => {
        const socket = new WebSocket(searchParams.get("to")), said = [];
        hear(socket);
        socket.addEventListener("error", (e) => said.push(e.message));
        socket.addEventListener("close", (e) => resolve(new Response([e.code, e.wasClean, heard, ...said].join(" "))));
      });
    }
    const [client, server] = Object.values(new WebSocketPair());
    if (pathname === "/deaf") ctx.waitUntil(listen().then(() => { hear(server); server.accept(); }));
    else { hear(server); server.accept(); }
    return new Response(null, { status: 101, webSocket: client });
  },
};
`}}

// servesSink starts a platform with the sink, in one isolate, and the innocent.
func servesSink(t *testing.T) (*rig.Server, *crowd) {
	t.Helper()
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{sink}, innocents()...), Settings: []string{"[egress]", `allow = ["127.0.0.0/8"]`, "[host]", "executors = 1"}})
	s.Ready(sink.Host(), "/heard")
	return s, newCrowd(t, s)
}

// judgeSocket ends the load and records a row; problem is what the test has seen, "" if all is well.
func judgeSocket(t *testing.T, c *crowd, row, name, body, problem string) {
	t.Helper()
	requests, failures := c.stop()
	if problem == "" && len(failures) > 0 {
		problem = "innocent requests failed: " + failures[0].text
	}
	record(&seen{crime: crime{row: row, name: name}, status: http.StatusSwitchingProtocols, body: body, requests: requests, failures: failures, problem: problem})
	if problem != "" {
		t.Errorf("%s %s: %s (heard %q)", row, name, problem, body)
	}
}

// frame is a frame of a client, masked with zeros.
func frame(fin bool, rsv byte, opcode ws.OpCode, payload []byte) []byte {
	var out bytes.Buffer
	ws.WriteHeader(&out, ws.Header{Fin: fin, Rsv: rsv, OpCode: opcode, Masked: true, Length: int64(len(payload))})
	out.Write(payload)
	return out.Bytes()
}

// bombOf is a compressed message (RFC 7692) of n zeros.
func bombOf(n int) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression) // fails for unknown levels only
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		w.Write(zeros[:min(n, len(zeros))])
	}
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// Goal: a message over the limit is refused with 1009, however it is made, and what it would inflate to is nowhere in memory. Method: one
// frame whose header says so, fragments, a bomb, and a bomb in fragments.
func TestLongMessage(t *testing.T) {
	fragment := make([]byte, 4<<20)
	small, large := bombOf(messageMax+1), 1<<30
	if testing.Short() {
		large = 128 << 20
	}
	for _, c := range []struct {
		row, name  string
		compressed bool
		in         [][]byte
	}{
		{"41a", "a frame of 32 MiB + 1", false, [][]byte{frame(true, 0, ws.OpBinary, make([]byte, messageMax+1))[:1<<20]}},
		{"41b", "fragments of 32 MiB + 1 in all", false, slicesOf(frame(false, 0, ws.OpBinary, fragment), frame(false, 0, ws.OpContinuation, fragment), 7, frame(true, 0, ws.OpContinuation, []byte{1}))},
		{"41c", "a bomb of 32 MiB + 1", true, [][]byte{frame(true, 4, ws.OpBinary, small)}},
		{"41d", fmt.Sprintf("a bomb of %d MiB", large>>20), true, [][]byte{frame(true, 4, ws.OpText, bombOf(large))}},
		{"41e", "a bomb in fragments", true, [][]byte{frame(false, 4, ws.OpText, small[:100]), frame(true, 0, ws.OpContinuation, small[100:])}},
	} {
		t.Run(c.row, func(t *testing.T) {
			s, crowd := servesSink(t)
			before := s.RSS()
			v, err := s.Visit(sink.Host(), "/", c.compressed)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			go func() {
				for _, one := range c.in {
					if _, err := v.Write(one); err != nil {
						return // it has been closed
					}
				}
			}()
			_, end := v.Hear()
			problem := ""
			if !strings.HasPrefix(fmt.Sprint(end), "1009 ") {
				problem = "ends with " + fmt.Sprint(end)
			} else if grown := s.RSS() - before; grown > messageMax+socketCap {
				problem = fmt.Sprintf("memory grew by %d MiB", grown>>20)
			} else if answer := s.Get(sink.Host(), "/heard"); answer.Body != "0" {
				problem = "the worker heard " + answer.Body
			}
			judgeSocket(t, crowd, c.row, c.name, fmt.Sprint(end), problem)
		})
	}
}

// slicesOf is first, then n times again, then last.
func slicesOf(first, again []byte, n int, last []byte) [][]byte {
	all := [][]byte{first}
	for range n {
		all = append(all, again)
	}
	return append(all, last)
}

// flood writes messages of 1 MiB until there are enough or the connection is gone, and counts the bytes that were taken.
func flood(w io.Writer, state ws.State, messages int) *atomic.Int64 {
	taken := new(atomic.Int64)
	go func() {
		message := make([]byte, 1<<20)
		for range messages {
			var out bytes.Buffer
			if wsutil.WriteMessage(&out, state, ws.OpBinary, message) != nil {
				return
			}
			for out.Len() > 0 {
				n, err := w.Write(out.Next(16 << 10))
				if taken.Add(int64(n)); err != nil {
					return
				}
			}
		}
	}()
	return taken
}

// Goal: who sends to a worker that does not read feels it, and the platform keeps next to nothing. Method: messages of 1 MiB to a WebSocket
// that nobody has accepted yet, while the platform serves others; what was taken is what two sockets of the kernel hold. In the end all
// of it arrives.
func TestNobodyReads(t *testing.T) {
	const messages = 64
	stuck := func(t *testing.T, s *rig.Server, before int64, taken *atomic.Int64) string {
		last := int64(-1)
		for last != taken.Load() { // it does not move any more while the platform answers this many requests
			last = taken.Load()
			for range 200 {
				s.Get(sink.Host(), "/heard")
			}
		}
		if last > messages<<20/2 {
			return fmt.Sprintf("%d MiB were taken", last>>20)
		}
		if grown := s.RSS() - before; grown > socketCap {
			return fmt.Sprintf("memory grew by %d MiB", grown>>20)
		}
		return ""
	}
	t.Run("41f", func(t *testing.T) {
		s, crowd := servesSink(t)
		before := s.RSS()
		v, err := s.Visit(sink.Host(), "/deaf", false)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		taken := flood(v, ws.StateClientSide, messages)
		problem := stuck(t, s, before, taken)
		held := taken.Load()
		s.Get(sink.Host(), "/listen")
		for n := 0; n < messages && problem == ""; n++ {
			if _, err := v.Hear(); err != nil {
				problem = "when the worker listens: " + err.Error()
			}
		}
		judgeSocket(t, crowd, "41f", "64 messages of 1 MiB to a worker that does not accept", fmt.Sprintf("%d KiB taken", held>>10), problem)
	})
	t.Run("41g", func(t *testing.T) {
		floods := make(chan *atomic.Int64, 1)
		origin := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
			conn, _, _, err := ws.UpgradeHTTP(r, w)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			floods <- flood(conn, ws.StateServerSide, messages)
			for range messages { // answers
				if _, _, err := wsutil.ReadClientData(conn); err != nil {
					return
				}
			}
			wsutil.WriteServerMessage(conn, ws.OpClose, ws.NewCloseFrameBody(4000, ""))
		})
		s, crowd := servesSink(t)
		before := s.RSS()
		answers := make(chan rig.Answer, 1)
		go func() {
			answer, err := rig.Do(s.Client(), "GET", "http://"+sink.Host()+"/deaf-client?to=http://"+origin+"/", "", "")
			if err != nil {
				answer.Body = err.Error()
			}
			answers <- answer
		}()
		taken := <-floods
		problem := stuck(t, s, before, taken)
		held := taken.Load()
		s.Get(sink.Host(), "/listen")
		if problem == "" {
			if answer := <-answers; answer.Body != fmt.Sprint("4000 ", messages<<20) {
				problem = "in the end: " + answer.Body
			}
		}
		judgeSocket(t, crowd, "41g", "64 messages of 1 MiB to a worker's client that does not accept", fmt.Sprintf("%d KiB taken", held>>10), problem)
	})
}

// Goal: a server's message over the limit ends a worker's client, and says so to both. Method: a bomb from a server.
func TestBombFromServer(t *testing.T) {
	codes := make(chan uint16, 1)
	bomb := bombOf(messageMax + 1)
	origin := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		upgrader := ws.HTTPUpgrader{Header: http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}}}
		conn, _, _, err := upgrader.Upgrade(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		ws.WriteHeader(conn, ws.Header{Fin: true, Rsv: 4, OpCode: ws.OpBinary, Length: int64(len(bomb))})
		conn.Write(bomb)
		f, err := ws.ReadFrame(conn)
		if err != nil || f.Header.OpCode != ws.OpClose || f.Header.Length < 2 {
			t.Errorf("the server reads %v, %v", f.Header, err)
			codes <- 0
			return
		}
		codes <- binary.BigEndian.Uint16(ws.UnmaskFrame(f).Payload)
	})
	s, crowd := servesSink(t)
	answer := s.Get(sink.Host(), "/victim?to=ws://"+origin+"/")
	problem := ""
	if code := <-codes; code != 1009 {
		problem = fmt.Sprintf("the server is told %d", code)
	} else if !strings.HasPrefix(answer.Body, "1006 false 0 ") || !strings.Contains(answer.Body, "too large") {
		problem = "the worker hears something else"
	}
	judgeSocket(t, crowd, "41h", "a bomb of 32 MiB + 1 from a server", answer.Body, problem)
}

// Goal: a WebSocket of one request is of no use in another, and goes on in its own. Method: three ends of two pairs in a global, of which one
// talks to a visitor, one to the third; all that can be done with them.
func TestSocketAcrossRequests(t *testing.T) {
	thief := rig.Script("thief", `
const kept = [];
export default {
  async fetch(request) {
    if (request.url.endsWith("/steal")) return new Response(null, { status: 101, webSocket: kept.pop() });
    if (request.headers.get("upgrade") === "websocket") {
      const [client, server] = Object.values(new WebSocketPair());
      const [open, other] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener("message", (e) => server.send("still " + e.data));
      open.accept();
      kept.push(server, open, other);
      return new Response(null, { status: 101, webSocket: client });
    }
    const said = [];
    for (const socket of kept.slice(0, 2)) {
      for (const f of [() => socket.send("stolen"), () => socket.send(new Uint8Array(3)), () => socket.close(1000, "stolen")]) {
        try { said.push(String(f())); } catch (e) { said.push(e.message); }
      }
    }
    return new Response(said.join("\n"));
  },
};
`)
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{thief}, Settings: []string{"[host]", "executors = 1"}})
	s.Ready(thief.Host(), "/")
	v, err := s.Visit(thief.Host(), "/", false)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	const wanted = "Cannot perform I/O on behalf of a different request"
	answer := s.Get(thief.Host(), "/")
	problem := ""
	lines := strings.Split(answer.Body, "\n")
	for _, line := range lines {
		if !strings.Contains(line, wanted) {
			problem += line + "; "
		}
	}
	if len(lines) != 6 {
		problem += fmt.Sprintf("%d attempts", len(lines))
	}
	if stolen, err := s.Visit(thief.Host(), "/steal", false); err == nil {
		stolen.Close()
		problem += "a visitor was given an end of another's pair; "
	} else {
		rig.Until(t, "the log says why", func() bool { return strings.Contains(s.Said(), wanted) }, s.Said)
	}
	v.Say("mine")
	if data, err := v.Hear(); string(data) != "still mine" {
		problem += fmt.Sprintf("its own request hears %q, %v", data, err)
	}
	record(&seen{crime: crime{row: "18b", name: "the WebSocket of another request"}, status: answer.Status, body: answer.Body, problem: problem})
	if problem != "" {
		t.Error(problem)
	}
}
