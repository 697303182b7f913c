package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// Goal: examples/skerry.toml works as the README says. Method: the file itself, on another port.
func TestExamplesAreServedTogether(t *testing.T) {
	s := rig.ServeConfig(t, filepath.Join(rig.Repository(t), "examples", "skerry.toml"))
	s.Ready("plain.localhost", "/")
	for host, want := range map[string]string{
		"hono.localhost":      "Hello from Hono on Skerry\n",
		"streaming.localhost": "GET /sse, POST /tee, POST /number, GET /generate?bytes=N\n",
		"plain.localhost":     "Hello, World!\n",
		"other.example":       "Hello, World!\n", // The worker that takes what no other does.
	} {
		if answer := s.Get(host, "/"); answer.Status != 200 || answer.Body != want {
			t.Errorf("%s: got %d %q, want %q", host, answer.Status, answer.Body, want)
		}
	}
}

func TestStreamingExample(t *testing.T) {
	const host = "streaming.localhost"
	const base = "http://" + host
	inBoth(t, filepath.Join(rig.Repository(t), "examples", "streaming"), host, func(t *testing.T, s *rig.Server) {
		client := s.Client()
		t.Run("events", func(t *testing.T) { checkEvents(t, client, base+"/sse", 10) })
		t.Run("tee", func(t *testing.T) {
			body := strings.Repeat("0123456789", 30_000)
			answer, err := rig.Do(client, "POST", base+"/tee", "text/plain", body)
			if want := fmt.Sprintf("%s\n%d bytes\n", body, len(body)); err != nil || answer.Body != want {
				t.Errorf("got %d bytes ending in %.40q, %v; want %d", len(answer.Body), answer.Body[max(0, len(answer.Body)-40):], err, len(want))
			}
		})
		t.Run("number", func(t *testing.T) {
			answer, err := rig.Do(client, "POST", base+"/number", "text/plain", "één\ntwo\n\nfour")
			if want := "1: één\n2: two\n3: \n4: four\n"; err != nil || answer.Body != want {
				t.Errorf("got %q, %v; want %q", answer.Body, err, want)
			}
		})
		t.Run("generate", func(t *testing.T) {
			size := scaled(100*mebibyte, 5*mebibyte)
			sum := sha256.New()
			block := make([]byte, 251)
			for i := range block {
				block[i] = byte(i)
			}
			for left := size; left > 0; left -= len(block) {
				sum.Write(block[:min(left, len(block))])
			}
			answer, err := rig.Do(client, "GET", fmt.Sprintf("%s/generate?bytes=%d", base, size), "", "")
			if got := sha256.Sum256([]byte(answer.Body)); err != nil || len(answer.Body) != size || string(got[:]) != string(sum.Sum(nil)) {
				t.Errorf("got %d bytes with sum %x, %v; want %d with %x", len(answer.Body), got, err, size, sum.Sum(nil))
			}
		})
	})
}

func TestPlainExample(t *testing.T) {
	const host = "plain.localhost"
	inBoth(t, filepath.Join(rig.Repository(t), "examples", "plain"), host, func(t *testing.T, s *rig.Server) {
		var env struct {
			Greeting string
			Settings struct {
				Colour  string
				Islands int
			}
		}
		answer := s.Get(host, "/env")
		if err := json.Unmarshal([]byte(answer.Body), &env); err != nil {
			t.Fatalf("%d %q: %v", answer.Status, answer.Body, err)
		}
		if env.Greeting != "hello" || env.Settings.Colour != "granite" || env.Settings.Islands != 3 {
			t.Errorf("got %s", answer.Body)
		}
		// Work that goes on after the answer is done in the end.
		s.Await(host, "/later", "a count of finished work", func(a rig.Answer) bool {
			return a.Status == 202 && a.Body != `{"finished":0}`
		})
	})
}
