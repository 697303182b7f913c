package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/project"
	"skerry/internal/rollout"
	"skerry/internal/routing"
	"skerry/internal/worker"
)

// sites are the workers of `skerry serve` and their routes. It is the Router of ingress.
type sites struct {
	pool   *isolates.Pool
	maps   *sourceMaps
	logger *slog.Logger
	builds chan struct{} // one value for each build that runs
	table  atomic.Pointer[routing.Table[*site]]

	mu    sync.Mutex // held by apply
	known map[siteKey]*site
	wait  sync.WaitGroup // rebuilds
}

// siteKey is what makes a worker the same one after a reload.
type siteKey struct {
	dir, env, cordon string
	limits, ceilings worker.Limits
}

// site is one worker. Routes and origin may change with a reload, therefore they are not here.
type site struct {
	worker *rollout.Worker
	shown  string
	origin atomic.Pointer[url.URL]
}

func newSites(pool *isolates.Pool, maps *sourceMaps, logger *slog.Logger) *sites {
	s := &sites{pool: pool, maps: maps, logger: logger, builds: make(chan struct{}, buildsAtOnce()), known: make(map[siteKey]*site)}
	s.table.Store(new(routing.Table[*site]))
	return s
}

// Route implements ingress.Router.
func (s *sites) Route(ctx context.Context, secure bool, host, target string) (ingress.Target, error) {
	scheme := routing.HTTP
	if secure {
		scheme = routing.HTTPS
	}
	for {
		table := s.table.Load()
		found, ok := table.Match(scheme, host, target)
		if !ok {
			return ingress.Target{}, nil
		}
		lease, err := found.worker.Acquire(ctx)
		switch {
		case err == nil:
			return ingress.Target{Version: lease.Version(), Origin: found.origin.Load(), Lease: lease}, nil
		case errors.Is(err, rollout.ErrClosed) && s.table.Load() != table:
			continue // removed by a reload while we looked
		case ctx.Err() != nil:
			return ingress.Target{}, &ingress.Failure{Status: 503, Code: ingress.CodeOverloaded, Reason: "the request was cancelled", Outcome: worker.Canceled}
		}
		return ingress.Target{}, &ingress.Failure{Status: 500, Code: ingress.CodeException, Reason: "the worker could not be started", Outcome: worker.ScriptInvalid, Cause: err}
	}
}

// apply lets a configuration answer: new workers are added, old ones removed, and those that stay and run are built again, in the
// background, and swapped if they have changed.
func (s *sites) apply(config *project.ServerConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[siteKey]*site)
	var routes []routing.Route[*site]
	for _, entry := range config.Workers {
		key := siteKey{entry.Dir, entry.Env, entry.Cordon, merge(entry.Limits, config.Limits), config.Ceilings}
		one := known[key]
		if one == nil {
			if one = s.known[key]; one == nil {
				one = s.newSite(entry, config.Limits, config.Ceilings)
			} else {
				s.refresh(one)
			}
			known[key] = one
		}
		one.origin.Store(entry.Origin)
		for _, pattern := range entry.Routes {
			routes = append(routes, routing.Route[*site]{Pattern: pattern, Value: one})
		}
	}
	table, err := routing.New(routes)
	if err != nil { // LoadServer has checked the patterns
		s.logger.Error("routes cannot be used: the old ones stay", "error", err)
		for key, one := range known {
			if s.known[key] == nil {
				one.worker.Close()
			}
		}
		return
	}
	old := s.known
	s.known = known
	s.table.Store(table)
	for key, one := range old {
		if known[key] == nil {
			one.worker.Close()
		}
	}
}

func (s *sites) newSite(entry project.WorkerEntry, defaults, ceilings worker.Limits) *site {
	one := &site{shown: entry.Shown}
	one.worker = rollout.New(rollout.Config{
		Build: func(ctx context.Context) (*worker.Version, error) { return s.build(ctx, entry, defaults, ceilings) },
		Retire: func(v *worker.Version) {
			s.pool.Forget(v)
			s.maps.forget(v)
		},
	})
	// The configuration of each project is checked now, so that a mistake is seen at the start and not by a visitor.
	_, diagnostics, err := project.Load(entry.Shown, project.Options{Env: entry.Env, Production: true})
	for _, d := range diagnostics {
		if d.Severity == project.Warning {
			s.logger.Warn("project", "worker", entry.Shown, "diagnostic", d.String())
		}
	}
	if err != nil {
		s.logger.Error("project cannot be used", "worker", entry.Shown, "error", inFull(err))
	}
	return one
}

