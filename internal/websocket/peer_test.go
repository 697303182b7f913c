package websocket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// The tests of this file have a peer that shares no line with us: frames, compression and handshakes of coder/websocket, over the
// standard library's flate.

// modes are what the peer offers or allows. takeover is what we never agree to: whoever offers it must still be understood.
var modes = map[string]websocket.CompressionMode{
	"none": websocket.CompressionDisabled, "fresh": websocket.CompressionNoContextTakeover, "takeover": websocket.CompressionContextTakeover,
}

type exchangedMessage struct {
	text bool
	data []byte
	// piece is how many bytes a frame carries, as far as the sender has a say in it.
	piece int
}

// exchangedMessages are of all lengths of a frame's header, alike (what a sender that kept its window would say shorter the second time),
// random, and in many fragments.
func exchangedMessages() []exchangedMessage {
	random := make([]byte, 100_000)
	source := rand.NewChaCha8([32]byte{41})
	source.Read(random) // never fails
	alike := bytes.Repeat([]byte("the same again; "), 10_000)
	var all []exchangedMessage
	for _, size := range []int{0, 1, 125, 126, 127, 600, 65535, 65536, 100_000} {
		for _, piece := range []int{1 << 20, 40_000, max(1, size/7)} {
			all = append(all, exchangedMessage{true, alike[:size], piece}, exchangedMessage{true, alike[:size], piece}, exchangedMessage{false, random[:size], piece})
		}
	}
	return all
}

func (m exchangedMessage) pieces(send func(p []byte, final bool) error) error {
	rest := m.data
	for len(rest) > m.piece {
		if err := send(rest[:m.piece], false); err != nil {
			return err
		}
		rest = rest[m.piece:]
	}
	return send(rest, true)
}

// toPeer and toUs send a message from one side and compare what the other has got.
func (m exchangedMessage) toPeer(ctx context.Context, us *Conn, peer *websocket.Conn) error {
	sent := make(chan error, 1)
	go func() {
		err := m.pieces(func(p []byte, final bool) error { return us.WritePiece(m.text, p, final) })
		if err == nil {
			err = us.Flush()
		}
		sent <- err
	}()
	kind, got, err := peer.Read(ctx)
	if err != nil || (kind == websocket.MessageText) != m.text || !bytes.Equal(got, m.data) {
		return fmt.Errorf("the peer reads %d bytes of kind %v: %w", len(got), kind, err)
	}
	return <-sent
}

func (m exchangedMessage) toUs(ctx context.Context, us *Conn, peer *websocket.Conn) error {
	sent := make(chan error, 1)
	go func() {
		kind := websocket.MessageBinary
		if m.text {
			kind = websocket.MessageText
		}
		w, err := peer.Writer(ctx, kind)
		if err == nil {
			err = m.pieces(func(p []byte, _ bool) error { _, err := w.Write(p); return err })
		}
		if err == nil {
			err = w.Close()
		}
		sent <- err
	}()
	got, text, err := readMessage(us, 30_000)
	if err != nil || text != m.text || !bytes.Equal(got, m.data) {
		return fmt.Errorf("we read %d bytes, text %v: %w", len(got), text, err)
	}
	return <-sent
}

func exchangeAll(t *testing.T, us *Conn, peer *websocket.Conn) {
	t.Helper()
	peer.SetReadLimit(testMax)
	for i, m := range exchangedMessages() {
		for name, send := range map[string]func(context.Context, *Conn, *websocket.Conn) error{"to the peer": m.toPeer, "to us": m.toUs} {
			if err := send(t.Context(), us, peer); err != nil {
				t.Fatalf("message %d, %d bytes by %d, text %v, %s: %v", i, len(m.data), m.piece, m.text, name, err)
			}
		}
	}
}

// sayGoodbye lets the peer close and answers it.
func sayGoodbye(t *testing.T, us *Conn, peer *websocket.Conn) {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- peer.Close(4001, "bye") }()
	_, _, err := readMessage(us, 10)
	if end, ok := err.(*CloseError); !ok || end.code != 4001 || end.reason != "bye" {
		t.Errorf("we read %v", err)
	}
	us.WriteClose(4001, "bye")
	if err := <-closed; err != nil {
		t.Errorf("the peer's Close: %v", err)
	}
	us.Close()
}

// Goal: as a server we understand a client that is not ours, whatever it offers, and it us. Method: every message of the table in both
// directions over one connection, with the answer to each offer.
func TestServerWithForeignClient(t *testing.T) {
	for offer, mode := range modes {
		for _, allowed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/allowed=%v", offer, allowed), func(t *testing.T) {
				made := make(chan *Conn, 1)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					conn, buffered, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					c, err := Answer(conn, buffered, r, http.Header{}, allowed, Options{MessageMax: testMax})
					if err != nil {
						t.Error(err)
						return
					}
					made <- c
				}))
				defer server.Close()
				peer, resp, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer peer.CloseNow()
				us := <-made
				defer us.Close()
				agreed := resp.Header.Get("Sec-WebSocket-Extensions") != ""
				if want := allowed && mode != websocket.CompressionDisabled; agreed != want || us.options.Deflate != want {
					t.Errorf("compression agreed upon: %v", agreed)
				}
				exchangeAll(t, us, peer)
				sayGoodbye(t, us, peer)
			})
		}
	}
}

// Goal: the same as a client. Method: the same, of a server that is not ours.
func TestClientWithForeignServer(t *testing.T) {
	for allowed, mode := range modes {
		for _, offered := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/offered=%v", allowed, offered), func(t *testing.T) {
				made, over := make(chan *websocket.Conn, 1), make(chan struct{})
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					peer, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1})
					if err != nil {
						t.Error(err)
						return
					}
					made <- peer
					<-over
				}))
				defer server.Close()
				defer close(over)
				req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				key := Offer(req.Header, offered)
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				agreed, err := Accepted(resp, key, offered)
				if want := offered && mode != websocket.CompressionDisabled; err != nil || agreed != want {
					t.Fatalf("compression agreed upon: %v, %v", agreed, err)
				}
				us := New(resp.Body.(io.ReadWriteCloser), Options{Client: true, Deflate: agreed, MessageMax: testMax})
				defer us.Close()
				peer := <-made
				defer peer.CloseNow()
				exchangeAll(t, us, peer)
				sayGoodbye(t, us, peer)
			})
		}
	}
}
