package egress

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"skerry/internal/hostproto"
)

// Limits of outbound requests. A zero field means the default.
type Limits struct {
	// Redirects is the number of redirects that one fetch follows.
	Redirects int
	// Hold is the size up to which an upload of known length is held in memory, to be sent again on a 307 or 308.
	Hold int64
	// HeaderBytes is the size of a response's head.
	HeaderBytes int64
	// Connect, Handshake and ResponseHeader bound the phases before a response.
	Connect, Handshake, ResponseHeader time.Duration
	// Idle is how long an unused connection is kept, IdlePerHost and IdleTotal how many are.
	Idle                   time.Duration
	IdlePerHost, IdleTotal int
	// MessageBytes is the size of a WebSocket message of a server, inflated. Beyond it: close code 1009.
	MessageBytes int64
	// SocketStall is how long the server of a WebSocket may take nothing of what there is for it.
	SocketStall time.Duration
	// DecodeWindow bounds the memory that a zstd frame may ask for.
	DecodeWindow uint64
}

// The defaults of Limits. 20 redirects are the Fetch standard's.
const (
	DefaultRedirects      = 20
	DefaultHold           = 256 << 10
	DefaultHeaderBytes    = 128 << 10
	DefaultConnect        = 15 * time.Second
	DefaultHandshake      = 15 * time.Second
	DefaultResponseHeader = 5 * time.Minute
	DefaultIdle           = 90 * time.Second
	DefaultIdlePerHost    = 64
	DefaultIdleTotal      = 1024
	DefaultDecodeWindow   = 8 << 20
	DefaultMessageBytes   = 32 << 20
	DefaultSocketStall    = 2 * time.Minute
)

func orDefault[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}

// Config is what a Client is made of.
type Config struct {
	Policy Policy
	Limits Limits
	// Resolver is net's pure Go resolver if nil.
	Resolver *net.Resolver
	// TLS is the client configuration; nil for the system's roots.
	TLS    *tls.Config
	Logger *slog.Logger
}

// Client makes requests. Its methods may be called from any goroutine.
type Client struct {
	limits    Limits
	gate      gate
	transport *http.Transport
	logger    *slog.Logger
}

// New makes a client.
func New(cfg Config) *Client {
	l := &cfg.Limits
	l.Redirects = orDefault(l.Redirects, DefaultRedirects)
	l.Hold = orDefault(l.Hold, DefaultHold)
	l.HeaderBytes = orDefault(l.HeaderBytes, DefaultHeaderBytes)
	l.Connect = orDefault(l.Connect, DefaultConnect)
	l.Handshake = orDefault(l.Handshake, DefaultHandshake)
	l.ResponseHeader = orDefault(l.ResponseHeader, DefaultResponseHeader)
	l.Idle = orDefault(l.Idle, DefaultIdle)
	l.IdlePerHost = orDefault(l.IdlePerHost, DefaultIdlePerHost)
	l.IdleTotal = orDefault(l.IdleTotal, DefaultIdleTotal)
	l.DecodeWindow = orDefault(l.DecodeWindow, DefaultDecodeWindow)
	l.MessageBytes = orDefault(l.MessageBytes, DefaultMessageBytes)
	l.SocketStall = orDefault(l.SocketStall, DefaultSocketStall)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Resolver == nil {
		cfg.Resolver = &net.Resolver{PreferGo: true}
	}
	c := &Client{limits: *l, logger: cfg.Logger, gate: gate{policy: cfg.Policy}}
	dialer := &net.Dialer{Timeout: l.Connect, KeepAlive: 30 * time.Second, Resolver: cfg.Resolver, Control: c.control}
	c.transport = &http.Transport{
		Proxy: nil, // the environment is the operator's, not the tenants'
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, atHome(address))
		},
		TLSClientConfig:        cfg.TLS,
		TLSHandshakeTimeout:    l.Handshake,
		ResponseHeaderTimeout:  l.ResponseHeader,
		MaxResponseHeaderBytes: l.HeaderBytes,
		IdleConnTimeout:        l.Idle,
		MaxIdleConns:           l.IdleTotal,
		MaxIdleConnsPerHost:    l.IdlePerHost,
		DisableCompression:     true, // done here, for more codings
		ForceAttemptHTTP2:      true,
	}
	return c
}

// atHome replaces a name below "localhost" by that name itself: nobody else may be asked what it means (RFC 6761 §6.3). The
// policy decides about the addresses all the same.
func atHome(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	const home = ".localhost"
	name := strings.TrimSuffix(host, ".")
	if len(name) > len(home) && strings.EqualFold(name[len(name)-len(home):], home) {
		return net.JoinHostPort(home[1:], port)
	}
	return address
}

// Close closes idle connections. Requests under way go on.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Protect refuses connections to a listener of the platform, whatever the policy says. An unspecified address stands for
// all of this machine's.
func (c *Client) Protect(listener netip.AddrPort) { c.gate.protect(listener) }

// Transport is the client's transport, under the same address policy, for pass-through to origins.
func (c *Client) Transport() http.RoundTripper { return c.transport }

// control runs after name resolution and before connect, for each address that is tried.
func (c *Client) control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !c.gate.allows(to) {
		c.logger.Debug("refuse outbound connection", "network", network, "address", address)
		return errRefusedAddress
	}
	return nil
}

// Source says on whose behalf a fetch is made.
type Source struct {
	// Worker is the name of the worker.
	Worker string
	// Depth is the number of workers that the request has come through before this one.
	Depth int
}

// Do performs a fetch. It takes over upload (nil if there is none) and closes it. The body is nil if the response cannot
// have one, and a *Socket if its status is 101; else the caller closes it; its length is -1 if unknown. ctx governs the body, too. Errors, those of the body included, are *Error.
func (c *Client) Do(ctx context.Context, from Source, call *hostproto.FetchCall, upload io.ReadCloser) (hostproto.FetchResult, io.ReadCloser, int64, error) {
	f := &fetch{client: c, ctx: ctx, from: from, mode: call.Redirect, method: call.Method, raw: call.Raw}
	result, body, length, err := f.run(call, upload)
	if err != nil {
		if upload != nil && !f.taken {
			upload.Close()
		}
		return hostproto.FetchResult{}, nil, 0, explain(ctx, f.host(), err)
	}
	return result, body, length, nil
}

// identify sets the fields that say who asks, and how deep.
func (s Source) identify(h http.Header) {
	if s.Worker != "" {
		h["Cf-Worker"] = []string{s.Worker}
	}
	h["Cf-Ew-Via"] = []string{strconv.Itoa(s.Depth + 1)}
}
