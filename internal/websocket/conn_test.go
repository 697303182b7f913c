package websocket

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/flate"
)

const testMax = 1 << 20

// ends joins a client and a server.
func ends(t *testing.T, deflate bool) (client, server *Conn) {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return New(a, Options{Client: true, Deflate: deflate, MessageMax: testMax}), New(b, Options{Deflate: deflate, MessageMax: testMax})
}

// script is a connection whose peer has said all it will say; what we say is kept.
type script struct {
	io.Reader
	said bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) { return s.said.Write(p) }
func (s *script) Close() error                { return nil }

func scripted(in []byte, options Options) (*Conn, *script) {
	s := &script{Reader: bytes.NewReader(in)}
	if options.MessageMax == 0 {
		options.MessageMax = testMax
	}
	return New(s, options), s
}

// frame is a frame of a client, masked.
func frame(fin bool, rsv byte, opcode ws.OpCode, p []byte) []byte {
	var out bytes.Buffer
	h := ws.Header{Fin: fin, Rsv: rsv, OpCode: opcode, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: int64(len(p))}
	ws.WriteHeader(&out, h)
	masked := bytes.Clone(p)
	ws.Cipher(masked, h.Mask, 0)
	out.Write(masked)
	return out.Bytes()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// readMessage reads pieces of at most size bytes until a message ends.
func readMessage(c *Conn, size int) (data []byte, text bool, err error) {
	piece := make([]byte, size)
	for {
		n, kind, final, err := c.ReadPiece(piece)
		data = append(data, piece[:n]...)
		if err != nil || final {
			return data, kind, err
		}
	}
}

func deflated(p []byte, bfinal bool) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	w.Write(p)
	if bfinal {
		w.Close()
		return append(out.Bytes(), 0)
	}
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 255, 255})
}

