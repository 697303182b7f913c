package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"skerry/test/e2e/rig"
)

// chat numbers what each visitor says and says it back, with the visitor's name: a WebSocket belongs to its request, so visitors hear
// nothing of each other without an object that has all of their WebSockets. GET gives a page that lets a browser be many visitors.
var chat = rig.Worker{Name: "chat", Files: map[string]string{
	"src/index.js": `import page from "./page.html";

export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/host") return Response.json({ agent: navigator.userAgent });
    if (url.pathname === "/away") return away(url);
    if (request.headers.get("Upgrade") !== "websocket") return new Response(page, { headers: { "content-type": "text/html" } });
    const [client, server] = Object.values(new WebSocketPair());
    const name = url.searchParams.get("name");
    let count = 0;
    server.accept();
    server.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") server.send(data);
      else if (data === "/spin") for (;;);
      else if (data === "/flood") flood(server);
      else if (data === "/quit") server.close(3001, name + " was here");
      else server.send(JSON.stringify({ name, number: count++, text: data }));
    });
    return new Response(null, { status: 101, webSocket: client, headers: { "x-room": "one" } });
  },
};

let full = "";
function flood(server) {
  server.addEventListener("error", (e) => (full = e.message));
  server.addEventListener("close", (e) => (full += " " + e.code));
  const megabyte = "x".repeat(1 << 20);
  for (let i = 0; i < 100; i++) server.send(megabyte);
}

function away(url) {
  if (url.search === "?full") return new Response(full);
  return new Promise((resolve) => {
    const log = [];
    const ws = new WebSocket(url.searchParams.get("to"));
    ws.onopen = () => ws.send("/quit");
    ws.onerror = (e) => log.push(e.message);
    ws.onclose = (e) => resolve(Response.json([...log, e.code, e.reason, e.wasClean]));
  });
}
`,
	"src/page.html": `<!doctype html><title>chat</title><pre id="out">waiting</pre><script>
const sockets = SOCKETS, messages = MESSAGES;
const told = { messages: 0, opened: 0, heard: 0, disorder: 0, closes: {}, extensions: {} };
const count = (of, what) => { of[what] = (of[what] ?? 0) + 1; };
const visit = (name) => new Promise((resolve) => {
  const ws = new WebSocket(location.origin.replace("http", "ws") + "/?name=" + name);
  let seen = 0;
  ws.onopen = async () => {
    count(told.extensions, ws.extensions.split(";")[0]);
    if (++open === sockets) { told.opened = since(); start(); }
    await started;
    for (let i = 0; i < messages; i++) ws.send("m" + i);
  };
  ws.onmessage = ({ data }) => {
    const m = JSON.parse(data);
    told.messages++;
    if (m.name !== name || m.number !== seen || m.text !== "m" + seen) told.disorder++;
    if (++seen === messages) { told.heard = since(); ws.send("/quit"); }
  };
  ws.onclose = (e) => { count(told.closes, [e.code, e.wasClean, e.reason === name + " was here"].join(" ")); resolve(); };
});
const begun = performance.now(), since = () => Math.round(performance.now() - begun);
let open = 0, start;
const started = new Promise((resolve) => { start = resolve; }); // when all are there: a browser makes few connections at a time
const all = [];
for (let i = 0; i < sockets; i++) all.push(visit("v" + i));
Promise.all(all).then(() => {
  told.closed = since();
  document.getElementById("out").textContent = JSON.stringify(told);
  fetch(new URLSearchParams(location.search).get("report"), { method: "POST", mode: "no-cors", body: JSON.stringify(told) });
});
</script>
`}}

// patient is chat with time for long messages.
var patient = func() rig.Worker { w := chat; w.CPU = 10_000; return w }()

