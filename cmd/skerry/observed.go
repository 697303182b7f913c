package main

import (
	"log/slog"
	"strings"
	"sync"

	"skerry/internal/hostproto"
	"skerry/internal/ingress"
	"skerry/internal/observe"
	"skerry/internal/sourcemap"
	"skerry/internal/worker"
)

// requestOf is an observation as observe knows it. The stack is mapped to the sources.
func requestOf(o *ingress.Observation, maps *sourceMaps) *observe.Request {
	r := &observe.Request{Worker: o.Worker, Version: o.Version, RequestID: o.RequestID, Method: o.Method, Path: o.Path, Status: o.Status, Outcome: o.Outcome, Dispatched: o.Dispatched,
		Wall: o.Wall, CPU: o.CPU, Startup: o.Startup, Cold: o.Cold, Bytes: o.Bytes, Code: o.Code, Message: o.Message, Stack: o.Stack}
	if r.Stack != "" && o.Ran != nil {
		r.Stack = maps.rewrite(o.Ran, r.Stack)
	}
	return r
}

// sourceMaps parses the source maps of versions when a stack trace needs them, and keeps them until the version is retired.
type sourceMaps struct {
	mu     sync.Mutex
	parsed map[*worker.Version]map[string]*sourcemap.Map
}

func newSourceMaps() *sourceMaps {
	return &sourceMaps{parsed: make(map[*worker.Version]map[string]*sourcemap.Map)}
}

// lookup returns how to find the map of a module by the name that stack traces have.
func (s *sourceMaps) lookup(v *worker.Version) func(module string) *sourcemap.Map {
	return func(module string) *sourcemap.Map {
		module = strings.TrimPrefix(module, "file:///")
		s.mu.Lock()
		defer s.mu.Unlock()
		of := s.parsed[v]
		if of == nil {
			of = make(map[string]*sourcemap.Map)
			s.parsed[v] = of
		}
		m, known := of[module]
		if !known {
			for i := range v.Modules {
				if v.Modules[i].Name == module && len(v.Modules[i].SourceMap) > 0 {
					m, _ = sourcemap.Parse(v.Modules[i].SourceMap) // nil if it is broken: then the trace stays as it is
					of[module] = m                                 // No other name is kept: the names are those of a worker's stack.
				}
			}
		}
		return m
	}
}

func (s *sourceMaps) rewrite(v *worker.Version, stack string) string {
	return sourcemap.Rewrite(stack, s.lookup(v))
}

func (s *sourceMaps) forget(v *worker.Version) {
	s.mu.Lock()
	delete(s.parsed, v)
	s.mu.Unlock()
}

// levelOf is the level of a console line.
func levelOf(level hostproto.LogLevel) slog.Level {
	switch level {
	case hostproto.LogLevelDebug:
		return slog.LevelDebug
	case hostproto.LogLevelWarn:
		return slog.LevelWarn
	case hostproto.LogLevelError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
