package benchmark

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestGoPeerAnswersAsTheWorkersDo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(answerAsPeer))
	defer server.Close()
	addr := server.Listener.Addr().String()
	if result, err := load(LoadSpec{Addr: addr, Each: []Request{helloRequest("localhost")}}); err != nil {
		t.Errorf("hello: %+v, %v", result, err)
	}
	if result, err := load(LoadSpec{Addr: addr, Stream: &StreamSpec{Host: "localhost", Path: "/echo", Bytes: 3 << 20}}); err != nil {
		t.Errorf("echo: %+v, %v", result, err)
	}
}

func TestEachPeerStartsFirstInTurn(t *testing.T) {
	s := &suite{Options: Options{Rounds: 3}}
	var order []string
	err := s.inTurn(context.Background(), 3, func(round, peer int) error {
		order = append(order, fmt.Sprint(round, peer))
		return nil
	})
	if want := "[0 0 0 1 0 2 1 1 1 2 1 0 2 2 2 0 2 1]"; err != nil || fmt.Sprint(order) != want {
		t.Errorf("got %v, %v; want %s", order, err, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.inTurn(ctx, 3, func(int, int) error { t.Error("called after the end"); return nil }); err == nil {
		t.Error("no error after the end")
	}
}

// The configuration names each worker once, with a route, and its directory holds a project.
func TestSkerryConfig(t *testing.T) {
	dir := t.TempDir()
	tenants := small(2)
	tenants[1].cpuMS = 70
	path, err := writeSkerryConfig(dir, "127.0.0.1:1", tenants, []string{"[host]", "isolates_max = 9"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"127.0.0.1:1"`, "isolates_max = 9", `"w0000.localhost/*"`, `"w0001.localhost/*"`} {
		if strings.Count(string(text), part) != 1 {
			t.Errorf("%s is not there once:\n%s", part, text)
		}
	}
	project, err := os.ReadFile(filepath.Join(dir, "w0001", "wrangler.jsonc"))
	if err != nil || !strings.Contains(string(project), `"cpu_ms": 70`) {
		t.Errorf("project is %s, %v", project, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "w0001", "worker.js")); err != nil {
		t.Error(err)
	}
}

// One tenant is served directly; several get a router, so that they are told apart by host name as in Skerry.
func TestWorkerdConfig(t *testing.T) {
	for n, router := range map[int]bool{1: false, 3: true} {
		path, err := writeWorkerdConfig(t.TempDir(), "127.0.0.1:1", small(n))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), `service = "router"`); got != router {
			t.Errorf("%d tenants, router: %v\n%s", n, got, text)
		}
		if got := strings.Count(string(text), "embed \"w0"); got != n {
			t.Errorf("%d tenants, %d of them embedded", n, got)
		}
	}
}

// A server that ends instead of answering must not be waited for.
func TestServerThatEndsIsAnError(t *testing.T) {
	s := &suite{dir: t.TempDir()}
	if _, err := s.startServer(context.Background(), "peer", "127.0.0.1:1", exec.Command("sh", "-c", "echo out of luck >&2; exit 1"), helloRequest("a")); err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("got %v, want what the program said", err)
	}
	if _, err := s.startPrinting(context.Background(), "peer", exec.Command("sh", "-c", "echo out of luck >&2; exit 1"), helloRequest("a")); err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("got %v, want what the program said", err)
	}
}

func TestRunRefusesWhatItDoesNotKnow(t *testing.T) {
	if _, err := Run(context.Background(), Options{Self: os.Args[0], Only: []string{"cold", "hot"}}); err == nil || !strings.Contains(err.Error(), `"hot"`) {
		t.Errorf("got %v", err)
	}
	if _, err := Run(context.Background(), Options{Self: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a program that is not there was accepted")
	}
}
