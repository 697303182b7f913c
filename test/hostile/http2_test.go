package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"skerry/test/e2e/rig"
)

// h2Flood is what a client of HTTP/2 does again and again.
type h2Flood struct {
	row, name string
	settings  []http2.Setting
	write     func(f *http2.Framer, i int) error
	// code is that with which the server says good-bye, if it must.
	code http2.ErrCode
}

func h2head(path string, fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	all := append([]string{":method", "GET", ":scheme", "http", ":authority", "victim.localhost", ":path", path}, fields...)
	for i := 0; i < len(all); i += 2 {
		e.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	return b.Bytes()
}

func h2get(f *http2.Framer, i int) error {
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: h2head("/"), EndStream: true, EndHeaders: true})
}

// rssMax is how much a flood may make the platform grow.
const rssMax = 256 << 20

// Goal: a client of HTTP/2 that only makes work is sent away, holds little, and keeps nobody else from being served.
func TestHTTP2Floods(t *testing.T) {
	victim := rig.Script("victim", `export default { async fetch() { await scheduler.wait(1000); return new Response("x".repeat(1000)); } };`)
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{victim}, innocents()...)})
	s.Ready(victim.Host(), "/")
	more := append([]byte("\x00\x01x\x7f\xc1\x3d"), strings.Repeat("x", 8000)...) // a field without an index: name x, value of 8000 bytes
	block := h2head("/", "x", strings.Repeat("x", 8000))
	for _, flood := range []h2Flood{
		{"36a", "HEADERS and RST_STREAM", nil, func(f *http2.Framer, i int) error {
			return errors.Join(h2get(f, i), f.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel))
		}, http2.ErrCodeEnhanceYourCalm},
		{"36b", "CONTINUATION without end", nil, func(f *http2.Framer, i int) error {
			if i == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block})
			}
			return f.WriteContinuation(1, false, more)
		}, http2.ErrCodeProtocol},
		{"36c", "SETTINGS", nil, func(f *http2.Framer, i int) error { return f.WriteSettings() }, http2.ErrCodeEnhanceYourCalm},
		{"36d", "PING", nil, func(f *http2.Framer, i int) error { return f.WritePing(false, [8]byte{}) }, http2.ErrCodeEnhanceYourCalm},
		{"36e", "requests with windows of a byte", []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1}}, func(f *http2.Framer, i int) error {
			if i < 200 {
				return h2get(f, i)
			}
			return f.WritePing(false, [8]byte{})
		}, http2.ErrCodeEnhanceYourCalm},
	} {
		t.Run(flood.row, func(t *testing.T) {
			crowd := newCrowd(t, s)
			defer crowd.stop()
			result := &seen{crime: crime{row: flood.row, name: flood.name}}
			defer record(result)
			before, start := s.RSS(), time.Now()
			conn, err := net.Dial("tcp", s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(rig.Patience))
			io.WriteString(conn, http2.ClientPreface)
			f := http2.NewFramer(conn, conn)
			f.WriteSettings(flood.settings...)
			go func() { // ends with the connection
				for i := 0; flood.write(f, i) == nil; i++ {
				}
			}()
			code := http2.ErrCodeNo
			for {
				frame, err := f.ReadFrame()
				if err != nil {
					var timeout net.Error
					if errors.As(err, &timeout) && timeout.Timeout() {
						result.problem = "the connection is still open"
					}
					break
				}
				if away, ok := frame.(*http2.GoAwayFrame); ok {
					code = away.ErrCode
				}
			}
			result.wall = time.Since(start)
			grown := s.RSS() - before
			result.requests, result.failures = crowd.stop()
			result.body = fmt.Sprintf("%v, %d MiB", code, grown>>20)
			switch {
			case result.problem != "":
			case code != flood.code:
				result.problem = "sent away with " + code.String()
			case grown > rssMax:
				result.problem = fmt.Sprintf("grew by %d MiB", grown>>20)
			case len(result.failures) > 0:
				result.problem = "innocent: " + result.failures[0].text
			}
			if result.problem != "" {
				t.Error(result.problem)
			}
		})
	}
}
