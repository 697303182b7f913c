package bindings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"skerry/internal/ambient"
	"skerry/internal/egress"
	"skerry/internal/hostproto"
	"skerry/internal/isolates"
	"skerry/internal/worker"
)

type fakeFetcher func(ctx context.Context, from egress.Source, call *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error)

func (f fakeFetcher) Do(ctx context.Context, from egress.Source, call *hostproto.FetchCall, _ io.ReadCloser) (hostproto.FetchResult, io.ReadCloser, int64, error) {
	return f(ctx, from, call)
}

var version = &worker.Version{Name: "w", Bindings: []worker.Binding{{Name: "TEXT", Kind: worker.TextBinding}}}

func fetchCall(url string) *isolates.Call {
	return &isolates.Call{Version: version, Op: hostproto.CallOpFetch, Args: hostproto.FetchCall{Method: "GET", URL: url}.AppendTo(nil)}
}

func TestCall(t *testing.T) {
	h := New(Config{Fetcher: fakeFetcher(func(_ context.Context, from egress.Source, call *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error) {
		switch call.URL {
		case "http://refused/":
			return hostproto.FetchResult{}, nil, 0, &egress.Error{Code: hostproto.CallCodeRefused, Message: "not there", Err: errors.New("secret")}
		case "http://broken/":
			return hostproto.FetchResult{}, nil, 0, errors.New("secret")
		}
		if from != (egress.Source{Worker: "w", Depth: 3}) {
			t.Errorf("source %+v", from)
		}
		return hostproto.FetchResult{Status: 200, URL: call.URL}, io.NopCloser(strings.NewReader("x")), 1, nil
	})})
	ctx := &ambient.Context{Context: t.Context()}
	ctx.Event.Depth = 3
	result := h.Call(ctx, fetchCall("http://a/"))
	head, err := hostproto.DecodeFetchResult(result.Result)
	if result.Code != hostproto.CallCodeOK || err != nil || head.Status != 200 || head.URL != "http://a/" || result.Body == nil || result.Length != 1 {
		t.Errorf("result %+v, %v", result, err)
	}
	for name, test := range map[string]struct {
		call *isolates.Call
		code hostproto.CallCode
	}{
		"refused":           {fetchCall("http://refused/"), hostproto.CallCodeRefused},
		"platform":          {fetchCall("http://broken/"), hostproto.CallCodeInternal},
		"malformed":         {&isolates.Call{Version: version, Op: hostproto.CallOpFetch, Args: []byte{1, 2}}, hostproto.CallCodeRefused},
		"unknown operation": {&isolates.Call{Version: version, Op: 99}, hostproto.CallCodeUnsupported},
		"text binding":      {&isolates.Call{Version: version, Slot: 1, Op: hostproto.CallOpFetch}, hostproto.CallCodeUnsupported},
		"no such slot":      {&isolates.Call{Version: version, Slot: 2, Op: hostproto.CallOpFetch}, hostproto.CallCodeRefused},
	} {
		result := h.Call(ctx, test.call)
		if result.Code != test.code || result.Message == "" || strings.Contains(result.Message, "secret") {
			t.Errorf("%s: %+v", name, result)
		}
		// What went wrong out there is no fault of the host's.
		if honest := name == "refused" || name == "platform"; (result.Violation == "") != honest {
			t.Errorf("%s: violation %q", name, result.Violation)
		}
	}
}

func TestSubrequestLimit(t *testing.T) {
	h := New(Config{Limits: Limits{Subrequests: 3}, Fetcher: fakeFetcher(func(context.Context, egress.Source, *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error) {
		return hostproto.FetchResult{Status: 200}, nil, 0, nil
	})})
	for range 2 { // each event has its own
		ctx := &ambient.Context{Context: t.Context()}
		for i := range 5 {
			if result := h.Call(ctx, fetchCall("http://a/")); (result.Code == hostproto.CallCodeOK) != (i < 3) || i >= 3 && result.Code != hostproto.CallCodeLimit {
				t.Errorf("call %d: %+v", i, result)
			}
		}
	}
}

