package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// hygieneWorker writes a worker of testdata as a project, bundled without helpers that would use the language's prototypes.
func hygieneWorker(t *testing.T, name string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", name+".js"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rig.WriteFile(t, filepath.Join(dir, "wrangler.json"), fmt.Sprintf(`{"name": %q, "main": "index.js", "compatibility_date": %q, "keep_names": false, "limits": {"cpu_ms": 10000}}`, name, rig.CompatDate))
	rig.WriteFile(t, filepath.Join(dir, "index.js"), string(source))
	return dir
}

// Goal: nothing of the platform's inside is reachable from a worker, on the real host. Method: everything that can be reached,
// with its flags, is compared with a golden list; no function of it may have the name of an operation of the host.
// SKERRY_UPDATE_GOLDEN=1 writes the list anew: read the difference, it is a change of what workers see.
func TestReachable(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Projects: map[string]string{"reachable.localhost": hygieneWorker(t, "reachable")}})
	got := s.Ready("reachable.localhost", "/").Body
	golden := filepath.Join("testdata", "reachable.golden.txt")
	if os.Getenv("SKERRY_UPDATE_GOLDEN") == "1" {
		rig.WriteFile(t, golden, got)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wanted := make(map[string]bool)
	for line := range strings.Lines(string(want)) {
		wanted[line] = true
	}
	for line := range strings.Lines(got) {
		if !wanted[line] {
			t.Errorf("not in %s: %s", golden, line)
		}
		delete(wanted, line)
	}
	for line := range strings.Lines(string(want)) {
		if wanted[line] {
			t.Errorf("only in %s: %s", golden, line)
		}
	}

	// The list is renewed by hand, so what must never be on it is looked for besides: some operations and handlers of the host.
	for _, name := range []string{
		"setHandlers", "setMaker", "defineLazy", "eventDone", "eventHeaders", "streamPull", "streamWrite", "timerStart", "setAsyncFrame", "markHandled", "utf8Encode", "urlParse", "typeTag",
		"eventKilled", "callResult", "streamData", "promiseReject", "rejectionsDue",
	} {
		if strings.Contains(got, fmt.Sprintf("function %q/", name)) {
			t.Errorf("a worker can reach %s, which is the host's", name)
		}
	}
}

// Goal: what a worker does to the language's prototypes, constructors and namespaces changes nothing of what the platform does.
// Method: testdata/poisoned.js replaces all of them, uses the platform, and reports what it has called of them.
func TestPoisonedPrototypes(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.Header.Get("X-A"), body)
	}))
	defer origin.Close()
	s := rig.Dev(t, hygieneWorker(t, "poisoned"))
	const host = "poisoned.localhost"
	if body := s.Ready(host, "/hello").Body; body != "hello" {
		t.Errorf("GET /hello: got %q", body)
	}
	if body := s.Get(host, "/async").Body; body != "later" {
		t.Errorf("GET /async: got %q", body)
	}
	if answer, err := rig.Do(s.Client(), "POST", "http://"+host+"/echo-body", "text/plain", "there and back"); err != nil || answer.Body != "there and back" || answer.Header.Get("X-Method") != "POST" {
		t.Errorf("POST /echo-body: got %q %v", answer.Body, err)
	}
	if answer, err := rig.Do(s.Client(), "POST", "http://"+host+"/json", "application/json", `{"a":[1,"x"]}`); err != nil || answer.Body != `{"got":{"a":[1,"x"]}}` {
		t.Errorf("POST /json: got %q %v", answer.Body, err)
	}
	report := s.Get(host, "/check?echo="+url.QueryEscape(origin.URL)).Body
	passed := strings.Count(report, ": ok\n")
	if passed != len(regexp.MustCompile(`(?m)^\w+: `).FindAllString(report, -1)) || passed < 27 || strings.Contains(report, "touched") {
		t.Errorf("%d checks passed:\n%s", passed, report)
	}
}
