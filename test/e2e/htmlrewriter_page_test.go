package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

const (
	// pageBytes is the size of the page that is rewritten.
	pageBytes = 50 * mebibyte
	// pageWarmBytes is the size of a page that passes before, so that V8's young generation has the size that it keeps.
	pageWarmBytes = 10 * mebibyte
	// pageGrowthMax is how much more may be resident, in bytes, in the isolate hosts and in the supervisor while pageBytes pass.
	pageGrowthMax = 32 * mebibyte
	// pageEarly is what is sent of the page before its reader has seen the first of what becomes of it.
	pageEarly = 256 << 10
)

const pageWorker = `export default {
  async fetch(request) {
    const from = new URL(request.url).searchParams.get("from");
    if (from === null) return new Response("ready");
    let items = 0, waited = 0;
    return new HTMLRewriter()
      .on("section.item", {
        element(e) {
          items++;
          e.setAttribute("data-seen", e.getAttribute("id"));
          e.append("<hr>", { html: true });
        },
        comments(c) { c.text = c.text.toUpperCase(); },
      })
      .on("a[href]", { element(e) { e.setAttribute("href", "https://to.example" + e.getAttribute("href")); } })
      .on("h2", {
        async element(e) {
          await (waited++ % 1000 === 0 ? scheduler.wait(1) : null);
          e.before("<i>async</i>", { html: true });
        },
      })
      .on("p", { text(t) { if (t.lastInTextNode) t.after("<end>"); } })
      .on("script", { text(t) { t.remove(); } })
      .on("img", { element(e) { e.replace("[" + e.getAttribute("src") + "]"); } })
      .onDocument({ end(e) { e.append("<!-- " + items + " items -->", { html: true }); } })
      .transform(await fetch(from));
  },
};
`

// pageItem is a part of the page, and what becomes of it.
func pageItem(i int) (in, out string) {
	in = fmt.Sprintf(`<section class="item" id="s%d"><h2>Title %d</h2><a class=more href="/n/%d">more &amp; more</a><!-- note %d --><p>Text %d, <em>tr\u00e8s</em> long, %s</p><script>if (%d < 2) go("</p>");</script><img src="%d.png"></section>`+"\n",
		i, i, i, i, i, strings.Repeat("word ", i%50), i, i)
	out = fmt.Sprintf(`<section class="item" id="s%d" data-seen="s%d"><i>async</i><h2>Title %d</h2><a class=more href="https://to.example/n/%d">more &amp; more</a><!-- NOTE %d --><p>Text %d, &lt;end&gt;<em>tr\u00e8s&lt;end&gt;</em> long, %s&lt;end&gt;</p><script></script>[%d.png]<hr></section>`+"\n",
		i, i, i, i, i, i, strings.Repeat("word ", i%50), i)
	return in, out
}

// A pageOrigin sends the page, once. It sends the rest when seen is closed.
type pageOrigin struct {
	size int // in bytes, rounded up to an item
	seen chan struct{}
	want hash.Hash // of what becomes of the page
	sent int
	done chan struct{} // closed when all is sent, and the rest is valid
}

func (o *pageOrigin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer close(o.done)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	early, i := true, 0
	for ; o.sent < o.size; i++ {
		in, out := pageItem(i)
		io.WriteString(o.want, out)
		n, err := io.WriteString(w, in)
		if o.sent += n; err != nil {
			return
		}
		if early && o.sent >= pageEarly {
			early = false
			http.NewResponseController(w).Flush()
			select {
			case <-o.seen:
			case <-r.Context().Done():
				return
			}
		}
	}
	fmt.Fprintf(o.want, "<!-- %d items -->", i)
}

// passPage has a server rewrite the page, and checks what comes of it. sample is called for every MiB.
func passPage(t *testing.T, client *http.Client, worker string, size int, sample func()) {
	t.Helper()
	origin := &pageOrigin{size: size, seen: make(chan struct{}), want: sha256.New(), done: make(chan struct{})}
	server := httptest.NewServer(origin)
	defer server.Close()
	begun := time.Now()
	response, err := client.Get(worker + "?from=" + url.QueryEscape(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got := sha256.New()
	var first sync.Once
	received := int64(0)
	for {
		n, err := io.CopyN(io.MultiWriter(got, writeFunc(func() { first.Do(func() { close(origin.seen) }) })), response.Body, mebibyte)
		received += n
		sample()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begun)
	<-origin.done
	if g, w := hex.EncodeToString(got.Sum(nil)), hex.EncodeToString(origin.want.Sum(nil)); g != w {
		t.Errorf("%d bytes became %d with the digest %s, want %s", origin.sent, received, g, w)
	}
	t.Logf("%d bytes became %d in %v, %.0f MB/s", origin.sent, received, took.Round(time.Millisecond), float64(origin.sent)/took.Seconds()/1e6)
}

// writeFunc is called for whatever is written.
type writeFunc func()

func (f writeFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

// Goal: a page of 50 MB that a worker fetches is rewritten as a stream: what comes out is right to the byte, it begins to
// arrive before the page has been sent, and memory does not grow with it once it has passed 10 MB. Method: the page and what must become of it are made
// here, item by item; the origin holds back the rest until the reader has the first of it. With the binary of the original
// platform at hand, the same through that.
func TestHTMLRewriterPasses50MB(t *testing.T) {
	worker := rig.Script("pages", pageWorker)
	worker.CPU = 120_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}, Settings: []string{"[egress]", `allow = ["loopback"]`}})
	s.Ready(worker.Host(), "/")
	passPage(t, s.Client(), "http://"+worker.Host()+"/", pageWarmBytes, func() {})
	before, beforeAll := s.HostsRSS(), s.RSS()
	most, mostAll := before, beforeAll
	passPage(t, s.Client(), "http://"+worker.Host()+"/", pageBytes, func() { most, mostAll = max(most, s.HostsRSS()), max(mostAll, s.RSS()) })
	t.Logf("%d MiB resident before, %d MiB at most; with the supervisor %d and %d", before>>20, most>>20, beforeAll>>20, mostAll>>20)
	if mostAll-beforeAll > pageGrowthMax {
		t.Errorf("resident memory grew by %d MiB, the hosts' by %d, while a page of %d MiB was rewritten; at most %d may be",
			(mostAll-beforeAll)>>20, (most-before)>>20, pageBytes>>20, pageGrowthMax>>20)
	}

	if binary := os.Getenv(workerdVariable); binary != "" {
		passPage(t, http.DefaultClient, startWorkerd(t, binary, pageWorker), pageBytes, func() {})
	}
}
