package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// load sends requests on several connections until it is stopped, and checks each answer.
type load struct {
	stop  chan struct{}
	wait  sync.WaitGroup
	count atomic.Int64
}

// hammer starts load on a path. check says what is wrong with an answer, "" if nothing; it is called concurrently.
func hammer(t *testing.T, s *rig.Server, host, path string, connections int, check func(rig.Answer, error) string) *load {
	l := &load{stop: make(chan struct{})}
	client := s.Client()
	for range connections {
		l.wait.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				answer, err := rig.Do(client, http.MethodGet, "http://"+host+path, "", "")
				if wrong := check(answer, err); wrong != "" {
					t.Errorf("request %d: %s (status %d, body %.200q, error %v)", l.count.Load(), wrong, answer.Status, answer.Body, err)
					return
				}
				l.count.Add(1)
			}
		})
	}
	return l
}

// end stops the load and returns the number of requests.
func (l *load) end() int64 {
	close(l.stop)
	l.wait.Wait()
	return l.count.Load()
}

func edition(n int) string {
	return fmt.Sprintf("export default { fetch(): Response { return new Response(\"edition %d\"); } };\n", n)
}

var editionText = regexp.MustCompile(`^edition \d+$`)

// Goal: in dev, an edit is served without a failed request. Method: edits under load; each must show, none may break.
func TestEditUnderLoad(t *testing.T) {
	worker := rig.Worker{Name: "edited", Main: "src/index.ts", Files: map[string]string{"src/index.ts": edition(0)}}
	project := worker.Write(t, t.TempDir())
	s := rig.Dev(t, project)
	s.Ready(worker.Host(), "/")
	load := hammer(t, s, worker.Host(), "/", 8, func(a rig.Answer, err error) string {
		if err != nil || a.Status != 200 || !editionText.MatchString(a.Body) {
			return "a request failed during an edit"
		}
		return ""
	})
	var took []time.Duration
	for n := 1; n <= scaled(200, 4); n++ {
		saved := time.Now()
		rig.WriteFile(t, filepath.Join(project, "src/index.ts"), edition(n))
		want := fmt.Sprintf("edition %d", n)
		s.Await(worker.Host(), "/", want, func(a rig.Answer) bool { return a.Body == want })
		took = append(took, time.Since(saved))
	}
	n := load.end()
	if n == 0 {
		t.Error("no request was made")
	}
	slices.Sort(took)
	t.Logf("%d edits, %d requests beside them; from saving to the new answer: median %v, longest %v", len(took), n, took[len(took)/2], took[len(took)-1])
}

// Goal: a mistake in an edit is shown, and mending it is enough.
func TestEditWithMistake(t *testing.T) {
	worker := rig.Worker{Name: "edited", Main: "src/index.ts", Files: map[string]string{"src/index.ts": edition(0)}}
	project := worker.Write(t, t.TempDir())
	s := rig.Dev(t, project)
	s.Ready(worker.Host(), "/")
	rig.WriteFile(t, filepath.Join(project, "src/index.ts"), "export default { fetch( };\n")
	rig.Until(t, "the mistake is named", func() bool { return mistake.MatchString(s.Said()) }, s.Said)
	rig.WriteFile(t, filepath.Join(project, "src/index.ts"), edition(1))
	s.Await(worker.Host(), "/", "edition 1", func(a rig.Answer) bool { return a.Body == "edition 1" })
}

var mistake = regexp.MustCompile(`src/index\.ts:1:\d+`)
