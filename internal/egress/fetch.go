package egress

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"skerry/internal/hostproto"
	"skerry/internal/websocket"
)

// fetch is one fetch on its way.
type fetch struct {
	client *Client
	ctx    context.Context
	from   Source
	mode   hostproto.Redirect

	// upgrade: a WebSocket is asked for; compress: with compression, if the server likes; key is that of the handshake under way.
	upgrade, compress bool
	key               string

	raw    bool // the content coding of the response stays on
	method string
	url    *url.URL
	header http.Header
	upload *upload
	taken  bool // somebody closes the upload: newUpload or the transport
}

func (f *fetch) host() string {
	if f.url == nil {
		return "the server"
	}
	return f.url.Hostname()
}

func (f *fetch) run(call *hostproto.FetchCall, body io.ReadCloser) (result hostproto.FetchResult, download io.ReadCloser, length int64, err error) {
	if f.url, err = parseURL(call.URL); err != nil {
		return
	}
	if !isToken(f.method) || f.method == http.MethodConnect || f.method == http.MethodTrace || f.method == "TRACK" {
		err = fail(hostproto.CallCodeRefused, "the method %.32q is not allowed", f.method)
		return
	}
	if f.header, err = requestHeader(call.Headers); err != nil {
		return
	}
	f.from.identify(f.header)
	if websocket.IsUpgrade(f.header) {
		if f.method != http.MethodGet || body != nil {
			err = fail(hostproto.CallCodeRefused, "a request for a WebSocket is a GET request without a body")
			return
		}
		f.upgrade = true
		f.compress = strings.Contains(f.header.Get("Sec-Websocket-Extensions"), "permessage-deflate")
	}
	if body != nil {
		hold := int64(-1)
		if f.mode == hostproto.RedirectFollow {
			hold = f.client.limits.Hold
		}
		f.taken = true
		if f.upload, err = newUpload(f.ctx, body, call.Length, hold); err != nil {
			return
		}
	}

	for redirects := 0; ; redirects++ {
		var resp *http.Response
		if resp, err = f.send(); err != nil {
			return
		}
		// An empty location is one: the URL itself.
		locations := resp.Header["Location"]
		if f.mode == hostproto.RedirectManual || !isRedirect(resp.StatusCode) || len(locations) == 0 {
			result, download, length, err = f.answer(resp, redirects > 0)
			if err != nil {
				resp.Body.Close()
			}
			return
		}
		discard(resp)
		if f.mode == hostproto.RedirectError {
			err = fail(hostproto.CallCodeNetwork, "unexpected redirect: the request's redirect mode is \"error\"")
			return
		}
		if redirects == f.client.limits.Redirects {
			err = fail(hostproto.CallCodeNetwork, "too many redirects (limit %d)", f.client.limits.Redirects)
			return
		}
		if err = f.redirect(resp.StatusCode, locations[0]); err != nil {
			return
		}
	}
}

// send sends the request, and once more on a connection of its own if the server says that the first was the wrong one
// (RFC 9110, section 15.5.20) and the body can be had again.
func (f *fetch) send() (*http.Response, error) {
	if f.upgrade {
		f.key = websocket.Offer(f.header, f.compress)
		return f.client.transport.RoundTrip(f.request())
	}
	if hasOddField(f.header) {
		return f.client.roundTripAlone(f.request())
	}
	resp, err := f.client.transport.RoundTrip(f.request())
	if err != nil || resp.StatusCode != http.StatusMisdirectedRequest || (f.upload != nil && f.upload.stream != nil) {
		return resp, err
	}
	discard(resp)
	return f.client.roundTripAlone(f.request())
}

