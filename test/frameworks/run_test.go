package frameworks

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// app is one running project.
type app struct {
	t      *testing.T
	client *http.Client
	// base is the URL of the project without a path.
	base string
}

// step is a request and what its answer must be.
type step struct {
	name    string // The method and path if empty.
	method  string // GET, or POST with a body.
	path    string
	headers map[string]string
	body    string
	status  int // 200 if zero.
	// want is the whole body; as JSON if it starts with a brace or bracket. Not looked at if empty.
	want string
	// has are parts of the body, lacks what it must not hold.
	has, lacks []string
	// wantHeaders are header fields; "" means that there is none, and "*" any value.
	wantHeaders map[string]string
}

// project runs a story on one project in `skerry serve` and in `skerry dev`. made is a file of it that must be there: what is
// installed from npm, or built.
func project(t *testing.T, dir, made string, story func(*testing.T, *app)) {
	t.Helper()
	path := filepath.Join(rig.Repository(t), "test", "frameworks", filepath.FromSlash(dir))
	if _, err := os.Stat(filepath.Join(path, made)); err != nil {
		t.Skipf("%s is not there: run `make frameworks` first, or `make test`, which does", filepath.Join(dir, made))
	}
	const host = "app.localhost"
	run := func(t *testing.T, s *rig.Server) {
		s.Await(host, "/", "an answer of the worker", func(a rig.Answer) bool { return a.Status < 500 })
		story(t, &app{t: t, client: s.Client(), base: "http://" + host})
	}
	t.Run("serve", func(t *testing.T) {
		run(t, rig.Serve(t, rig.Platform{Projects: map[string]string{host: path}, Settings: []string{"[egress]", `allow = ["public", "loopback"]`, "[limits]", "cpu_ms = 5000"}}))
	})
	t.Run("dev", func(t *testing.T) { run(t, rig.Dev(t, path)) })
}

const (
	fromNPM   = "../node_modules/.skerry"
	builtVite = "dist/server.js"
)

// do sends the request of a step and reads the answer.
func (a *app) do(t *testing.T, s step) rig.Answer {
	t.Helper()
	if s.method == "" {
		if s.method = http.MethodGet; s.body != "" {
			s.method = http.MethodPost
		}
	}
	var body io.Reader
	if s.body != "" {
		body = strings.NewReader(s.body)
	}
	request, err := http.NewRequest(s.method, a.base+s.path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range s.headers {
		request.Header.Set(name, value)
	}
	response, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(text), err)
	}
	return rig.Answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}
}

// steps runs each step as a test of its own.
func (a *app) steps(t *testing.T, steps []step) {
	for _, s := range steps {
		name := s.name
		if name == "" {
			name = strings.TrimSpace(s.method + " " + s.path)
		}
		t.Run(name, func(t *testing.T) { a.check(t, s) })
	}
}

// check does one step.
func (a *app) check(t *testing.T, s step) rig.Answer {
	t.Helper()
	answer := a.do(t, s)
	if s.status == 0 {
		s.status = 200
	}
	if answer.Status != s.status {
		t.Errorf("status %d, want %d; body %.1000q", answer.Status, s.status, answer.Body)
	}
	if s.want != "" && !sameBody(answer.Body, s.want) {
		t.Errorf("body\n%.2000s\nwant\n%s", answer.Body, s.want)
	}
	for _, part := range s.has {
		if !strings.Contains(answer.Body, part) {
			t.Errorf("no %q in the body\n%.4000s", part, answer.Body)
		}
	}
	for _, part := range s.lacks {
		if strings.Contains(answer.Body, part) {
			t.Errorf("%q is in the body\n%.4000s", part, answer.Body)
		}
	}
	for name, want := range s.wantHeaders {
		got := strings.Join(answer.Header.Values(name), " | ")
		if want == "*" && got == "" || want != "*" && got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	return answer
}

func sameBody(got, want string) bool {
	if !strings.HasPrefix(want, "{") && !strings.HasPrefix(want, "[") {
		return got == want
	}
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return got == want
	}
	return reflect.DeepEqual(a, b)
}

// streamed checks that first comes while last has not been sent yet: the worker waits between the two for a time that is long
// compared to what the first needs.
func (a *app) streamed(t *testing.T, path string, headers map[string]string, first, last string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, a.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	in := bufio.NewReader(response.Body)
	var seen strings.Builder
	for !strings.Contains(seen.String(), first) {
		b, err := in.ReadByte()
		if err != nil {
			t.Fatalf("%v before %q in %q", err, first, seen.String())
		}
		seen.WriteByte(b)
	}
	waiting, _ := in.Peek(in.Buffered())
	if strings.Contains(string(waiting), last) {
		t.Errorf("%q came together with %q", last, first)
	}
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), last) {
		t.Errorf("after %q came %.2000q, %v; want %q", first, rest, err, last)
	}
}
