package e2e

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"skerry/test/e2e/rig"
)

const cryptoScript = `
const bytes = (text) => new TextEncoder().encode(text);
const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, "0")).join("");

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const n = Number(searchParams.get("n"));
    if (pathname === "/derive") {
      const key = await crypto.subtle.importKey("raw", bytes("password"), "PBKDF2", false, ["deriveBits"]);
      const params = { name: "PBKDF2", hash: "SHA-256", salt: bytes("salt"), iterations: 100000 };
      const all = await Promise.all(Array.from({ length: n }, () => crypto.subtle.deriveBits(params, key, 256)));
      return new Response([...new Set(all.map(hex))].join());
    }
    if (pathname === "/generate") {
      const params = { name: "RSA-PSS", modulusLength: n, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
      const pair = await crypto.subtle.generateKey(params, false, ["sign", "verify"]);
      return new Response(String(pair.publicKey.algorithm.modulusLength));
    }
    if (pathname === "/leave") {
      // Jobs that the event does not wait for end with it.
      for (let i = 0; i < n; i++) void crypto.subtle.digest("SHA-512", new Uint8Array(4 << 20));
      return new Response("left");
    }
    return new Response("fine");
  },
};
`

// Goal: long cryptographic work has its result, is billed to its request, and ends with it: no crash, no wrong answer, and
// a worker that goes on answering, when requests are given up, ended by their limit, or leave while jobs run.
func TestCryptographicJobs(t *testing.T) {
	limited := rig.Script("limited", cryptoScript)
	patient := rig.Script("patient", cryptoScript)
	patient.CPU = 60_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{limited, patient}})
	s.Ready(limited.Host(), "/")
	s.Ready(patient.Host(), "/")
	hosts := s.Hosts()

	derived, err := pbkdf2.Key(sha256.New, "password", []byte("salt"), 100_000, 32)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Get(patient.Host(), "/derive?n=3"); got.Body != hex.EncodeToString(derived) {
		t.Errorf("three derivations at a time: %d %q, want %x", got.Status, got.Body, derived)
	}
	if got := s.Get(patient.Host(), "/generate?n=2048"); got.Body != "2048" {
		t.Errorf("a new RSA key: %d %q", got.Status, got.Body)
	}
	if got := s.Get(limited.Host(), "/derive?n=100"); got.Status != 503 || !strings.Contains(got.Body, "error code: 1102") {
		t.Errorf("a hundred derivations in 50 ms of CPU time: %d %q, want 503 with error code 1102", got.Status, got.Body)
	}
	if got := s.Get(limited.Host(), "/"); got.Body != "fine" {
		t.Errorf("after that: %d %q", got.Status, got.Body)
	}

	// Clients that go while their jobs wait and run, beside such as stay.
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			switch i % 4 {
			case 0:
				if got := s.Get(patient.Host(), "/derive?n=2"); got.Body != hex.EncodeToString(derived) {
					t.Errorf("a derivation beside others: %d %q", got.Status, got.Body)
				}
			case 1:
				s.Get(limited.Host(), "/derive?n=50")
			case 2:
				if got := s.Get(patient.Host(), "/leave?n=10"); got.Body != "left" {
					t.Errorf("a request that does not wait for its jobs: %d %q", got.Status, got.Body)
				}
			case 3:
				ctx, cancel := context.WithCancel(t.Context())
				request, err := http.NewRequestWithContext(ctx, "GET", "http://"+patient.Host()+"/generate?n=4096", nil)
				if err != nil {
					t.Error(err)
				}
				go func() {
					s.Get(patient.Host(), "/")
					cancel()
				}()
				if response, err := s.Client().Do(request); err == nil {
					response.Body.Close()
				}
				cancel()
			}
		})
	}
	all.Wait()
	for _, worker := range []rig.Worker{limited, patient} {
		if got := s.Get(worker.Host(), "/"); got.Body != "fine" {
			t.Errorf("in the end: %d %q", got.Status, got.Body)
		}
	}
	if now := s.Hosts(); !slices.Equal(hosts, now) {
		t.Errorf("the host processes were %v and are %v now: one has ended", hosts, now)
	}
}