func visit(t testing.TB, s *rig.Server, path string) *rig.Visitor {
	t.Helper()
	v, err := s.Visit(chat.Host(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// closing is what Hear ends with when the server has closed.
func closing(err error) string { return fmt.Sprint(err) }

// Goal: many visitors, each message answered, in order, and every WebSocket closed as it should be. Method: 200 visitors of 50 messages,
// all at once; some say goodbye themselves.
func TestChat(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{chat}})
	s.Ready(chat.Host(), "/host")
	const visitors, messages = 200, 50
	var wait sync.WaitGroup
	var heard atomic.Int64
	start := time.Now()
	for i := range visitors {
		wait.Go(func() {
			name := fmt.Sprint("v", i)
			v, err := s.Visit(chat.Host(), "/?name="+name, false)
			if err != nil {
				t.Error(err)
				return
			}
			defer v.Close()
			go func() {
				for n := range messages {
					v.Say(fmt.Sprint("hello ", n))
				}
			}()
			for n := range messages {
				data, err := v.Hear()
				if want := fmt.Sprintf(`{"name":%q,"number":%d,"text":"hello %d"}`, name, n, n); err != nil || string(data) != want {
					t.Errorf("%s, message %d: %q, %v", name, n, data, err)
					return
				}
				heard.Add(1)
			}
			want := "3001 " + name + " was here"
			if i%2 == 0 {
				want = "4000 "
				wsutil.WriteClientMessage(v, ws.OpClose, ws.NewCloseFrameBody(4000, ""))
			} else {
				v.Say("/quit")
			}
			if _, err := v.Hear(); closing(err) != want {
				t.Errorf("%s ends with %q, want %q", name, closing(err), want)
			}
		})
	}
	wait.Wait()
	t.Logf("%d visitors: %d messages each way in %v", visitors, heard.Load(), time.Since(start).Round(time.Millisecond))
	if heard.Load() != visitors*messages {
		t.Errorf("%d messages were heard, %d said", heard.Load(), visitors*messages)
	}
	// Nothing is left: every event has ended.
	rig.Until(t, "no event is left", func() bool { return s.Metric("skerry_events_live") == 0 }, nil)
}

// Goal: the longest message comes back, and a longer one ends its WebSocket with 1009. Method: 32 MiB, and a byte more, in fragments.
func TestLongMessages(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{patient}})
	s.Ready(chat.Host(), "/host")
	const limit = 32 << 20
	long := make([]byte, limit)
	for i := range long {
		long[i] = byte(i * i >> 8)
	}
	v := visit(t, s, "/")
	go wsutil.WriteClientBinary(v, bytes.Clone(long))
	if data, err := v.Hear(); err != nil || !bytes.Equal(data, long) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	go func() {
		for at := 0; at <= limit; at += limit / 4 {
			h := ws.Header{OpCode: ws.OpContinuation, Masked: true, Length: limit / 4}
			if at == 0 {
				h.OpCode = ws.OpBinary
			}
			if ws.WriteHeader(v, h) != nil {
				return
			}
			if _, err := v.Write(long[:limit/4]); err != nil {
				return
			}
		}
	}()
	if _, err := v.Hear(); !strings.HasPrefix(closing(err), "1009 ") {
		t.Error(closing(err))
	}
}