// Goal: a worker's own limit counts, below the ceiling only, and one that names none has the default.
func TestSubrequestLimitOfTheWorker(t *testing.T) {
	for _, test := range []struct{ own, ceiling, want int }{{2, 0, 2}, {2, 3, 2}, {5, 3, 3}, {0, 0, worker.DefaultSubrequests}, {0, 4, 4}} {
		h := New(Config{Limits: Limits{Subrequests: test.ceiling}, Fetcher: fakeFetcher(func(context.Context, egress.Source, *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error) {
			return hostproto.FetchResult{Status: 200}, nil, 0, nil
		})})
		ctx := &ambient.Context{Context: t.Context()}
		call := fetchCall("http://a/")
		call.Version = &worker.Version{Name: "w", Limits: worker.Limits{Subrequests: test.own}}
		made := 0
		var result isolates.CallResult
		for made <= test.want {
			if result = h.Call(ctx, call); result.Code != hostproto.CallCodeOK {
				break
			}
			made++
		}
		if message := fmt.Sprintf("Too many subrequests by single Worker invocation (limit %d).", test.want); made != test.want || result.Code != hostproto.CallCodeLimit || result.Message != message {
			t.Errorf("%+v: %d calls, then %+v", test, made, result)
		}
	}
}

// Goal: by default six requests of an event wait for heads, a seventh starts when one has its own, and another event has six more.
func TestSixWaitForHeads(t *testing.T) {
	started, answer := make(chan string, 20), make(chan struct{})
	h := New(Config{Fetcher: fakeFetcher(func(_ context.Context, _ egress.Source, call *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error) {
		started <- call.URL
		<-answer
		return hostproto.FetchResult{Status: 200}, nil, 0, nil
	})})
	one, other := &ambient.Context{Context: t.Context()}, &ambient.Context{Context: t.Context()}
	done := make(chan isolates.CallResult, 20)
	for range 7 {
		go func() { done <- h.Call(one, fetchCall("http://one/")) }()
	}
	for range 6 {
		<-started
	}
	for range 6 {
		go func() { done <- h.Call(other, fetchCall("http://other/")) }()
	}
	for range 6 { // the seventh of the first event would be among them if nothing held it
		if url := <-started; url != "http://other/" {
			t.Error("a seventh request has started")
		}
	}
	close(answer)
	if url := <-started; url != "http://one/" {
		t.Error(url)
	}
	for range 13 {
		if result := <-done; result.Code != hostproto.CallCodeOK {
			t.Errorf("%+v", result)
		}
	}
}

// Goal: no more than the limit wait for heads, and one more starts as soon as one has its head.
func TestWaitingLimit(t *testing.T) {
	started, answer := make(chan struct{}, 10), make(chan struct{})
	h := New(Config{Limits: Limits{Waiting: 2}, Fetcher: fakeFetcher(func(context.Context, egress.Source, *hostproto.FetchCall) (hostproto.FetchResult, io.ReadCloser, int64, error) {
		started <- struct{}{}
		<-answer
		return hostproto.FetchResult{Status: 200}, nil, 0, nil
	})})
	ctx := &ambient.Context{Context: t.Context()}
	done := make(chan isolates.CallResult, 10)
	for range 3 {
		go func() { done <- h.Call(ctx, fetchCall("http://a/")) }()
	}
	<-started
	<-started
	aborted, cancel := context.WithCancel(ctx)
	cancel()
	if result := h.Call(aborted, fetchCall("http://a/")); result.Code != hostproto.CallCodeAborted {
		t.Errorf("a call over the limit with an ended context: %+v", result)
	}
	if len(started) != 0 {
		t.Error("a third call has started")
	}
	answer <- struct{}{}
	<-started
	close(answer)
	for range 3 {
		if result := <-done; result.Code != hostproto.CallCodeOK {
			t.Errorf("%+v", result)
		}
	}
}
