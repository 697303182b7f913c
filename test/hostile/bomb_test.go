package hostile

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"slices"
	"testing"
)

// bomb is a gigabyte of zeros in gzip, compressed once or twice. Once what came before is zeros as far as the window goes, every further
// piece is the same bytes; so only two pieces are compressed.
func bomb(t *testing.T, times int) []byte {
	t.Helper()
	const piece, pieces = 4 << 20, 256
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, piece)
	var parts [3][]byte
	for i := range parts {
		at := b.Len()
		if i < 2 {
			z.Write(zeros)
			z.Flush()
		} else {
			z.Close()
		}
		parts[i] = bytes.Clone(b.Bytes()[at:])
	}
	sum := uint32(0)
	for range pieces {
		sum = crc32.Update(sum, crc32.IEEETable, zeros)
	}
	once := slices.Concat([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}, parts[0], bytes.Repeat(parts[1], pieces-1), parts[2])
	once = binary.LittleEndian.AppendUint32(once, sum)
	once = binary.LittleEndian.AppendUint32(once, piece*pieces)
	if times == 1 {
		return once
	}
	var twice bytes.Buffer
	outer := gzip.NewWriter(&twice)
	outer.Write(once)
	outer.Close()
	return twice.Bytes()
}

// Goal: what inflates to a gigabyte is as large as it says on the wire unless the worker itself inflates it, and then it is the worker's
// memory and time.
func TestZipBomb(t *testing.T) {
	once, twice := bomb(t, 1), bomb(t, 2)
	origin := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/raw":
			w.Write(twice)
		case "/twice":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(twice)
		default:
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(once)
		}
	})
	from := func(path string) string { return `(await fetch("http://` + origin + path + `"))` }
	for _, c := range []crime{
		{row: "42a", name: "fetch of a bomb as text", source: `try { return (await ` + from("/") + `.text()).length; } catch (e) { return e.name; }`, codes: limited, answer: "done: (RangeError|TypeError|Error)"},
		{row: "42b", name: "fetch of a bomb as a stream", source: `let n = 0; for await (const c of ` + from("/") + `.body) n += c.length; return n;`, codes: limited, answer: "done: 1073741824", slow: true},
		{row: "42c", name: "fetch of a double bomb: one layer", source: `return (await ` + from("/twice") + `.arrayBuffer()).byteLength;`, answer: "done: [0-9]{7}", slow: true},
		{row: "42d", name: "DecompressionStream, all at once", source: `try { return (await new Response(` + from("/") + `.body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()).byteLength; } catch (e) { return e.name; }`, codes: limited, answer: "done: (RangeError|TypeError|Error)", slow: true},
		{row: "42e", name: "two DecompressionStreams, counted", source: `let n = 0; for await (const c of ` + from("/raw") + `.body.pipeThrough(new DecompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"))) n += c.length; return n;`, codes: limited, answer: "done: 1073741824"},
		{row: "42f", name: "two DecompressionStreams that nobody reads", source: `const s = ` + from("/raw") + `.body.pipeThrough(new DecompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")).getReader(); const first = await s.read(); await scheduler.wait(500); return first.value.length < 1e6;`, codes: limited, answer: "done: true"},
	} {
		c.grows = 400 << 20
		t.Run(c.row, func(t *testing.T) { commitWith(t, c, "[egress]", `allow = ["127.0.0.0/8"]`) })
	}
}
