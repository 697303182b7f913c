package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"skerry/internal/bindings"
	"skerry/internal/egress"
	"skerry/internal/hostproto"
	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/observe"
	"skerry/internal/project"
	"skerry/internal/succession"
	"skerry/internal/worker"
)

type serveOptions struct {
	config, data, listen, admin string
	cert, key                   string
	accessLog, perWorker        bool
	drain                       time.Duration
	logFormat                   string
	configSet                   bool
	adminSet                    bool
	sandbox                     sandboxFlag
}

// DefaultDrain is how long requests may go on when the process is stopped or another one follows it.
const DefaultDrain = 30 * time.Second

// The addresses when nothing says otherwise.
const (
	defaultListen = "127.0.0.1:8787"
	defaultAdmin  = "127.0.0.1:9090"
	defaultConfig = "skerry.toml"
)

func serveCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run many workers, routed by host and path",
		Long: "Serves the workers that the configuration names. A worker is bundled and started when its first request comes.\n\n" +
			"SIGHUP reads the configuration and the projects again: what has changed and builds is swapped in, what is broken stays as it was.\n" +
			"SIGUSR2, or skerry upgrade, starts the binary that lies there now and hands over to it, without a failed request; see docs/operations.md.\n" +
			"SIGTERM and Ctrl-C let requests end; a second one does not. /livez, /readyz and /metrics are on the admin address.",
		Example: "  skerry serve --config skerry.toml\n" +
			"  skerry serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\n" +
			"  skerry upgrade              # hand over to a newer release",
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			o.configSet, o.adminSet = c.Flags().Changed("config"), c.Flags().Changed("admin")
			return serve(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.config, "config", defaultConfig, "configuration file")
	flags.StringVar(&o.data, "data", "", "directory for state (default: the configuration's, else ./data); nothing that stores state is supported yet")
	flags.StringVar(&o.listen, "listen", "", "address for requests (default: the configuration's, else "+defaultListen+")")
	flags.StringVar(&o.admin, "admin", "", `address for health and metrics, "off" for none (default: the configuration's, else `+defaultAdmin+")")
	flags.StringVar(&o.cert, "tls-cert", "", "certificate chain in PEM: serve HTTPS")
	flags.StringVar(&o.key, "tls-key", "", "private key of the certificate in PEM")
	flags.BoolVar(&o.accessLog, "access-log", false, "log every request, not only those that went wrong")
	flags.BoolVar(&o.perWorker, "metrics-per-worker", false, "count requests by worker, too")
	flags.DurationVar(&o.drain, "drain", DefaultDrain, "how long requests may take to end at SIGTERM and after an upgrade")
	o.sandbox.add(flags, "the server does not start where the machine cannot do that")
	flags.StringVar(&o.logFormat, "log-format", "json", `"json" or "text"`)
	return c
}

// serve is one process of the command; see internal/succession.
func serve(parent context.Context, o serveOptions) error {
	s, err := newGeneration(&o)
	if err != nil {
		return err
	}
	return s.end(runServe(parent, o, s))
}

