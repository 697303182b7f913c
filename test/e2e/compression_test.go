package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

const compressing = `
const zeros = new Uint8Array(1 << 20);
function bomb(mebibytes) {
  const source = new ReadableStream({ pull(c) { if (mebibytes-- > 0) c.enqueue(zeros.slice()); else c.close(); } });
  return source.pipeThrough(new CompressionStream("gzip"));
}
async function hoard(format) {
  const kept = [], piece = zeros.subarray(0, 1000);
  try {
    for (;;) {
      const stream = new CompressionStream(format);
      const writer = stream.writable.getWriter();
      stream.readable.getReader().read().catch(() => {});
      await writer.write(piece);
      if (kept.push(stream) > 100000) return "no end";
    }
  } catch (e) {
    return e.name + " " + (kept.length > 5);
  }
}
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/bomb") {
      const packed = await new Response(bomb(Number(searchParams.get("mebibytes")))).arrayBuffer();
      return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
    }
    if (pathname === "/hoard") return new Response(await hoard(searchParams.get("format")));
    if (pathname === "/encoded") {
      const body = new Blob(["as it is"]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Response(searchParams.has("whole") ? await new Response(body).arrayBuffer() : body, { encodeBody: "manual", headers: { "content-encoding": "gzip" } });
    }
    return new Response("fine");
  }
}`

// Goal: what a small body blows up to passes through in bounded memory, though it is larger than the worker's memory.
func TestDecompressionBomb(t *testing.T) {
	worker := rig.Script("compressing", compressing)
	worker.CPU = 20_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	const mebibytes, slack = 400, 160
	s.Get(worker.Host(), "/bomb?mebibytes=1")
	before := s.RSS()
	request, err := http.NewRequest("GET", fmt.Sprintf("http://%s/bomb?mebibytes=%d", worker.Host(), mebibytes), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var highest int64
	piece := make([]byte, 1<<20)
	for total := 0; ; {
		n, err := io.ReadFull(response.Body, piece)
		total += n
		for _, b := range piece[:n] {
			if b != 0 {
				t.Fatalf("a byte %#x near %d", b, total)
			}
		}
		if total>>20%16 == 0 {
			highest = max(highest, s.RSS())
		}
		if err == nil {
			continue
		}
		if total != mebibytes<<20 {
			t.Errorf("got %d bytes, want %d: %v", total, mebibytes<<20, err)
		}
		break
	}
	if grown := highest - before; grown > slack<<20 {
		t.Errorf("memory grew by %d MiB while %d MiB went through, want at most %d", grown>>20, mebibytes, slack)
	}
}

// Goal: the memory of codecs is the worker's: one that keeps too many gets an error, and goes on.
func TestHoardedCodecs(t *testing.T) {
	worker := rig.Script("compressing", compressing)
	worker.CPU = 20_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	for _, format := range []string{"gzip", "brotli", "zstd"} {
		if answer := s.Get(worker.Host(), "/hoard?format="+format); answer.Body != "RangeError true" {
			t.Errorf("%s: %d %q, want RangeError after some", format, answer.Status, answer.Body)
		}
		if answer := s.Get(worker.Host(), "/"); answer.Body != "fine" {
			t.Errorf("after %s: %d %q", format, answer.Status, answer.Body)
		}
	}
}

// Goal: a body that the worker has encoded (encodeBody: "manual") is sent as it is.
func TestEncodedBody(t *testing.T) {
	worker := rig.Script("compressing", compressing)
	worker.CPU = 20_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	for _, path := range []string{"/encoded", "/encoded?whole"} {
		request, err := http.NewRequest("GET", "http://"+worker.Host()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", "gzip")
		response, err := s.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(response.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var text strings.Builder
		if _, err := io.Copy(&text, unpacked); err != nil {
			t.Error(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Content-Encoding"); got != "gzip" || text.String() != "as it is" {
			t.Errorf("%s: Content-Encoding %q, %q", path, got, text.String())
		}
	}
}
