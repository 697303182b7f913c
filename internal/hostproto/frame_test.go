package hostproto

import (
	"bytes"
	"errors"
	"testing"
)

func TestFrameLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		append func(n int) ([]byte, error)
		limit  int
		from   Side
	}{
		{"WorkerData", func(n int) ([]byte, error) { return AppendFrame(nil, 1, WorkerData{Data: make([]byte, n)}) }, FramePayloadMax, FromSupervisor},
		{"StreamData", func(n int) ([]byte, error) { return AppendFrame(nil, 1, StreamData{Data: make([]byte, n)}) }, StreamDataMax, FromHost},
		{"Fatal", func(n int) ([]byte, error) { return AppendFrame(nil, 0, Fatal{Message: string(make([]byte, n-4))}) }, FramePayloadMax, FromHost},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, n := range []int{test.limit - 1, test.limit} {
				b, err := test.append(n)
				if err != nil || len(b) != HeaderSize+n {
					t.Fatalf("%d bytes of payload: frame of %d, %v", n, len(b), err)
				}
				p := NewParser(test.from)
				var got Frame
				for rest, ok := b, false; !ok; {
					k := copy(p.Space(), rest)
					rest = rest[k:]
					p.Added(k)
					if got, ok, err = p.Next(); err != nil || !ok && len(rest) == 0 {
						t.Fatalf("%d bytes of payload: %v, %v", n, ok, err)
					}
				}
				if !bytes.Equal(got.Payload, b[HeaderSize:]) {
					t.Errorf("%d bytes of payload: other bytes came out", n)
				}
			}
			var fault *FrameError
			b, err := test.append(test.limit + 1)
			if !errors.As(err, &fault) || fault.Fault != TooLong || len(b) != 0 {
				t.Errorf("one over the limit: %d bytes, %v", len(b), err)
			}
		})
	}
}

// Goal: a header that lies about its length costs no memory. Method: watch the parser's buffer.
func TestParserDoesNotGrowForARefusedHeader(t *testing.T) {
	p := NewParser(FromHost)
	p.Added(copy(p.Space(), []byte{0xff, 0xff, 0xff, 0xff, byte(TypeResponse), 0, 0, 0, 1, 0, 0, 0}))
	if _, ok, err := p.Next(); ok || err == nil {
		t.Fatalf("frame %v, error %v", ok, err)
	}
	if p.Space(); len(p.buf) != parserBuffer {
		t.Errorf("buffer of %d bytes, want %d", len(p.buf), parserBuffer)
	}
	if _, ok, err := p.Next(); ok || err == nil {
		t.Errorf("after an error: frame %v, error %v", ok, err)
	}
}

func TestParserDoesNotAllocatePerFrame(t *testing.T) {
	p := NewParser(FromHost)
	var batch []byte
	for id := uint32(1); id <= 100; id++ {
		batch, _ = AppendFrame(batch, id, Response{Status: 200, Body: []byte("hello")})
		batch, _ = AppendFrame(batch, id, EventDone{CPUNs: 5})
	}
	allocs := testing.AllocsPerRun(100, func() {
		p.Added(copy(p.Space(), batch))
		for {
			f, ok, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return
			}
			switch f.Type {
			case TypeResponse:
				_, err = DecodeResponse(f.Payload)
			case TypeEventDone:
				_, err = DecodeEventDone(f.Payload)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for 200 frames, want none", allocs)
	}
}

func FuzzParser(f *testing.F) {
	for _, v := range readVectors(f) {
		if v.keys["kind"] == "control" {
			f.Add(v.raw, v.from() == FromHost)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, host bool) {
		from := FromSupervisor
		if host {
			from = FromHost
		}
		p := NewParser(from)
		var again []byte
		for rest := data; ; {
			n := copy(p.Space(), rest)
			rest = rest[n:]
			p.Added(n)
			frames := 0
			for {
				fr, ok, err := p.Next()
				if err != nil {
					return
				}
				if !ok {
					break
				}
				frames++
				m, err := DecodeMessage(fr.Type, fr.Payload)
				if err != nil {
					var d *DecodeError
					if !errors.As(err, &d) {
						t.Fatalf("error %v is not a *DecodeError", err)
					}
					return
				}
				// What decodes encodes to the same bytes: there is one form of every message.
				if again, err = AppendFrame(again[:0], fr.ID, m); err != nil || !bytes.Equal(again[HeaderSize:], fr.Payload) {
					t.Fatalf("%s decodes and encodes to %x, was %x (%v)", fr.Type, again[HeaderSize:], fr.Payload, err)
				}
			}
			if len(rest) == 0 {
				return
			}
			if n == 0 {
				t.Fatal("no space")
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, v := range readVectors(f) {
		if v.keys["kind"] == "control" && len(v.raw) >= HeaderSize {
			f.Add(uint16(DecodeHeader(v.raw).Type), v.raw[HeaderSize:])
		}
	}
	f.Fuzz(func(t *testing.T, typ uint16, data []byte) {
		if m, err := DecodeMessage(MessageType(typ), data); err == nil && !bytes.Equal(m.AppendTo(nil), data) {
			t.Fatalf("%s: %x encodes to %x", MessageType(typ), data, m.AppendTo(nil))
		}
	})
}

func FuzzDecodeBinding(f *testing.F) {
	for _, v := range readVectors(f) {
		if v.keys["kind"] == "binding" {
			f.Add(v.raw)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, decode := range bindingDecoders {
			if m, err := decode(data); err == nil && !bytes.Equal(m.AppendTo(nil), data) {
				t.Fatalf("%s: %x encodes to %x", name, data, m.AppendTo(nil))
			}
		}
	})
}
