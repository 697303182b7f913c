package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/project"
	"skerry/internal/worker"
)

// writeProject writes a project that answers with a text, and returns its directory.
func writeProject(t *testing.T, dir, name, source string) string {
	t.Helper()
	project := filepath.Join(dir, name)
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"wrangler.jsonc": fmt.Sprintf(`{ "name": %q, "main": "index.js", "compatibility_date": "2026-06-01" }`, name),
		"index.js":       source,
	} {
		if err := os.WriteFile(filepath.Join(project, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return project
}

func answering(text string) string {
	return fmt.Sprintf("export default { fetch() { return new Response(%q); } };", text)
}

// route asks for a target and gives its lease back.
func route(t *testing.T, s *sites, host string) (ingress.Target, error) {
	t.Helper()
	target, err := s.Route(t.Context(), false, host, "/")
	if target.Lease != nil {
		target.Lease.Release()
	}
	return target, err
}

func entry(dir, pattern string) project.WorkerEntry {
	return project.WorkerEntry{Dir: dir, Shown: dir, Routes: []string{pattern}}
}

// Goal: a reload changes what has changed, and nothing else. Method: projects on disk, no isolate host.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	one, two := writeProject(t, dir, "one", answering("1")), writeProject(t, dir, "two", answering("2"))
	s := newSites(isolates.New(isolates.Config{}), newSourceMaps(), slog.New(slog.DiscardHandler))
	defer s.close()
	origin := &url.URL{Scheme: "http", Host: "origin"}
	config := &project.ServerConfig{Workers: []project.WorkerEntry{entry(one, "one.test/*"), entry(two, "two.test/*")}}
	config.Workers[0].Origin = origin
	s.apply(config)

	first, err := route(t, s, "one.test")
	if err != nil || first.Version.Name != "one" || first.Origin != origin {
		t.Fatal(first, err)
	}
	if again, err := route(t, s, "one.test"); err != nil || again.Version != first.Version {
		t.Error("built again without a reason", err)
	}
	if nobody, err := route(t, s, "other.test"); err != nil || nobody.Version != nil {
		t.Error(nobody, err)
	}

	// A broken project keeps its old version; one that has not been asked for is built when it is.
	writeProject(t, dir, "one", "export default {")
	writeProject(t, dir, "two", answering("2b"))
	config.Workers[1].Routes = []string{"zwei.test/*"}
	s.apply(config)
	s.wait.Wait()
	if kept, err := route(t, s, "one.test"); err != nil || kept.Version != first.Version {
		t.Error("the old version did not stay", err)
	}
	if gone, err := route(t, s, "two.test"); err != nil || gone.Version != nil {
		t.Error("an old route still answers", err)
	}
	second, err := route(t, s, "zwei.test")
	if err != nil || !strings.Contains(string(second.Version.Modules[0].Data), "2b") {
		t.Error(err)
	}

	// Mended, it changes.
	writeProject(t, dir, "one", answering("1b"))
	s.apply(config)
	s.wait.Wait()
	if changed, err := route(t, s, "one.test"); err != nil || changed.Version == first.Version {
		t.Error("the new version does not answer", err)
	}
	if same, err := route(t, s, "zwei.test"); err != nil || same.Version != second.Version {
		t.Error("an unchanged worker was replaced", err)
	}

	// Other limits are another version.
	config.Workers[1].Limits.CPU = 7 * time.Millisecond
	s.apply(config)
	limited, err := route(t, s, "zwei.test")
	if err != nil || limited.Version.ID == second.Version.ID || limited.Version.Limits.CPU != 7*time.Millisecond {
		t.Error(err)
	}

	// A ceiling lowers what is above it, defaults too, and nothing else.
	config.Ceilings = worker.Limits{CPU: 5 * time.Millisecond, MemoryMB: 64, Subrequests: 2000, Events: 100}
	s.apply(config)
	lowered, err := route(t, s, "zwei.test")
	if want := (worker.Limits{CPU: 5 * time.Millisecond, MemoryMB: 64, Events: 100}); err != nil || lowered.Version.Limits != want || lowered.Version.ID == limited.Version.ID {
		t.Errorf("%v: %+v, want %+v", err, lowered.Version.Limits, want)
	}
}

// Goal: a worker that does not build says so without telling visitors why.
func TestBrokenWorker(t *testing.T) {
	s := newSites(isolates.New(isolates.Config{}), newSourceMaps(), slog.New(slog.DiscardHandler))
	defer s.close()
	s.apply(&project.ServerConfig{Workers: []project.WorkerEntry{
		entry(writeProject(t, t.TempDir(), "broken", "export default {"), "broken.test/*"), entry(filepath.Join(t.TempDir(), "absent"), "absent.test/*"),
	}})
	for _, host := range []string{"broken.test", "absent.test"} {
		_, err := route(t, s, host)
		failure, ok := errors.AsType[*ingress.Failure](err)
		if !ok || failure.Code != ingress.CodeException || failure.Outcome != worker.ScriptInvalid || failure.Cause == nil || strings.Contains(failure.Reason, "index.js") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestTranslate(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"definition":  {&isolates.DefinitionError{Worker: "w", Reason: "r"}, 500},
		"unavailable": {&isolates.UnavailableError{Deaths: 3, Last: errors.New("x")}, 503},
		"closed":      {isolates.ErrClosed, 503},
		"draining":    {fmt.Errorf("fetch: %w", isolates.ErrDraining), 503},
	} {
		failure, ok := errors.AsType[*ingress.Failure](translate(test.err))
		if !ok || failure.Status != test.status || !errors.Is(failure, test.err) {
			t.Errorf("%s: %v", name, failure)
		}
	}
	ended, ok := errors.AsType[*ingress.EventError](translate(&isolates.EventError{Result: isolates.Result{Outcome: worker.ExceededCPU, CPU: 5, Cold: true, PassThrough: true, Message: "m", Stack: "s"}}))
	if !ok || ended.Result != (ingress.Result{Outcome: worker.ExceededCPU, CPU: 5, Cold: true, PassThrough: true, Message: "m", Stack: "s"}) {
		t.Errorf("%+v", ended)
	}
	other := errors.New("other")
	if translate(other) != other {
		t.Error("an unknown error was changed")
	}
}
