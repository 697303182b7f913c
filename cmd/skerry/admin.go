package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// admin is the listener for operators: health and metrics.
type admin struct {
	ready    atomic.Bool
	leaving  atomic.Bool
	listener net.Listener // nil if off
	server   *http.Server
	over     chan struct{}
}

// startAdmin listens where the options say, by the listen that is given. The default address may be taken, by another skerry for one: then
// it goes on without.
func startAdmin(o *serveOptions, listen func(address, hint string) (net.Listener, error), metrics http.Handler, logger *slog.Logger) (*admin, error) {
	a := &admin{}
	if o.admin == "off" {
		return a, nil
	}
	listener, err := listen(o.admin, "choose another address with --admin, or --admin off")
	if err != nil {
		if !o.adminSet && errors.Is(err, syscall.EADDRINUSE) {
			logger.Warn("no health and metrics: the default address is taken; choose one with --admin", "address", o.admin)
			return a, nil
		}
		return nil, err
	}
	a.listener, a.over = listener, make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !a.ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /metrics", metrics)
	farewell := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
	a.server = &http.Server{Handler: farewell, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() { // ends with close
		defer close(a.over)
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !a.leaving.Load() {
			logger.Error("serve health and metrics", "error", err)
		}
	}()
	logger.Info("health and metrics", "address", listener.Addr().String())
	return a, nil
}

func (a *admin) setReady(ready bool) { a.ready.Store(ready) }

// leave leaves new connections to the successor. Those that are there get one more answer each.
func (a *admin) leave() {
	a.leaving.Store(true)
	if a.listener != nil {
		a.listener.Close() // the error would be that it is closed
	}
}

// address is that of the listener; not valid if there is none.
func (a *admin) address() netip.AddrPort {
	if a.listener == nil {
		return netip.AddrPort{}
	}
	address, err := netip.ParseAddrPort(a.listener.Addr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return address
}

func (a *admin) close() {
	if a.server != nil {
		a.server.Close()
		<-a.over
	}
}
