package hostile

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
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

// Goal: from serve, no spelling of an address reaches a server that is not public. Method: a server on loopback that must not be asked.
func TestPrivateAddresses(t *testing.T) {
	var asked atomic.Int64
	addr := newOrigin(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	source := "const results = [];"
	for _, host := range []string{"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "localhost", "LOCALHOST.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::]",
		"169.254.169.254", "100.64.0.1", "10.0.0.1", "192.168.1.1", "[fd00:ec2::254]", "[fe80::1]"} {
		source += fmt.Sprintf(`try { await fetch(%q); results.push(%q); } catch {}`, "http://"+host+":"+port+"/", host)
	}
	c := crime{row: "37", name: "addresses that are not public, in 20 spellings", source: source + `return results.join(" ");`, answer: "done: "}
	t.Run(c.row, func(t *testing.T) { commit(t, c) })
	if n := asked.Load(); n > 0 {
		t.Errorf("the server on loopback was asked %d times", n)
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
		{row: "37b", name: "redirect to loopback by another name", source: `try { return (await fetch("http://localhost:1/")).status; } catch (e) { return e.name; }`, answer: "done: TypeError"},
	} {
		t.Run(c.row, func(t *testing.T) { commitWith(t, c, "[egress]", `allow = ["127.0.0.0/8"]`) })
	}
}
