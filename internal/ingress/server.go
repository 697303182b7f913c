package ingress

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// Config is what a Server is made of.
type Config struct {
	Dispatcher Dispatcher
	Router     Router
	// Observer, if not nil, is called once per request, when its event is over. It must be quick.
	Observer func(*Observation)
	// ErrorPage is PlainErrorPage if nil.
	ErrorPage ErrorPage
	Limits    Limits
	// OriginTransport carries pass-through requests; http.DefaultTransport's rules apply if nil: no address policy.
	OriginTransport http.RoundTripper
	Logger          *slog.Logger
}

// Server serves HTTP on any number of listeners. It is an http.Handler, too.
type Server struct {
	cfg  Config
	http *http.Server
	// prefix and sequence make request ids.
	prefix   [4]byte
	sequence atomic.Uint32
	// rest counts goroutines that outlive their request; background ends when the server gives them up.
	rest       sync.WaitGroup
	restMu     sync.Mutex
	closed     bool // guarded by restMu: no more goroutines
	background context.Context
	giveUp     context.CancelCauseFunc
	inFlight   atomic.Int64
	lane       lane
	taken      tally // the connections of net/http
}

// New makes a server. It listens nowhere yet.
func New(cfg Config) *Server {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.ErrorPage == nil {
		cfg.ErrorPage = PlainErrorPage
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg}
	s.lane.starter, _ = cfg.Dispatcher.(Starter)
	s.background, s.giveUp = context.WithCancelCause(context.Background())
	rand.Read(s.prefix[:])
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            cfg.Limits.ReadHeader,
		IdleTimeout:                  cfg.Limits.Idle,
		MaxHeaderBytes:               max(1, cfg.Limits.HeaderBytes-headerSlack),
		ConnContext:                  connContext,
		ConnState:                    s.counted,
		ErrorLog:                     slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
		DisableGeneralOptionsHandler: true,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: cfg.Limits.Streams},
	}
	return s
}

// Serve answers requests of a listener until Shutdown or Close. config is nil for cleartext. The listener is closed at the end.
// The error is nil after Shutdown and Close.
func (s *Server) Serve(ln net.Listener, config *tls.Config) error {
	if config != nil {
		config = config.Clone()
		config.NextProtos = []string{"h2", "http/1.1"}
		if config.MinVersion == 0 {
			config.MinVersion = tls.VersionTLS12
		}
	}
	l := newListener(ln, s.cfg.Limits, config, &s.taken, &s.lane.leaving)
	defer s.openLane(l)()
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) && !s.lane.draining.Load() && !s.lane.leaving.Load() {
		return err
	}
	return nil
}

// InFlight is the number of requests whose response is not complete.
func (s *Server) InFlight() int64 { return s.inFlight.Load() }

// later runs f on a goroutine that Shutdown and Close join; at once if they are joining already.
func (s *Server) later(f func()) {
	if !s.spawn(f) {
		f()
	}
}

// spawn runs f on a goroutine that Shutdown and Close join; false if they are joining already.
func (s *Server) spawn(f func()) bool {
	s.restMu.Lock()
	defer s.restMu.Unlock()
	if s.closed {
		return false
	}
	s.rest.Go(f)
	return true
}

// join waits for the goroutines of later.
func (s *Server) join() {
	s.restMu.Lock()
	s.closed = true
	s.restMu.Unlock()
	s.rest.Wait()
}

// Shutdown stops listening and waits for requests and events to end, or for ctx; then it closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.drainLane(ctx)
	if shut := s.http.Shutdown(ctx); shut != nil {
		err = shut
		s.http.Close()
	}
	over := make(chan struct{})
	go func() { s.join(); close(over) }()
	select {
	case <-over:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
		s.giveUp(s.parting())
		<-over
	}
	s.giveUp(nil)
	return err
}

// Close ends everything at once.
func (s *Server) Close() error {
	err := s.http.Close()
	s.closeLane()
	s.giveUp(nil)
	s.join()
	return err
}

// requestID makes an id that is unique in this process and hard to guess from outside it.
func (s *Server) requestID() string {
	var text [16]byte
	return string(s.appendRequestID(text[:0]))
}

func (s *Server) appendRequestID(text []byte) []byte {
	var raw [8]byte
	copy(raw[:], s.prefix[:])
	n := s.sequence.Add(1) * 2654435761 // odd: a permutation, so that neighbours look different
	raw[4], raw[5], raw[6], raw[7] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return hex.AppendEncode(text, raw[:])
}

const defaultCF = `{"httpProtocol":"HTTP/1.1"}`

// cfOf is the JSON of request.cf: what is known and true, nothing made up. Strings are made once per class of connection.
func cfOf(r *http.Request, state *tls.ConnectionState) string {
	if state == nil && r.ProtoMajor == 1 && r.ProtoMinor == 1 {
		return defaultCF
	}
	class := cfClass{major: r.ProtoMajor, minor: r.ProtoMinor}
	if state != nil {
		class.version, class.cipher = state.Version, state.CipherSuite
	}
	if text, ok := cfTexts.Load(class); ok {
		return text.(string)
	}
	protocol := "HTTP/" + strconv.Itoa(class.major)
	if class.major < 2 {
		protocol += "." + strconv.Itoa(class.minor)
	}
	text := `{"httpProtocol":"` + protocol + `"`
	if state != nil {
		version := tls.VersionName(class.version)
		if len(version) == len("TLS 1.3") {
			version = "TLSv" + version[len("TLS "):]
		}
		text += `,"tlsVersion":"` + version + `","tlsCipher":"` + tls.CipherSuiteName(class.cipher) + `"`
	}
	text += "}"
	cfTexts.Store(class, text)
	return text
}

type cfClass struct {
	major, minor    int
	version, cipher uint16
}

var cfTexts sync.Map // cfClass → string; as many as there are classes

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
