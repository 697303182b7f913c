package benchmark

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// echo answers as a right peer does, except where a path says how to be wrong.
func echo(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		switch r.URL.Path {
		case "/echo":
			io.Copy(w, r.Body)
		case "/swap":
			body, _ := io.ReadAll(r.Body)
			body[len(body)/2] ^= 1
			w.Write(body)
		case "/short":
			body, _ := io.ReadAll(r.Body)
			w.Write(body[:len(body)-1])
		case "/fail":
			http.Error(w, "no", http.StatusServiceUnavailable)
		default:
			io.WriteString(w, "hello "+r.Host)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func hello(host string) Request {
	return Request{Method: "GET", Host: host, Path: "/", Status: 200, Want: "hello " + host}
}

func TestLoadEachAsksOnce(t *testing.T) {
	result, err := load(LoadSpec{Addr: echo(t), Each: []Request{hello("a"), hello("b"), hello("c")}})
	if err != nil || result.Requests != 3 || result.P50 <= 0 || result.Max < result.P50 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestLoadSpreadUsesEveryRequest(t *testing.T) {
	result, err := load(LoadSpec{Addr: echo(t), Spread: []Request{hello("a"), hello("b")}, Connections: 4, Duration: 50 * time.Millisecond})
	if err != nil || result.Requests < 4 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestLoadFindsWrongAnswers(t *testing.T) {
	addr := echo(t)
	wrong := hello("a")
	wrong.Want = "good bye"
	failed := hello("a")
	failed.Path = "/fail"
	for name, spec := range map[string]LoadSpec{
		"body":        {Each: []Request{hello("a"), wrong}},
		"status":      {Spread: []Request{failed}, Connections: 2, Duration: time.Second},
		"flipped bit": {Stream: &StreamSpec{Host: "a", Path: "/swap", Bytes: 1 << 20}},
		"byte lost":   {Stream: &StreamSpec{Host: "a", Path: "/short", Bytes: 1 << 20}},
		"no stream":   {Stream: &StreamSpec{Host: "a", Path: "/fail", Bytes: 1 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			spec.Addr = addr
			if result, err := load(spec); !errors.Is(err, ErrWrongAnswer) {
				t.Errorf("got %+v, %v; want a wrong answer", result, err)
			}
		})
	}
}

func TestLoadStreamCountsBytes(t *testing.T) {
	result, err := load(LoadSpec{Addr: echo(t), Stream: &StreamSpec{Host: "a", Path: "/echo", Bytes: 10<<20 + 7}})
	if err != nil || result.Bytes != 10<<20+7 || result.Elapsed <= 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

// The child process speaks JSON on both sides, also about failures.
func TestLoadOverPipes(t *testing.T) {
	spec, _ := json.Marshal(LoadSpec{Addr: echo(t), Each: []Request{hello("a")}})
	var out bytes.Buffer
	if err := Load(bytes.NewReader(spec), &out); err != nil {
		t.Fatal(err)
	}
	var result LoadResult
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || result.Requests != 1 || result.Failed != "" {
		t.Errorf("got %+v, %v", result, err)
	}
	out.Reset()
	if err := Load(strings.NewReader(`{"addr":"127.0.0.1:1"}`), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "nothing to do") {
		t.Errorf("an empty specification gave %s", out.String())
	}
	if err := Load(strings.NewReader("nonsense"), &out); err == nil {
		t.Error("nonsense was accepted")
	}
}
