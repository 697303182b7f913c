package websocket

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// pool is a typed sync.Pool.
type pool[T any] struct{ of sync.Pool }

func newPool[T any](make func() T) *pool[T] {
	return &pool[T]{sync.Pool{New: func() any { return make() }}}
}
func (p *pool[T]) Get() T  { return p.of.Get().(T) }
func (p *pool[T]) Put(v T) { p.of.Put(v) }

// deflateMin is the size in bytes from which a message is worth compressing.
const deflateMin = 128

// Without context takeover, a codec belongs to a connection only for the length of a message.
var (
	deflaters = newPool(newDeflater)
	inflaters = newPool(newInflater)
	buffers   = newPool(func() *[]byte { b := make([]byte, 0, writeBuffer+4<<10); return &b })
)

// writeBuffers hands buffers out as slices.
var writeBuffers sliceBuffers

type sliceBuffers struct{}

func (sliceBuffers) Get() []byte { return (*buffers.Get())[:0] }
func (sliceBuffers) Put(b []byte) {
	if cap(b) <= 2*writeBuffer {
		b = b[:0]
		buffers.Put(&b)
	}
}

// tail ends a flushed block; it is not sent (RFC 7692 §7.2.1).
var tail = []byte{0, 0, 0xff, 0xff}

// readTail takes its place for the decoder, which shall see the end of the stream behind it.
const readTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// deflater compresses a message. What comes of it is in out.
type deflater struct {
	out    bytes.Buffer
	writer *flate.Writer
	begun  bool // a frame of the message has been written
}

func newDeflater() *deflater {
	d := new(deflater)
	d.writer, _ = flate.NewWriter(&d.out, flate.BestSpeed) // fails for unknown levels only
	return d
}

func (d *deflater) write(p []byte, final bool) error {
	if _, err := d.writer.Write(p); err != nil || !final {
		return err
	}
	if err := d.writer.Flush(); err != nil {
		return err
	}
	if !bytes.HasSuffix(d.out.Bytes(), tail) {
		return errors.New("the compressor did not end its block")
	}
	d.out.Truncate(d.out.Len() - len(tail))
	d.writer.Reset(&d.out)
	return nil
}

// inflater decompresses a message.
type inflater struct {
	from    payload
	ended   bool   // the message is at its end
	suffix  string // what is left of readTail
	decoder io.ReadCloser
}

func newInflater() *inflater {
	i := new(inflater)
	i.decoder = flate.NewReader(inflaterSource{i})
	return i
}

func (i *inflater) reset(from payload) {
	i.from, i.ended, i.suffix = from, false, readTail
	i.decoder.(flate.Resetter).Reset(inflaterSource{i}, nil) // never fails
}

// inflaterSource is what the decoder reads.
type inflaterSource struct{ *inflater }

func (s inflaterSource) Read(p []byte) (int, error) {
	if !s.ended {
		n, err := s.from.Read(p)
		if err != io.EOF {
			return n, err
		}
		s.ended = true
	}
	n := copy(p, s.suffix)
	s.suffix = s.suffix[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadByte lets the decoder read no more than it needs.
func (s inflaterSource) ReadByte() (byte, error) {
	var one [1]byte
	_, err := io.ReadFull(s, one[:])
	return one[0], err
}

// maskSource gives masks that nobody can foretell (RFC 6455 §5.3).
type maskSource struct {
	random [64]byte
	left   int
}

func (m *maskSource) next() (mask [4]byte) {
	if m.left == 0 {
		rand.Read(m.random[:]) // never fails
		m.left = len(m.random)
	}
	copy(mask[:], m.random[len(m.random)-m.left:])
	m.left -= len(mask)
	return mask
}