// Goal: whatever ends a worker, its visitors are told. Method: CPU limit, death of the host process, end of the server.
func TestWebSocketEnds(t *testing.T) {
	limited := chat
	limited.CPU = 50
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{limited}, Args: []string{"--drain", "1s"}})
	s.Ready(chat.Host(), "/host")

	spinner, other := visit(t, s, "/"), visit(t, s, "/?name=other")
	spinner.Say("/spin")
	if _, err := spinner.Hear(); !strings.HasPrefix(closing(err), "1011 ") {
		t.Errorf("after the CPU limit: %s", closing(err))
	}
	other.Say("still there?")
	if data, err := other.Hear(); err != nil || !strings.Contains(string(data), "still there?") {
		t.Errorf("a neighbour's message: %q, %s", data, closing(err))
	}

	var hosts []int
	rig.Until(t, "a host serves and another is warm", func() bool { hosts = s.Hosts(); return len(hosts) >= 2 }, nil)
	for _, host := range hosts { // whichever of them serves
		if err := syscall.Kill(host, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.Hear(); !strings.HasPrefix(closing(err), "1012 ") {
		t.Errorf("after the death of the host: %s", closing(err))
	}

	s.Ready(chat.Host(), "/host")
	late := visit(t, s, "/?name=late")
	s.Signal(syscall.SIGTERM)
	late.Say("while it drains")
	if data, err := late.Hear(); err != nil || !strings.Contains(string(data), "while it drains") {
		t.Errorf("while the server drains: %q, %s", data, closing(err))
	}
	if _, err := late.Hear(); !strings.HasPrefix(closing(err), "1001 ") {
		t.Errorf("at the end of the server: %s", closing(err))
	}
	if code := s.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Goal: a visitor that takes nothing costs bounded memory, and the worker hears of it. Method: 100 MiB are sent to one that does not read.
func TestSlowVisitor(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{patient}})
	s.Ready(chat.Host(), "/host")
	before := s.RSS()
	v := visit(t, s, "/")
	v.Say("/flood")
	s.Await(chat.Host(), "/away?full", "the worker is told", func(a rig.Answer) bool {
		return strings.Contains(a.Body, "buffer is full") && strings.HasSuffix(a.Body, " 1006")
	})
	if grown := s.RSS() - before; grown > 200<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if _, err := io.Copy(io.Discard, v.Conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// Goal: a worker's WebSocket goes where its fetch may go, and nowhere else. Method: to itself, once with loopback allowed.
func TestWebSocketClient(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		const host = "127.0.0.1"
		s := rig.Serve(t, rig.Platform{
			Projects: map[string]string{host: chat.Write(t, t.TempDir())},
			Settings: []string{"[egress]", fmt.Sprintf("allow = [%q]", map[bool]string{true: "loopback", false: "public"}[allowed])},
		})
		s.Ready(host, "/host")
		answer := s.Get(host, "/away?to=ws://"+s.Addr+"/?name=me")
		var got []any
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
			t.Fatal(answer, err)
		}
		if want := `[3001 me was here true]`; allowed && fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		} else if !allowed && (len(got) != 4 || !strings.Contains(fmt.Sprint(got[0]), "not allowed") || got[1] != 1006.0 || got[3] != false) {
			t.Errorf("loopback is reached: %v", got)
		}
	}
}

// Goal: a browser is content, too. Method: headless Chromium is 200 visitors at once and says how it went.
func TestChatInBrowser(t *testing.T) {
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no Chromium is installed (Debian: apt-get install chromium): the chat is not tried in a browser")
	}
	const visitors, messages = 200, 50
	page := chat
	page.Files = map[string]string{
		"src/index.js":  chat.Files["src/index.js"],
		"src/page.html": strings.NewReplacer("SOCKETS", fmt.Sprint(visitors), "MESSAGES", fmt.Sprint(messages)).Replace(chat.Files["src/page.html"]),
	}
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{page}})
	s.Ready(page.Host(), "/host")
	_, port, _ := net.SplitHostPort(s.Addr)
	// The page tells a server of ours how it went.
	told := make(chan string, 1)
	report := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		select {
		case told <- string(text):
		default:
		}
	}))
	defer report.Close()
	ctx, cancel := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(t.TempDir(), "profile"),
		"http://"+page.Host()+":"+port+"/?report="+report.URL)
	var said bytes.Buffer
	command.Stderr = &said
	command.WaitDelay = time.Second // its children may keep its output open
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Wait()
	defer cancel()
	select {
	case text := <-told:
		var page struct {
			Messages, Disorder    int
			Opened, Heard, Closed int // ms
			Closes, Extensions    map[string]int
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatalf("the page says %q: %v", text, err)
		}
		t.Logf("%d visitors: all there after %d ms, %d messages each way in %d ms, %d out of order, all closed %d ms later, ends %v",
			visitors, page.Opened, page.Messages, page.Heard-page.Opened, page.Disorder, page.Closed-page.Heard, page.Closes)
		if page.Messages != visitors*messages || page.Disorder != 0 || page.Closes["3001 true true"] != visitors || page.Extensions["permessage-deflate"] != visitors {
			t.Errorf("the page says %s", text)
		}
	case <-time.After(rig.Patience):
		cancel()
		command.Wait()
		t.Errorf("the page says nothing; the browser says:\n%s", said.String())
	}
}
