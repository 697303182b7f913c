package bindings

import (
	"context"
	"io"
	"testing"

	"skerry/internal/egress"
	"skerry/internal/hostproto"
	"skerry/internal/isolates"
)

// FuzzCall: whatever a host asks for on a worker's behalf, only a call that is right in every field reaches the product behind it, with
// what it said; the rest is a violation.
func FuzzCall(f *testing.F) {
	good := hostproto.FetchCall{Method: "GET", URL: "https://example.com/", Headers: []byte("a\nb\n"), Length: -1}.AppendTo(nil)
	f.Add(uint16(0), uint16(1), good)
	f.Add(uint16(1), uint16(1), good)
	f.Add(uint16(2), uint16(1), good)
	f.Add(uint16(0), uint16(9), good)
	f.Add(uint16(0), uint16(1), good[:7])
	f.Fuzz(func(t *testing.T, slot, op uint16, args []byte) {
		asked := false
		h := New(Config{Fetcher: fakeFetcher(func(_ context.Context, from egress.Source, call *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error) {
			asked = true
			if again := call.AppendTo(nil); string(again) != string(args) || call.Length < -1 {
				t.Errorf("asked for %x, was %x", again, args)
			}
			return hostproto.FetchResult{Status: 200}, nil, 0, nil
		})})
		result := h.Call(t.Context(), &isolates.Call{Version: version, Slot: slot, Op: hostproto.CallOp(op), Args: args})
		if asked != (result.Code == hostproto.CallCodeOK) || asked != (result.Violation == "") || asked && (slot != 0 || op != uint16(hostproto.CallOpFetch)) {
			t.Errorf("slot %d, op %d: asked %v, %+v", slot, op, asked, result)
		}
	})
}
