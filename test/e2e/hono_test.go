package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

const mebibyte = 1 << 20

// scaled is a size for `make acceptance` and one for `make test`.
func scaled[T any](full, short T) T {
	if testing.Short() {
		return short
	}
	return full
}

// inBoth runs a story in `skerry serve` and in `skerry dev`.
func inBoth(t *testing.T, project, host string, story func(*testing.T, *rig.Server)) {
	t.Run("serve", func(t *testing.T) {
		s := rig.Serve(t, rig.Platform{Projects: map[string]string{host: project}})
		s.Ready(host, "/")
		story(t, s)
	})
	t.Run("dev", func(t *testing.T) {
		s := rig.Dev(t, project)
		s.Ready(host, "/")
		story(t, s)
	})
}

// Goal: an application of a framework from npm, in TypeScript, runs unchanged. Method: examples/hono, as it is in the repository.
func TestHonoApplication(t *testing.T) {
	const host = "hono.localhost"
	const base = "http://" + host
	project := filepath.Join(rig.Repository(t), "examples", "hono")
	inBoth(t, project, host, func(t *testing.T, s *rig.Server) {
		client := s.Client()
		for _, test := range []struct {
			name, method, path, body string
			status                   int
			want                     string // As JSON if it starts with a brace.
		}{
			{"text", "GET", "/", "", 200, "Hello from Hono on Skerry\n"},
			{"parameter", "GET", "/users/7", "", 200, `{"id":7,"name":"user 7"}`},
			{"no such user", "GET", "/users/x", "", 404, `{"error":"no such user"}`},
			{"no such route", "GET", "/nowhere", "", 404, `{"error":"not found","path":"/nowhere"}`},
			{"valid", "POST", "/users", `{"name":"Ada","email":"ada@example.com","age":36}`, 201, `{"id":1,"name":"Ada","email":"ada@example.com","age":36}`},
			{"not JSON", "POST", "/users", `{"name":`, 400, `{"error":"body is not JSON"}`},
			{"upper", "POST", "/upper", "through javascript", 200, "THROUGH JAVASCRIPT"},
			{"echo", "POST", "/echo", "there and back", 200, "there and back"},
		} {
			t.Run(test.name, func(t *testing.T) {
				answer, err := rig.Do(client, test.method, base+test.path, "application/json", test.body)
				if err != nil {
					t.Fatal(err)
				}
				if answer.Status != test.status || answer.Body != test.want {
					t.Errorf("got %d %q, want %d %q", answer.Status, answer.Body, test.status, test.want)
				}
			})
		}
		t.Run("invalid", func(t *testing.T) { checkValidation(t, client, base) })
		t.Run("events", func(t *testing.T) { checkEvents(t, client, base+"/events", 10) })
		t.Run("upload", func(t *testing.T) { checkUpload(t, s, client, base+"/echo", nil) })
		t.Run("upload through JavaScript", func(t *testing.T) { checkUpload(t, s, client, base+"/upper", upperASCII) })
	})
}

func checkValidation(t *testing.T, client *http.Client, base string) {
	answer, err := rig.Do(client, "POST", base+"/users", "application/json", `{"name":"","email":"nobody","age":-1}`)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Error  string
		Issues []struct{ Path, Message string }
	}
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
		t.Fatalf("%d %q: %v", answer.Status, answer.Body, err)
	}
	var paths []string
	for _, issue := range got.Issues {
		paths = append(paths, issue.Path)
		if issue.Message == "" {
			t.Errorf("the issue with %s has no message", issue.Path)
		}
	}
	if answer.Status != 400 || got.Error != "invalid user" || fmt.Sprint(paths) != "[name email age]" {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		t.Errorf("content type is %q", kind)
	}
}

// checkEvents reads server-sent events. They come one by one if, with the first in hand, the last has not arrived too:
// the worker sends it most of a second later.
func checkEvents(t *testing.T, client *http.Client, url string, n int) {
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		t.Errorf("content type is %q", kind)
	}
	in := bufio.NewReaderSize(response.Body, 64<<10)
	for i := 1; i <= n; i++ {
		want := fmt.Sprintf(`data: {"tick":%d}`, i)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
			if strings.TrimSpace(line) == want {
				break
			}
		}
		if i == 1 {
			waiting, _ := in.Peek(in.Buffered())
			if strings.Contains(string(waiting), fmt.Sprintf(`{"tick":%d}`, n)) {
				t.Errorf("all events came at once")
			}
		}
	}
	if rest, err := io.ReadAll(in); err != nil || strings.Contains(string(rest), "data:") {
		t.Errorf("after the last event: %q, %v", rest, err)
	}
}

func upperASCII(b []byte) {
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
}

// checkUpload sends a long body in chunks while it reads the answer, compares the sums of both and watches the memory: a
// body that flows does not pile up anywhere. change is what the worker does to the bytes, nil for nothing.
func checkUpload(t *testing.T, s *rig.Server, client *http.Client, url string, change func([]byte)) {
	// Buffers on the way and garbage of the supervisor's collector; the body is longer than this at full size.
	size, slack := scaled(100*mebibyte, 16*mebibyte), int64(64*mebibyte)
	if change != nil {
		// The isolate may keep garbage up to its limit of 128 MiB.
		size, slack = scaled(256*mebibyte, 16*mebibyte), 160*mebibyte
	}
	before := s.RSS()
	out, in := io.Pipe()
	sent := sha256.New()
	go func() { in.CloseWithError(writeBody(in, sent, size, change)) }()
	request, err := http.NewRequest("POST", url, out)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		t.Fatalf("status %d: %s", response.StatusCode, text)
	}
	received := sha256.New()
	total, peak := 0, before
	part := make([]byte, mebibyte)
	for {
		n, err := io.ReadFull(response.Body, part)
		received.Write(part[:n])
		total += n
		peak = max(peak, s.RSS())
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", total, err)
		}
	}
	if total != size || string(received.Sum(nil)) != string(sent.Sum(nil)) {
		t.Errorf("%d bytes with sum %x came back, want %d with %x", total, received.Sum(nil), size, sent.Sum(nil))
	}
	if grown := peak - before; grown > slack {
		t.Errorf("memory grew by %d MiB while %d MiB went through, want at most %d", grown/mebibyte, size/mebibyte, slack/mebibyte)
	}
}

// writeBody writes size pseudo-random bytes. sum gets them as they should come back.
func writeBody(w io.Writer, sum hash.Hash, size int, change func([]byte)) error {
	block := make([]byte, 64<<10)
	x := uint64(88172645463325252)
	for size > 0 {
		for i := range block {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			block[i] = byte(x)
		}
		part := block[:min(size, len(block))]
		if _, err := w.Write(part); err != nil {
			return err
		}
		if change != nil {
			change(part)
		}
		sum.Write(part)
		size -= len(part)
	}
	return nil
}