func runServe(parent context.Context, o serveOptions, s *generation) error {
	ctx, stop := untilSignal(parent)
	defer stop()
	stopToo, release := s.untilStopped(ctx)
	defer release()
	ctx = stopToo
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	out := observe.NewAsync(os.Stderr)
	defer out.Close()
	logger, err := newServeLogger(o.logFormat, out)
	if err != nil {
		return err
	}

	config, err := loadServeConfig(&o, logger)
	if err != nil {
		return err
	}
	certificate, err := newCertificate(o.cert, o.key)
	if err != nil {
		return err
	}
	parts, err := findInstallation(ctx)
	if err != nil {
		return err
	}
	hosts, err := openSandbox(o.sandbox, parts, memoryMax(config.Host.MemoryMaxMB, config.Host.Hosts), false, logger)
	if err != nil {
		return err
	}
	defer func() { hosts.Close() }()
	listener, err := s.listen(socketRequests, o.listen, "choose another address with --listen")
	if err != nil {
		return err
	}
	defer listener.Close()

	outbound := egress.New(egress.Config{Policy: policyOf(config.Egress), Logger: logger})
	defer outbound.Close()
	maps := newSourceMaps()
	consoles := new(observe.Quota)
	pool := isolates.New(poolConfig(config, parts, hosts, isolates.Config{
		WarmSpareHost: true, ClockFrozen: true,
		Calls: bindings.New(bindings.Config{Fetcher: outbound, Logger: logger}),
		OnLog: func(v *worker.Version, level hostproto.LogLevel, text []byte) {
			ok, notice := consoles.Take(v.Name, len(text), time.Now())
			if notice != "" {
				logger.Warn(notice, "worker", v.Name)
			}
			if !ok {
				return
			}
			logger.LogAttrs(context.Background(), levelOf(level), "console", slog.String("worker", v.Name), slog.String("version", v.ID), slog.String("text", string(text)))
		},
		Logger: logger,
	}))
	if err := pool.Open(ctx); err != nil {
		return hostError(err)
	}
	defer pool.Close()

	metrics := observe.NewMetrics(observe.MetricsConfig{Stats: statsOf(pool), PerWorker: o.perWorker, Version: version, Walls: hosts.standing()})
	access := observe.Access{Logger: logger, All: o.accessLog}
	sites := newSites(pool, maps, logger)
	defer sites.close()
	server := ingress.New(ingress.Config{
		Dispatcher: dispatcher{pool}, Router: sites, OriginTransport: outbound.Transport(), Logger: logger,
		Observer: func(seen *ingress.Observation) {
			r := requestOf(seen, maps)
			metrics.Observe(r)
			access.Observe(r)
		},
	})
	sites.apply(config)
	if err := s.prepare(ctx, sites); err != nil {
		return err
	}
	admin, err := startAdmin(&o, func(address, hint string) (net.Listener, error) { return s.listen(socketAdmin, address, hint) }, metrics.Handler(), logger)
	if err != nil {
		return err
	}
	defer admin.close()
	if address := admin.address(); address.IsValid() {
		outbound.Protect(address)
	}
	defer s.control(logger)()
	go sites.buildAhead(ctx) // ends with the last project, or with the server

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener, certificate.config()) }() // ends with Shutdown
	admin.setReady(true)
	if err := s.serving(pool.V8()); err != nil {
		server.Close()
		return err
	}
	logger.Info("ready", "address", listener.Addr().String(), "workers", len(config.Workers), "version", version, "v8", pool.V8(), "pid", os.Getpid())

	replaceHosts := func(ctx context.Context) error {
		parts, err := installationOf(ctx, s.program)
		if err != nil {
			return err
		}
		fresh, err := openSandbox(o.sandbox, parts, memoryMax(config.Host.MemoryMaxMB, config.Host.Hosts), false, logger)
		if err != nil {
			return err
		}
		if err := pool.Replace(ctx, fresh.engine(parts)); err != nil {
			fresh.Close()
			return err
		}
		hosts.Close()
		hosts = fresh
		return nil
	}
	upgrades := newUpgrades(ctx, s, logger, pool.V8, replaceHosts, func() any { return facts{Built: sites.built()} })
	for {
		select {
		case <-hangup:
			reload(o, sites, certificate, logger)
			continue
		case asked := <-s.asked:
			upgrades.ask(asked)
			continue
		case <-upgrades.predecessor:
			upgrades.goOn()
			continue
		case done := <-upgrades.done:
			if upgrades.settle(done) {
				break
			}
			continue
		case err = <-served:
		case <-ctx.Done():
			err = nil
		}
		break
	}
	upgrades.stop()
	drained, cancel := context.WithTimeout(context.Background(), o.drain)
	defer cancel()
	end := server.Shutdown
	if s.heir != nil {
		if end = server.Leave; ctx.Err() != nil {
			s.heir.Stop() // it became ready while this process was told to stop
			end = server.Shutdown
		}
		s.handOver(stop, func() { server.Shutdown(drained) }, cancel, ctx.Done(), logger) // the error is that of Leave, too
		admin.leave()
		logger.Info("another process serves now", "pid", s.heir.Pid, "version", s.heir.Version, "requests", server.InFlight(), "patience", o.drain)
	} else {
		succession.Notify("STOPPING=1")
		admin.setReady(false)
		logger.Info("draining", "requests", server.InFlight(), "patience", o.drain)
	}
	if drainErr := end(drained); drainErr != nil {
		logger.Warn("requests were cut off", "error", drainErr)
	}
	return err
}