func (f *fetch) request() *http.Request {
	req := &http.Request{Method: f.method, URL: f.url, Host: f.url.Host, Header: f.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if f.upload != nil {
		f.upload.attach(req)
	}
	return req.WithContext(f.ctx)
}

// redirect is "HTTP-redirect fetch" (https://fetch.spec.whatwg.org/#http-redirect-fetch) as far as it concerns a server.
func (f *fetch) redirect(status int, location string) error {
	to, err := f.url.Parse(asciiLocation(location))
	if err != nil {
		return fail(hostproto.CallCodeNetwork, "%s redirects to an invalid URL", f.host())
	}
	if to.Fragment == "" {
		to.Fragment, to.RawFragment = f.url.Fragment, f.url.RawFragment
	}
	if err := checkURL(to); err != nil {
		return err
	}
	if status != http.StatusSeeOther && f.upload != nil && f.upload.stream != nil && !rewrites(status, f.method) {
		return fail(hostproto.CallCodeNetwork, "a request whose body is a stream, or over %d bytes, met a redirect (%d) that needs the body again", f.client.limits.Hold, status)
	}
	if rewrites(status, f.method) {
		f.method = http.MethodGet
		f.upload = nil
		for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type"} {
			f.header.Del(name)
		}
	}
	f.header = f.header.Clone() // the last request's may still be in use by its connection
	if !sameOrigin(f.url, to) {
		// Authorization as the standard has it; cookies are set by hand here, so they are credentials, too.
		for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
			f.header.Del(name)
		}
	}
	f.url = to
	return nil
}

// rewrites says whether a redirect turns a method into GET without a body.
func rewrites(status int, method string) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound:
		return method == http.MethodPost
	case http.StatusSeeOther:
		return method != http.MethodGet && method != http.MethodHead
	}
	return false
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// answer makes the result of the last response.
func (f *fetch) answer(resp *http.Response, redirected bool) (hostproto.FetchResult, io.ReadCloser, int64, error) {
	body, length := resp.Body, resp.ContentLength
	if resp.StatusCode == http.StatusSwitchingProtocols {
		var err error
		if body, err = f.socket(resp); err != nil {
			return hostproto.FetchResult{}, nil, 0, err
		}
	}
	none := f.method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusResetContent || resp.StatusCode == http.StatusNotModified
	if none {
		discard(resp)
		body, length = nil, 0
	} else if decoder := decoderOf(resp); decoder != nil && !f.raw && resp.StatusCode != http.StatusSwitchingProtocols {
		body, length = &decodedBody{from: body, open: decoder, window: f.client.limits.DecodeWindow}, -1
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
	}
	packed := packHeader(resp.Header)
	if int64(len(packed)) > f.client.limits.HeaderBytes {
		if body != nil {
			body.Close()
		}
		return hostproto.FetchResult{}, nil, 0, fail(hostproto.CallCodeTooLarge, "the response's header fields are over %d bytes", f.client.limits.HeaderBytes)
	}
	final := *f.url
	final.Fragment, final.RawFragment = "", ""
	result := hostproto.FetchResult{Status: uint16(resp.StatusCode), StatusText: statusText(resp), URL: urlText(&final), Redirected: redirected, Headers: packed}
	if _, socket := body.(*Socket); body != nil && !socket {
		body = &download{ctx: f.ctx, host: f.host(), from: body}
	}
	return result, body, length, nil
}

// statusText is the reason phrase, as UTF-8.
func statusText(resp *http.Response) string {
	_, text, _ := strings.Cut(resp.Status, " ")
	runes := make([]rune, 0, len(text))
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= ' ' || c == '\t' {
			runes = append(runes, rune(c)) // Latin-1
		}
	}
	return string(runes)
}

// download is a response body whose errors are *Error.
type download struct {
	ctx  context.Context
	host string
	from io.ReadCloser
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.from.Read(p)
	if err != nil && err != io.EOF {
		err = explain(d.ctx, d.host, err)
	}
	return n, err
}

func (d *download) Close() error { return d.from.Close() }

// discardMax is the length up to which an unwanted body is read to keep its connection.
const discardMax = 16 << 10

func discard(resp *http.Response) {
	if resp.ContentLength >= 0 && resp.ContentLength <= discardMax {
		io.CopyN(io.Discard, resp.Body, discardMax) // whatever comes of it: the body is closed
	}
	resp.Body.Close()
}
