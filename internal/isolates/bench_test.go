package isolates

import (
	"context"
	"testing"

	"skerry/internal/hostproto"
)

func benchmarkPool(b *testing.B) *Pool {
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		body, headers := []byte("hello"), []byte("content-type\ntext/plain\n")
		h.onFetch = func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			sendTo(h, id, hostproto.Response{Status: 200, Headers: headers, Length: 5, Body: body})
			sendTo(h, id, hostproto.EventDone{CPUNs: 1000})
		}
	}}
	p, _ := newPool(b, f, Config{})
	return p
}

// BenchmarkFetch is a bodyless request with an inline answer, 32 at once; the fake host's work is in it.
func BenchmarkFetch(b *testing.B) {
	p := benchmarkPool(b)
	v := testVersion("a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		req := &FetchRequest{Method: "GET", URL: "https://example.com/", Headers: []byte("host\nexample.com\naccept\n*/*\n")}
		for pb.Next() {
			resp, err := p.Fetch(ctx, v, req)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := resp.Wait(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFetchAlone is the same, one at a time: latency.
func BenchmarkFetchAlone(b *testing.B) {
	p := benchmarkPool(b)
	v := testVersion("a")
	req := get("/")
	b.ReportAllocs()
	for b.Loop() {
		resp, err := p.Fetch(context.Background(), v, req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := resp.Wait(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