// Goal: what goes in comes out, whatever the sizes of messages and pieces. Method: every combination, both directions, pings between.
func TestRoundTrip(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		for _, size := range []int{0, 1, 125, 126, 127, 200, 65535, 65536, 70000, 1 << 20} {
			t.Run(fmt.Sprintf("deflate=%v/%d", deflate, size), func(t *testing.T) {
				client, server := ends(t, deflate)
				want := bytes.Repeat([]byte("häfen "), size/7+1)[:size]
				text := size%7 == 0
				send := func(c *Conn) error {
					for rest := want; ; {
						n := min(len(rest), 65000)
						if err := c.WritePiece(text, rest[:n], n == len(rest)); err != nil {
							return err
						}
						if rest = rest[n:]; len(rest) == 0 {
							break
						}
					}
					return c.Flush()
				}
				for _, pair := range [][2]*Conn{{client, server}, {server, client}} {
					sent := make(chan error, 1)
					go func() { sent <- send(pair[0]) }()
					got, kind, err := readMessage(pair[1], 40000)
					if err != nil || kind != text || !bytes.Equal(got, want) {
						t.Fatalf("%d bytes, text %v, error %v", len(got), kind, err)
					}
					if err := <-sent; err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

func TestFragmentsAndControl(t *testing.T) {
	c, s := scripted(join(
		frame(false, 0, ws.OpText, []byte("gr\xc3")), frame(true, 0, ws.OpPing, []byte("p1")), frame(false, 0, ws.OpContinuation, nil),
		frame(true, 0, ws.OpPong, []byte("unasked")), frame(true, 0, ws.OpContinuation, []byte("\xbcn")),
		frame(true, 0, ws.OpBinary, nil),
		frame(true, 0, ws.OpClose, append(binary.BigEndian.AppendUint16(nil, 3001), "bye"...)),
	), Options{})
	for _, want := range []string{"grün", ""} {
		if got, _, err := readMessage(c, 2); err != nil || string(got) != want {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_, _, err := readMessage(c, 100)
	var closed *CloseError
	if !errors.As(err, &closed) || closed.code != 3001 || closed.reason != "bye" {
		t.Fatal(err)
	}
	if err := c.Next(); !errors.As(err, &closed) {
		t.Error("the end is not kept: ", err)
	}
	if want := "\x8a\x02p1"; s.said.String() != want {
		t.Errorf("said %q, want a pong and no Close frame", s.said.String())
	}
	if err := c.WriteClose(CodeNone, ""); err != nil || !strings.HasSuffix(s.said.String(), "\x88\x00") {
		t.Errorf("%v %q", err, s.said.String())
	}
	if err := c.WritePiece(true, nil, true); err != ErrCloseSent {
		t.Error(err)
	}
}

// Goal: each broken rule is answered with its own code, and never with data. Method: a script for each.
func TestViolations(t *testing.T) {
	unmasked := []byte{0x81, 0x01, 'x'}
	bomb := deflated(make([]byte, testMax+1), false)
	for name, test := range map[string]struct {
		in      []byte
		deflate bool
		code    uint16
	}{
		"unmasked":              {unmasked, false, CodeProtocol},
		"reserved opcode":       {frame(true, 0, 3, nil), false, CodeProtocol},
		"reserved control":      {frame(true, 0, 11, nil), false, CodeProtocol},
		"rsv1 without deflate":  {frame(true, 4, ws.OpText, nil), false, CodeProtocol},
		"rsv2":                  {frame(true, 2, ws.OpText, nil), true, CodeProtocol},
		"rsv1 on control":       {frame(true, 4, ws.OpPing, nil), true, CodeProtocol},
		"rsv1 on continuation":  {join(frame(false, 4, ws.OpText, nil), frame(true, 4, ws.OpContinuation, nil)), true, CodeProtocol},
		"long ping":             {frame(true, 0, ws.OpPing, make([]byte, 126)), false, CodeProtocol},
		"fragmented ping":       {frame(false, 0, ws.OpPing, nil), false, CodeProtocol},
		"lone continuation":     {frame(true, 0, ws.OpContinuation, nil), false, CodeProtocol},
		"text inside text":      {join(frame(false, 0, ws.OpText, nil), frame(true, 0, ws.OpText, nil)), false, CodeProtocol},
		"negative length":       {[]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, false, CodeProtocol},
		"too big at once":       {frame(true, 0, ws.OpBinary, make([]byte, testMax+1))[:14], false, CodeTooBig},
		"too big in fragments":  {join(frame(false, 0, ws.OpBinary, make([]byte, testMax)), frame(true, 0, ws.OpContinuation, []byte{1})), false, CodeTooBig},
		"bomb":                  {frame(true, 4, ws.OpBinary, bomb), true, CodeTooBig},
		"corrupt":               {frame(true, 4, ws.OpBinary, []byte{0xff, 0xff, 0xff}), true, CodeInvalid},
		"not utf-8":             {frame(true, 0, ws.OpText, []byte{0xc3, 0x28}), false, CodeInvalid},
		"half a character":      {frame(true, 0, ws.OpText, []byte("a\xc3")), false, CodeInvalid},
		"surrogate":             {frame(true, 0, ws.OpText, []byte{0xed, 0xa0, 0x80}), false, CodeInvalid},
		"compressed not utf-8":  {frame(true, 4, ws.OpText, deflated([]byte{0xff}, false)), true, CodeInvalid},
		"half a code":           {frame(true, 0, ws.OpClose, []byte{3}), false, CodeProtocol},
		"code 1005":             {frame(true, 0, ws.OpClose, []byte{3, 0xed}), false, CodeProtocol},
		"code 999":              {frame(true, 0, ws.OpClose, []byte{3, 0xe7}), false, CodeProtocol},
		"reason is not utf-8":   {frame(true, 0, ws.OpClose, []byte{3, 0xe8, 0xff}), false, CodeInvalid},
		"close while a message": {join(frame(false, 4, ws.OpText, deflated([]byte("x"), false)), frame(true, 0, ws.OpClose, []byte{3, 0xed})), true, CodeProtocol},
	} {
		c, s := scripted(test.in, Options{Deflate: test.deflate})
		_, _, err := readMessage(c, 1000)
		var fail *FailError
		if !errors.As(err, &fail) || fail.Code != test.code {
			t.Errorf("%s: %v, want code %d", name, err, test.code)
		}
		if said := s.said.Bytes(); len(said) < 4 || said[0] != 0x88 || binary.BigEndian.Uint16(said[2:]) != test.code {
			t.Errorf("%s: said % x", name, said)
		}
	}
}

func TestDeflate(t *testing.T) {
	long := bytes.Repeat([]byte("compress me "), 20000)
	message := deflated(long, false)
	c, _ := scripted(join(
		frame(false, 4, ws.OpText, message[:10]), frame(true, 0, ws.OpPing, nil), frame(true, 0, ws.OpContinuation, message[10:]),
		frame(true, 0, ws.OpText, []byte("plain")),
		frame(true, 4, ws.OpBinary, deflated(long, true)),
		frame(true, 4, ws.OpText, []byte{0}),
	), Options{Deflate: true})
	for i, want := range []string{string(long), "plain", string(long), ""} {
		if got, _, err := readMessage(c, 1000); err != nil || string(got) != want {
			t.Errorf("message %d: %d bytes, %v", i, len(got), err)
		}
	}
	// What is written is smaller, and one message does not need another.
	client, s := scripted(nil, Options{Client: true, Deflate: true})
	client.WritePiece(true, long, true)
	client.Flush()
	first := s.said.Len()
	client.WritePiece(true, long, true)
	client.Flush()
	if first > len(long)/10 || s.said.Len() != 2*first {
		t.Errorf("%d and %d bytes written for twice %d", first, s.said.Len()-first, len(long))
	}
}

// Goal: a peer that takes nothing is given up. Method: a pipe that nobody reads, with and without deadlines of its own.
func TestWriteStall(t *testing.T) {
	for _, deadlines := range []bool{true, false} {
		a, b := net.Pipe()
		defer b.Close()
		var rwc io.ReadWriteCloser = a
		if !deadlines {
			rwc = struct{ io.ReadWriteCloser }{a}
		}
		c := New(rwc, Options{MessageMax: testMax, WriteStall: time.Millisecond})
		c.WritePiece(false, make([]byte, 100), true)
		if err := c.Flush(); err == nil {
			t.Error("written")
		}
		if err := c.Next(); err == nil {
			t.Error("the connection is not closed")
		}
	}
}

// Goal: a ping that comes while a write is stuck is answered behind it, and the reader goes on. Method: a peer that does not
// read until its message has been read.
func TestPingWhileWriting(t *testing.T) {
	client, server := ends(t, false)
	begun := make(chan struct{})
	server.rwc = tellsWrite{server.rwc, sync.OnceFunc(func() { close(begun) })}
	wrote := make(chan error, 1)
	go func() { // stuck until the client reads
		server.WritePiece(false, make([]byte, 100), true)
		wrote <- server.Flush()
	}()
	<-begun // else the pong goes first, and waits for the client itself
	var pings bytes.Buffer
	pings.Write(frame(true, 0, ws.OpPing, []byte("?")))
	pings.Write(frame(true, 0, ws.OpText, []byte("after")))
	go client.rwc.Write(pings.Bytes())
	if got, _, err := readMessage(server, 100); err != nil || string(got) != "after" {
		t.Fatalf("%q %v", got, err)
	}
	got := make([]byte, 2+100+2+1)
	if _, err := io.ReadFull(client.rwc, got); err != nil || <-wrote != nil {
		t.Fatal(err)
	}
	if got[0] != 0x8a && got[102] != 0x8a {
		t.Errorf("no pong in % x", got)
	}
}

// tellsWrite calls a function before each write.
type tellsWrite struct {
	io.ReadWriteCloser
	tell func()
}

func (w tellsWrite) Write(p []byte) (int, error) {
	w.tell()
	return w.ReadWriteCloser.Write(p)
}

func TestMaskIsFresh(t *testing.T) {
	c, s := scripted(nil, Options{Client: true})
	seen := make(map[string]bool)
	for range 100 {
		s.said.Reset()
		c.WritePiece(true, []byte("x"), true)
		c.Flush()
		seen[string(s.said.Bytes()[2:6])] = true
	}
	if len(seen) < 90 {
		t.Errorf("%d different masks of 100", len(seen))
	}
}

func FuzzRead(f *testing.F) {
	f.Add(frame(true, 0, ws.OpText, []byte("grün")), false)
	f.Add(join(frame(false, 4, ws.OpText, deflated([]byte("abcabc"), false)), frame(true, 0, ws.OpContinuation, nil)), true)
	f.Add(frame(true, 0, ws.OpClose, []byte{3, 0xe8, 'x'}), true)
	f.Fuzz(func(t *testing.T, in []byte, deflate bool) {
		c, s := scripted(in, Options{Deflate: deflate, MessageMax: 4096})
		for {
			data, _, err := readMessage(c, 100)
			if len(data) > 4096+100 {
				t.Fatalf("a message of %d bytes", len(data))
			}
			if err != nil {
				break
			}
		}
		// What we say is itself well formed.
		reply := New(struct {
			io.Reader
			io.WriteCloser
		}{&s.said, nopCloser{}}, Options{Client: true, MessageMax: testMax})
		_, _, err := readMessage(reply, 100)
		var closed *CloseError
		if !errors.As(err, &closed) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("we said something strange: %v", err)
		}
	})
}

type nopCloser struct{}

func (nopCloser) Write(p []byte) (int, error) { return len(p), nil }
func (nopCloser) Close() error                { return nil }

func TestUTF8InPieces(t *testing.T) {
	random := make([]byte, 64)
	rand.Read(random)
	for _, text := range []string{"", "plain", "häß€𝄞x", "\U0010ffff", "\xf4\x90\x80\x80", "\xc0\x80", "\xe2\x82", "a\x80", "\xff", string(random)} {
		for step := 1; step < 6; step++ {
			var u utf8Check
			good := true
			for rest := text; good && rest != ""; {
				n := min(step, len(rest))
				good = u.feed([]byte(rest[:n]))
				rest = rest[n:]
			}
			if good = good && u.done(); good != (strings.ToValidUTF8(text, "") == text) {
				t.Errorf("%q by %d: %v", text, step, good)
			}
		}
	}
}
