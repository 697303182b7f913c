package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/observe"
	"skerry/internal/project"
	"skerry/internal/rollout"
	"skerry/internal/watch"
	"skerry/internal/worker"
)

// devLoop keeps the version of a project up to date with its files. It is the Router of `skerry dev`.
type devLoop struct {
	options devOptions
	console *observe.Console
	maps    *sourceMaps
	worker  *rollout.Worker
	watcher *watch.Watcher
	// ready is said once, when requests are answered by the worker.
	ready string

	// The rest belongs to whoever builds: open, then the goroutine of run.
	builder *project.Builder
	loaded  *project.Project
	stamp   string // state of the configuration files that loaded came from
	shown   string // diagnostics on the screen
	watched watch.Set

	mu     sync.Mutex
	broken error // why the last build failed
}

func newDevLoop(o devOptions, console *observe.Console, pool *isolates.Pool, maps *sourceMaps) *devLoop {
	d := &devLoop{options: o, console: console, maps: maps}
	d.worker = rollout.New(rollout.Config{Build: d.build, Retire: func(v *worker.Version) {
		pool.Forget(v)
		maps.forget(v)
	}})
	return d
}

// open makes the first build, good or bad, and begins to watch.
func (d *devLoop) open(ctx context.Context) (err error) {
	if d.watcher, err = watch.New(); err != nil {
		return err
	}
	d.rebuild(ctx)
	return nil
}

// announce says that the worker answers, if it does and that has not been said.
func (d *devLoop) announce() {
	if lease := d.worker.Current(); lease != nil && d.ready != "" {
		lease.Release()
		d.console.Print(d.ready)
		d.ready = ""
	}
}

// run rebuilds on changes until ctx ends.
func (d *devLoop) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.watcher.Changes():
			d.rebuild(ctx)
			d.announce()
		}
	}
}

func (d *devLoop) close() {
	d.worker.Close()
	d.watcher.Close()
	if d.builder != nil {
		d.builder.Close()
	}
}

// Route implements ingress.Router: everything goes to the one worker.
func (d *devLoop) Route(context.Context, bool, string, string) (ingress.Target, error) {
	if lease := d.worker.Current(); lease != nil {
		return ingress.Target{Version: lease.Version(), Lease: lease}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ingress.Target{}, &ingress.Failure{Status: 500, Code: ingress.CodeException, Reason: "the project does not build", Outcome: worker.ScriptInvalid, Cause: d.broken}
}

// rebuild builds and shows what came of it.
func (d *devLoop) rebuild(ctx context.Context) {
	began := time.Now()
	changed, err := d.worker.Rebuild(ctx)
	if ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	d.broken = err
	d.mu.Unlock()
	if watchErr := d.watcher.Watch(d.watched, began); watchErr != nil {
		d.console.Print("skerry: warning: " + watchErr.Error() + "\n")
	}
	if err != nil {
		text := err.Error() + "\n"
		if diagnostics, ok := errors.AsType[project.Diagnostics](err); ok {
			text = diagnostics.Text(d.console.Colour())
		}
		d.show(text + "\n" + d.verdict())
		return
	}
	if changed && d.ready == "" {
		d.console.Print(fmt.Sprintf("Reloaded in %d ms\n", time.Since(began).Milliseconds()))
	}
}

// verdict says what answers although the build has failed.
func (d *devLoop) verdict() string {
	if lease := d.worker.Current(); lease != nil {
		lease.Release()
		return "The last version that built goes on answering.\n"
	}
	return "Nothing answers until this builds.\n"
}

// show prints diagnostics unless they are on the screen already.
func (d *devLoop) show(text string) {
	if text != d.shown {
		d.console.Print(text)
	}
	d.shown = text
}

// build makes the version of what is on disk now, and notes what to watch.
func (d *devLoop) build(ctx context.Context) (*worker.Version, error) {
	var warnings []project.Diagnostic
	if d.builder == nil || stampOf(d.loaded.ConfigFiles) != d.stamp {
		p, diagnostics, err := project.Load(d.options.dir, project.Options{Env: d.options.env})
		if p != nil {
			d.loaded, d.stamp = p, stampOf(p.ConfigFiles)
			d.watched = watch.Set{Files: p.ConfigFiles}
		}
		if d.builder != nil {
			d.builder.Close()
			d.builder = nil
		}
		if err != nil {
			return nil, err
		}
		warnings = diagnostics
		d.builder = project.NewBuilder(p)
	}
	v, inputs, err := d.builder.Build(ctx)
	d.watched = watch.Set{Files: append(append([]string{}, d.loaded.ConfigFiles...), inputs.Files...), Dirs: inputs.Dirs, Trees: inputs.Trees}
	if err != nil {
		return nil, err
	}
	if warnings = append(warnings, inputs.Warnings...); len(warnings) > 0 {
		d.show(project.Diagnostics(warnings).Text(d.console.Colour()))
	} else {
		d.shown = ""
	}
	if v.Limits.CPU == 0 {
		patient := *v
		patient.Limits.CPU = devCPU
		v = &patient
	}
	return v, nil
}

// devCPU is the CPU time that an event may use in development, unless the project says otherwise. Much more than in
// `skerry serve`: development builds of frameworks need it, each edit makes every request the first one of its isolate, and a
// loop without an end has nobody to disturb.
const devCPU = 30 * time.Second

// stampOf is the state of files, to see whether one has changed.
func stampOf(files []string) string {
	var b strings.Builder
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		} else {
			fmt.Fprintf(&b, "%s -\n", file)
		}
	}
	return b.String()
}
