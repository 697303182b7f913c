package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"skerry/test/e2e/rig"
)

// echo says back what it hears, or is itself a visitor of another server (/visit), which it expects to say back what it hears.
var echo = rig.Worker{Name: "echo", CPU: 5000, Files: map[string]string{"src/index.js": `
const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);
async function visit(to) {
  const ws = new WebSocket(to);
  ws.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => { ws.onopen = resolve; ws.onerror = (e) => reject(new Error(e.message)); });
  let good = 0;
  for (const size of [0, 1, 125, 126, 500, 65535, 65536, 200000]) {
    for (const message of ["the same again; ".repeat(20000).slice(0, size), "the same again; ".repeat(20000).slice(0, size), new Uint8Array(size).map((_, i) => i * i >> 5)]) {
      const heard = new Promise((resolve) => { ws.onmessage = (e) => resolve(e.data); });
      ws.send(message);
      const data = await heard;
      if (typeof message === "string" ? data === message : same(new Uint8Array(data), message)) good++;
    }
  }
  const closed = new Promise((resolve) => { ws.onclose = resolve; });
  ws.close(4001, "bye");
  const e = await closed;
  return [ws.extensions.split(";")[0] || "plain", good, e.code, e.reason, e.wasClean].join(" ");
}
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/visit") return new Response(await visit(searchParams.get("to")));
    if (request.headers.get("upgrade") !== "websocket") return new Response("ready");
    const [client, server] = Object.values(new WebSocketPair());
    server.binaryType = "arraybuffer";
    server.accept();
    server.addEventListener("message", (e) => server.send(e.data));
    return new Response(null, { status: 101, webSocket: client });
  },
};
`}}

var compressions = map[string]websocket.CompressionMode{
	"none": websocket.CompressionDisabled, "fresh": websocket.CompressionNoContextTakeover, "takeover": websocket.CompressionContextTakeover,
}

// Goal: clients that are not ours talk to a worker, however they compress, in one frame and in many. Method: coder/websocket, which is
// another implementation down to the compressor; messages in pieces of which each is a frame.
func TestForeignClients(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{echo}})
	s.Ready(echo.Host(), "/")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr)
	}}}
	for name, mode := range compressions {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), rig.Patience)
			defer cancel()
			conn, resp, err := websocket.Dial(ctx, "ws://"+echo.Host()+"/", &websocket.DialOptions{HTTPClient: client, CompressionMode: mode, CompressionThreshold: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			conn.SetReadLimit(1 << 20)
			if agreed := resp.Header.Get("Sec-WebSocket-Extensions") != ""; agreed != (mode != websocket.CompressionDisabled) {
				t.Errorf("compression agreed upon: %v", agreed)
			}
			alike := bytes.Repeat([]byte("the same again; "), 20_000)
			for _, size := range []int{0, 1, 125, 126, 500, 65535, 65536, 200_000} {
				for _, piece := range []int{1 << 20, 60_000, max(1, size/9)} {
					for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
						sent := make(chan error, 1)
						go func() {
							w, err := conn.Writer(ctx, kind)
							for rest := alike[:size]; err == nil && len(rest) > 0; rest = rest[min(piece, len(rest)):] {
								_, err = w.Write(rest[:min(piece, len(rest))])
							}
							if err == nil {
								err = w.Close()
							}
							sent <- err
						}()
						got, data, err := conn.Read(ctx)
						if err != nil || got != kind || !bytes.Equal(data, alike[:size]) {
							t.Fatalf("%d bytes by %d: %d of kind %v come back, %v", size, piece, len(data), got, err)
						}
						if err := <-sent; err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if err := conn.Close(4001, "bye"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Goal: a worker talks to servers that are not ours, however they compress. Method: the same library as the server.
func TestForeignServers(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{echo}, Settings: []string{"[egress]", `allow = ["127.0.0.0/8"]`}})
	s.Ready(echo.Host(), "/")
	for name, mode := range compressions {
		t.Run(name, func(t *testing.T) {
			ended := make(chan websocket.StatusCode, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1})
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.CloseNow()
				conn.SetReadLimit(1 << 20)
				for {
					kind, data, err := conn.Read(r.Context())
					if err != nil {
						ended <- websocket.CloseStatus(err)
						return
					}
					half := len(data) / 2 // in frames of their own, where they are long enough
					if out, err := conn.Writer(r.Context(), kind); err == nil {
						out.Write(data[:half])
						out.Write(data[half:])
						out.Close() // whatever fails is missed by the worker
					}
				}
			}))
			defer server.Close()
			extension := "permessage-deflate"
			if mode == websocket.CompressionDisabled {
				extension = "plain"
			}
			answer := s.Get(echo.Host(), "/visit?to=ws://"+strings.TrimPrefix(server.URL, "http://")+"/")
			if want := extension + " 24 4001 bye true"; answer.Body != want {
				t.Errorf("the worker says %q, want %q", answer.Body, want)
			}
			if code := <-ended; code != 4001 {
				t.Errorf("the server hears %d", code)
			}
		})
	}
}

// Goal: Node's own client is content, too. Method: the pinned Node, whose zlib inflates what we have compressed.
func TestNodeClient(t *testing.T) {
	const host = "127.0.0.1" // Node asks the machine for names
	s := rig.Serve(t, rig.Platform{Projects: map[string]string{host: echo.Write(t, t.TempDir())}})
	s.Ready(host, "/")
	ctx, cancel := context.WithTimeout(t.Context(), rig.Patience)
	defer cancel()
	node := exec.CommandContext(ctx, filepath.Join(filepath.Dir(rig.Binary(t)), "node"), "--input-type=module", "-e", fmt.Sprintf(`
const ws = new WebSocket("ws://%s/");
ws.binaryType = "arraybuffer";
await new Promise((resolve, reject) => { ws.onopen = resolve; ws.onerror = reject; });
let good = 0;
for (const size of [0, 1, 125, 126, 500, 65535, 65536, 2000000]) {
  const text = "the same again; ".repeat(200000).slice(0, size);
  for (const message of [text, text, new TextEncoder().encode(text)]) {
    const heard = new Promise((resolve) => { ws.onmessage = (e) => resolve(e.data); });
    ws.send(message);
    const data = await heard;
    if ((typeof message === "string" ? data : new TextDecoder().decode(data)) === text && typeof data === (typeof message === "string" ? "string" : "object")) good++;
  }
}
const closed = new Promise((resolve) => { ws.onclose = resolve; });
ws.close(4001, "bye");
const e = await closed;
console.log([ws.extensions.split(";")[0], good, e.code, e.reason, e.wasClean].join(" "));
`, s.Addr))
	said, err := node.CombinedOutput()
	if want := "permessage-deflate 24 4001 bye true\n"; err != nil || string(said) != want {
		t.Errorf("node says %q, %v, want %q", said, err, want)
	}
}
