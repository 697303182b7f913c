package hostile

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"skerry/test/e2e/rig"
)

// newOrigin is a server on loopback; it returns its address.
func newOrigin(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handle}
	go server.Serve(ln) // ends with the test
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

// spellings are hosts that are not public, or not those that they look like.
var spellings = []string{"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.0.0.1.", "0", "0.0.0.0", "localhost", "LOCALHOST.", "x.localhost",
	"%31%32%37.0.0.1", "①②⑦.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::]",
	"169.254.169.254", "[::ffff:169.254.169.254]", "2852039166", "100.64.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "[fd00:ec2::254]", "[fe80::1]", "255.255.255.255", "224.0.0.1"}

// Goal: from serve, no spelling of an address reaches a server that is not public. Method: a server on loopback that must not be asked.
func TestPrivateAddresses(t *testing.T) {
	var asked atomic.Int64
	addr := newOrigin(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	source := "const results = [];"
	for _, host := range spellings {
		source += fmt.Sprintf(`try { await fetch(%q); results.push(%q); } catch {}`, "http://"+host+":"+port+"/", host)
	}
	c := crime{row: "37", name: fmt.Sprintf("addresses that are not public, in %d spellings", len(spellings)), source: source + `return results.join(" ");`, answer: "done: "}
	t.Run(c.row, func(t *testing.T) { commit(t, c) })
	c = crime{row: "37b", name: "redirects to all of them", source: redirected(t, port) + `return results.join(" ");`, answer: "done: 0 followed"}
	t.Run(c.row, func(t *testing.T) { commitWith(t, c, "[egress]", `allow = ["127.0.0.2"]`) })
	if n := asked.Load(); n > 0 {
		t.Errorf("the server on loopback was asked %d times", n)
	}
}

// redirected is the source of a worker that asks a server, which it may reach, to be sent to each of the spellings.
func redirected(t *testing.T, port string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("this machine has no 127.0.0.2: %v", err)
	}
	var followed atomic.Int64
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{"http://" + r.URL.Query().Get("to") + ":" + port + "/"}
		w.WriteHeader(302)
		followed.Add(1)
	})}
	go server.Serve(ln) // ends with the test
	t.Cleanup(func() {
		server.Close()
		if int(followed.Load()) != len(spellings) {
			t.Errorf("the server was asked %d times, want %d", followed.Load(), len(spellings))
		}
	})
	source := "let followed = 0; const results = [];"
	for _, host := range spellings {
		source += fmt.Sprintf(`try { await fetch("http://%s/?to=" + encodeURIComponent(%q)); followed++; } catch {}`, ln.Addr(), host)
	}
	return source + `results.push(followed + " followed");`
}

// Goal: a worker that asks itself, or another that asks it, comes to an end after sixteen.
func TestLoop(t *testing.T) {
	source := func(to string) string {
		return `export default { async fetch(request) { const { port } = new URL(request.url); console.log("ROUND"); return fetch("http://` + to + `.localhost:" + port + "/"); } };`
	}
	workers := []rig.Worker{rig.Script("self", source("self")), rig.Script("ping", source("pong")), rig.Script("pong", source("ping"))}
	s := rig.Serve(t, rig.Platform{Workers: append(workers, innocents()...), Settings: []string{"[egress]", `allow = ["127.0.0.0/8"]`}})
	s.Ready(innocents()[0].Host(), "/")
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"self", "ping"} {
		before := strings.Count(s.Said(), "ROUND")
		answer, err := rig.Do(s.Client(), "GET", "http://"+name+".localhost:"+port+"/", "", "")
		if err != nil {
			t.Fatal(err)
		}
		result := &seen{crime: crime{row: "38" + string(rune('a'+i)), name: name + " in a loop"}, status: answer.Status, body: answer.Body}
		rig.Until(t, "the log has 16 rounds", func() bool { return strings.Count(s.Said(), "ROUND")-before >= 16 }, s.Said)
		if rounds := strings.Count(s.Said(), "ROUND") - before; answer.Status != 500 || !strings.HasPrefix(answer.Body, "error code: 1019") || rounds != 16 {
			result.problem = fmt.Sprintf("answered %d %.100q after %d rounds", answer.Status, answer.Body, rounds)
			t.Error(result.problem)
		}
		record(result)
	}
}

// Goal: of seven requests to a server that keeps its heads back, six reach it; the seventh does when one has its head.
func TestSevenRequests(t *testing.T) {
	arrived, release := make(chan string, 100), make(chan struct{})
	origin := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.Path
		if r.URL.Path == "/kept" {
			<-release
		}
	})
	worker := rig.Script("greedy", `export default { async fetch(request) {
		const { pathname } = new URL(request.url);
		const n = pathname === "/seven" ? 7 : 1;
		await Promise.all(Array.from({ length: n }, async () => (await fetch("http://`+origin+`" + (n === 7 ? "/kept" : "/other"))).text()));
		return new Response("done");
	} };`)
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}, Settings: []string{"[egress]", `allow = ["127.0.0.0/8"]`}})
	s.Ready(worker.Host(), "/")
	<-arrived
	done := make(chan rig.Answer, 1)
	go func() {
		answer, _ := rig.Do(s.Client(), "GET", "http://"+worker.Host()+"/seven", "", "")
		done <- answer
	}()
	result := &seen{crime: crime{row: "39c", name: "seven requests to a server that keeps heads back"}}
	defer record(result)
	for range 6 {
		if path := <-arrived; path != "/kept" {
			t.Fatal(path)
		}
	}
	// Whatever the worker had asked for by now comes before what it asks for in another event.
	if answer := s.Get(worker.Host(), "/"); answer.Body != "done" {
		t.Errorf("another event: %d %q", answer.Status, answer.Body)
	}
	if path := <-arrived; path != "/other" {
		result.problem = "a seventh request has started"
	}
	release <- struct{}{}
	if path := <-arrived; path != "/kept" {
		t.Error(path)
	}
	close(release)
	answer := <-done
	if result.status, result.body = answer.Status, answer.Body; answer.Body != "done" {
		result.problem = "answered " + answer.Body
	}
	if result.problem != "" {
		t.Error(result.problem)
	}
}

func TestOutbound(t *testing.T) {
	quick := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") })
	for _, c := range []crime{
		{row: "39", name: "1001 subrequests", source: `
			let n = 0; try { for (; n < 1001; n++) await (await fetch("http://` + quick + `/")).text(); return "all"; } catch (e) { return n + " " + e.message; }`,
			answer: "done: 1000 Too many subrequests.*", codes: limited, slow: true},
		{row: "39b", name: "2000 fetches at once", source: `
			const all = await Promise.allSettled(Array.from({ length: 2000 }, () => fetch("http://` + quick + `/").then((r) => r.text())));
			return all.filter((r) => r.status === "fulfilled").length <= 1000;`, answer: "done: true", codes: limited},
		{row: "37c", name: "redirect to loopback by another name", source: `try { return (await fetch("http://localhost:1/")).status; } catch (e) { return e.name; }`, answer: "done: TypeError"},
	} {
		t.Run(c.row, func(t *testing.T) { commitWith(t, c, "[egress]", `allow = ["127.0.0.0/8"]`) })
	}
}