// buildAhead bundles the projects one after the other, so that a worker's first request finds its bundle made and pays for its
// isolate alone. A request that comes sooner has its project built at once; a project that does not build says so in the
// log and is tried again by its first request.
func (s *sites) buildAhead(ctx context.Context) {
	s.mu.Lock()
	all := make([]*site, 0, len(s.known))
	for _, one := range s.known {
		all = append(all, one)
	}
	s.mu.Unlock()
	for _, one := range all {
		if lease, err := one.worker.Acquire(ctx); err == nil {
			lease.Release()
		}
		if ctx.Err() != nil {
			return
		}
	}
	s.logger.Info("all projects are bundled", "workers", len(all))
}

// name is what makes a worker the same one in another process.
func (k siteKey) name() string { return strings.Join([]string{k.dir, k.env, k.cordon}, "\x00") }

// built lists the names of the workers that have a version which answers.
func (s *sites) built() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for key, one := range s.known {
		if lease := one.worker.Current(); lease != nil {
			lease.Release()
			names = append(names, key.name())
		}
	}
	return names
}

// buildNow bundles those workers of the configuration that have these names, and says which of them do not build.
func (s *sites) buildNow(ctx context.Context, names []string) error {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	var all []*site
	s.mu.Lock()
	for key, one := range s.known {
		if wanted[key.name()] {
			all = append(all, one)
		}
	}
	s.mu.Unlock()
	var mu sync.Mutex
	var failed []string
	var wait sync.WaitGroup
	slots := make(chan struct{}, buildsAtOnce())
	for _, one := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			lease, err := one.worker.Acquire(ctx)
			if err == nil {
				lease.Release()
				return
			}
			mu.Lock()
			failed = append(failed, one.shown)
			mu.Unlock()
		})
	}
	wait.Wait()
	if len(failed) > 0 {
		slices.Sort(failed)
		return fmt.Errorf("these workers run, and do not build any more (see the log): %s", strings.Join(failed, ", "))
	}
	return nil
}

// refresh builds a worker again if it has been built. The goroutine ends with the build.
func (s *sites) refresh(one *site) {
	lease := one.worker.Current()
	if lease == nil {
		return // its first request will build it
	}
	lease.Release()
	s.wait.Go(func() {
		changed, err := one.worker.Rebuild(context.Background())
		switch {
		case errors.Is(err, rollout.ErrClosed):
		case err != nil:
			s.logger.Error("worker does not build: the old version stays", "worker", one.shown, "error", inFull(err))
		case changed:
			s.logger.Info("worker changed", "worker", one.shown)
		}
	})
}

// inFull is an error with all diagnostics that it stands for.
func inFull(err error) string {
	if found, ok := errors.AsType[project.Diagnostics](err); ok {
		return err.Error() + "\n" + found.Text(false)
	}
	return err.Error()
}

// build makes a version for production.
func (s *sites) build(ctx context.Context, entry project.WorkerEntry, defaults, ceilings worker.Limits) (v *worker.Version, err error) {
	s.builds <- struct{}{}
	defer func() { <-s.builds }()
	defer func() {
		if err != nil {
			s.logger.Error("worker does not build", "worker", entry.Shown, "error", inFull(err))
		}
	}()
	p, _, err := project.Load(entry.Shown, project.Options{Env: entry.Env, Production: true})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", entry.Shown, err)
	}
	built, inputs, err := project.Bundle(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", entry.Shown, err)
	}
	for _, d := range inputs.Warnings {
		s.logger.Warn("project", "worker", entry.Shown, "diagnostic", d.String())
	}
	v = new(worker.Version)
	*v = *built
	v.Cordon = entry.Cordon
	wanted := merge(entry.Limits, merge(built.Limits, defaults))
	if v.Limits = wanted.AtMost(ceilings); v.Limits != wanted {
		s.logger.Warn("limits are lowered to the ceilings of [limits] in skerry.toml", "worker", entry.Shown,
			"cpu", v.Limits.CPU, "startup", v.Limits.Startup, "memory_mb", v.Limits.MemoryMB, "subrequests", v.Limits.Subrequests, "events", v.Limits.Events)
	}
	if v.Limits != built.Limits {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %+v", built.ID, v.Limits))
		v.ID = hex.EncodeToString(sum[:8])
	}
	return v, nil
}

// merge fills the zero fields of limits.
func merge(limits, with worker.Limits) worker.Limits {
	if limits.CPU == 0 {
		limits.CPU = with.CPU
	}
	if limits.Startup == 0 {
		limits.Startup = with.Startup
	}
	if limits.MemoryMB == 0 {
		limits.MemoryMB = with.MemoryMB
	}
	if limits.Subrequests == 0 {
		limits.Subrequests = with.Subrequests
	}
	if limits.Events == 0 {
		limits.Events = with.Events
	}
	return limits
}

// close ends all workers.
func (s *sites) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait.Wait()
	for _, one := range s.known {
		one.worker.Close()
	}
}
