package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skerry/internal/bindings"
	"skerry/internal/egress"
	"skerry/internal/hostproto"
	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/observe"
	"skerry/internal/project"
	"skerry/internal/sourcemap"
	"skerry/internal/worker"
)

type devOptions struct {
	dir, host, env, persist string
	port                    int
	verbose                 bool
	sandbox                 sandboxFlag
}

// defaultPort is wrangler's.
const defaultPort = 8787

// devDrain is how long `skerry dev` waits for requests when it ends.
const devDrain = 5 * time.Second

func devCommand() *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use:   "dev [DIR]",
		Short: "Run one project, and reload it on each edit",
		Long: "Bundles the project in DIR (or the script that DIR names), runs it, and watches its files. An edit is served as soon as it\n" +
			"builds; until then, and while it is broken, the last good version answers. Errors are shown at the line as it was written.",
		Example: "  skerry dev\n" +
			"  skerry dev path/to/project --port 3000\n" +
			"  skerry dev worker.ts --env staging",
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.dir = "."
			if len(args) > 0 {
				o.dir = args[0]
			}
			return runDev(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.IntVar(&o.port, "port", 0, "port to listen on; 0: the one of the project's configuration, else "+strconv.Itoa(defaultPort))
	flags.StringVar(&o.host, "host", "", "address to listen on (default: the one of the project's configuration, else 127.0.0.1)")
	flags.StringVar(&o.env, "env", "", "environment of the configuration to use")
	flags.StringVar(&o.persist, "persist-to", "", "directory for local state (default: .skerry in the project); nothing that stores state is supported yet")
	o.sandbox.add(flags, "what the machine cannot do of that is said")
	flags.BoolVar(&o.verbose, "verbose", false, "show what the platform does")
	return c
}

func runDev(parent context.Context, o devOptions) error {
	ctx, stop := untilSignal(parent)
	defer stop()

	out := observe.NewAsync(os.Stdout)
	defer out.Close()
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	console := observe.NewConsole(os.Stdout, level)
	console.Redirect(out)
	logger := slog.New(console)

	if o.port < 0 || o.port > 65535 {
		return &commandError{exitUsage, "", fmt.Errorf("--port %d: ports are 1 to 65535", o.port)}
	}
	first, _, err := project.Load(o.dir, project.Options{Env: o.env})
	if first == nil {
		hint := ""
		if errors.Is(err, project.ErrNoProject) {
			hint = "name the directory of a project: skerry dev DIR"
		}
		return &commandError{exitConfig, hint, err}
	}
	if err != nil && errors.Is(err, project.ErrNoProject) {
		return &commandError{exitConfig, "name the directory of a project, or a script: skerry dev DIR", err}
	}
	parts, err := findInstallation(ctx)
	if err != nil {
		return err
	}
	hosts, err := openSandbox(o.sandbox, parts, memoryMax(0, 1), true, logger)
	if err != nil {
		return err
	}
	defer hosts.Close()
	listener, err := listen(devAddress(o, first), "choose another port with --port")
	if err != nil {
		return err
	}
	defer listener.Close()

	outbound := egress.New(egress.Config{Policy: egress.Local, Logger: logger})
	defer outbound.Close()
	maps := newSourceMaps()
	pool := isolates.New(isolates.Config{
		Engine: hosts.engine(parts),
		Hosts:  1, WarmSpareHost: true, Dev: true,
		Calls: bindings.New(bindings.Config{Fetcher: outbound, Logger: logger}),
		OnLog: func(v *worker.Version, level hostproto.LogLevel, text []byte) {
			line := string(text)
			if strings.Contains(line, "\n    at ") {
				line = maps.rewrite(v, line)
			}
			console.Log(levelOf(level), line)
		},
		Logger: logger,
	})
	if err := pool.Open(ctx); err != nil {
		return hostError(err)
	}
	defer pool.Close()

	loop := newDevLoop(o, console, pool, maps)
	server := ingress.New(ingress.Config{
		Dispatcher: dispatcher{pool}, Router: loop,
		Observer: func(seen *ingress.Observation) {
			r := requestOf(seen, maps)
			if seen.Stack != "" && seen.Ran != nil {
				r.Excerpt = sourcemap.Exception("", "", seen.Stack, maps.lookup(seen.Ran)).Excerpt(console.Colour())
			}
			console.Request(r)
		},
		ErrorPage: func(w http.ResponseWriter, r *http.Request, f *ingress.Failure) { devErrorPage(w, r, f, maps) },
		Logger:    logger,
	})
	loop.ready = fmt.Sprintf("Ready on http://%s\n", shownAddress(listener.Addr()))
	if err := loop.open(ctx); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener, nil) }() // ends with Shutdown
	loop.announce()

	watching := make(chan struct{})
	go func() { defer close(watching); loop.run(ctx) }() // the watcher: ends with ctx
	select {
	case <-ctx.Done():
		err = nil
	case err = <-served:
		stop()
	}
	<-watching
	drained, cancel := context.WithTimeout(context.Background(), devDrain)
	defer cancel()
	server.Shutdown(drained) // what has not ended by then is cut off
	loop.close()
	return err
}

// devAddress is where to listen: flags, then configuration, then defaults.
func devAddress(o devOptions, p *project.Project) string {
	host, port := o.host, o.port
	if host == "" {
		host = p.Dev.IP
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == 0 {
		port = p.Dev.Port
	}
	if port == 0 {
		port = defaultPort
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func listen(address, hint string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &commandError{exitListen, hint, err}
	}
	return listener, nil
}

// shownAddress is an address that can be clicked on.
func shownAddress(a net.Addr) string {
	to, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	if to.Addr().IsUnspecified() || to.Addr().Unmap().IsLoopback() {
		return "localhost:" + strconv.Itoa(int(to.Port()))
	}
	return to.String()
}

func hostError(err error) error {
	return &commandError{exitInstall, "", fmt.Errorf("start an isolate host: %w", err)}
}

// devErrorPage shows what went wrong, at the line as it was written: as HTML to browsers, else as text.
func devErrorPage(w http.ResponseWriter, r *http.Request, f *ingress.Failure, maps *sourceMaps) {
	report, ok := devReport(r, f, maps)
	if !ok {
		ingress.PlainErrorPage(w, r, f)
		return
	}
	body, kind := []byte(report.Text(false)), "text/plain; charset=utf-8"
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		body, kind = report.HTML(), "text/html; charset=utf-8"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		w.Write(body) // an error means that the client has gone
	}
}

func devReport(r *http.Request, f *ingress.Failure, maps *sourceMaps) (sourcemap.Report, bool) {
	where := r.Method + " " + r.URL.Path
	if diagnostics, ok := errors.AsType[project.Diagnostics](f.Cause); ok {
		return diagnostics.Report(""), true
	}
	if f.Version == nil || f.Message == "" && f.Cause == nil {
		return sourcemap.Report{}, false
	}
	name, message := "", f.Message
	if message == "" {
		message = f.Cause.Error()
	}
	if kind, rest, ok := strings.Cut(message, ": "); ok && !strings.ContainsAny(kind, " \n") {
		name, message = kind, rest
	}
	report := sourcemap.Exception(name, message, f.Stack, maps.lookup(f.Version))
	report.Kind, report.Where, report.Worker = f.Outcome.String(), where, f.Version.Name
	if f.Outcome == worker.Exception {
		report.Kind = "Uncaught exception"
	}
	return report, true
}