// defaultSpares is how many isolates each host keeps ready for workers that have none yet.
const defaultSpares = 4

func newServeLogger(format string, out *observe.Async) (*slog.Logger, error) {
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(out, nil)), nil
	case "text":
		console := observe.NewConsole(os.Stderr, slog.LevelInfo)
		console.Redirect(out)
		return slog.New(console), nil
	}
	return nil, &commandError{exitUsage, `known are "json" and "text"`, fmt.Errorf("--log-format %q is not known", format)}
}

// loadServeConfig reads the configuration and completes the options with it. Without a file everything has its default.
func loadServeConfig(o *serveOptions, logger *slog.Logger) (*project.ServerConfig, error) {
	config, err := readConfig(*o, logger)
	if err != nil {
		return nil, err
	}
	first := func(texts ...string) string {
		for _, text := range texts {
			if text != "" {
				return text
			}
		}
		return ""
	}
	o.adminSet = o.adminSet || config.Admin != ""
	o.listen, o.admin, o.data = first(o.listen, config.Listen, defaultListen), first(o.admin, config.Admin, defaultAdmin), first(o.data, config.DataDir, "data")
	return config, nil
}

func readConfig(o serveOptions, logger *slog.Logger) (*project.ServerConfig, error) {
	if _, err := os.Stat(o.config); errors.Is(err, os.ErrNotExist) && !o.configSet {
		logger.Warn("no configuration: no worker is served", "file", o.config)
		return &project.ServerConfig{}, nil
	}
	config, diagnostics, err := project.LoadServer(o.config)
	if err != nil {
		if found, ok := errors.AsType[project.Diagnostics](err); ok {
			err = errors.New("the configuration cannot be used\n" + found.Text(false))
		}
		return nil, &commandError{exitConfig, "", err}
	}
	for _, d := range diagnostics {
		logger.Warn("configuration", "diagnostic", d.String())
	}
	return config, nil
}

// reload reads everything again. What is broken stays as it was.
func reload(o serveOptions, sites *sites, certificate *certificate, logger *slog.Logger) {
	if err := certificate.load(); err != nil {
		logger.Error("reload: the old certificate stays", "error", err)
	}
	config, err := readConfig(o, logger)
	if err != nil {
		logger.Error("reload: the old configuration stays", "error", err)
		return
	}
	sites.apply(config)
	logger.Info("reloaded", "workers", len(config.Workers))
}

func policyOf(c project.EgressConfig) egress.Policy {
	if !c.Given {
		return egress.Public
	}
	return egress.Policy{AllowPublic: c.Public, AllowPrivate: c.Private, AllowLoopback: c.Loopback, Prefixes: append([]netip.Prefix(nil), c.Prefixes...)}
}

// poolConfig completes a pool's configuration.
func poolConfig(c *project.ServerConfig, parts *installation, hosts *hostProcesses, pool isolates.Config) isolates.Config {
	pool.Engine = hosts.engine(parts)
	pool.Spares = defaultSpares
	pool.Hosts, pool.Executors, pool.IsolatesMax = c.Host.Hosts, c.Host.Executors, c.Host.IsolatesMax
	pool.MemoryBudget = int64(c.Host.MemoryBudgetMB) << 20
	if c.Host.SparesSet {
		if pool.Spares = c.Host.Spares; pool.Spares == 0 {
			pool.Spares = -1
		}
	}
	return pool
}

// buildsAtOnce is how many projects are bundled at the same time.
func buildsAtOnce() int { return max(2, runtime.GOMAXPROCS(0)) }
