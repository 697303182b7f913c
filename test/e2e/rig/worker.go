package rig

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// CompatDate is the compatibility date of the workers that the tests write.
const CompatDate = "2026-06-01"

// Worker is a project to be written: its files by name, and what its configuration says besides.
type Worker struct {
	Name string
	// Main is the entry module, "src/index.js" if empty.
	Main  string
	Files map[string]string
	// CPU is the limit of CPU time in ms, the platform's default if zero.
	CPU  int
	Vars map[string]any
}

// Script is a worker of one file.
func Script(name, source string) Worker {
	return Worker{Name: name, Files: map[string]string{"src/index.js": source}}
}

// Host is the host name that Serve routes to the worker.
func (w Worker) Host() string { return w.Name + ".localhost" }

// Write writes the project below dir and returns its directory.
func (w Worker) Write(t testing.TB, dir string) string {
	t.Helper()
	if w.Main == "" {
		w.Main = "src/index.js"
	}
	config := map[string]any{"name": w.Name, "main": w.Main, "compatibility_date": CompatDate}
	if w.CPU != 0 {
		config["limits"] = map[string]int{"cpu_ms": w.CPU}
	}
	if w.Vars != nil {
		config["vars"] = w.Vars
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	project := filepath.Join(dir, w.Name)
	WriteFile(t, filepath.Join(project, "wrangler.jsonc"), string(text))
	for name, source := range w.Files {
		WriteFile(t, filepath.Join(project, name), source)
	}
	return project
}

// WriteFile writes a file as an editor does: beside, then moved over the old one.
func WriteFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"~", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// Platform is what `skerry serve` is told.
type Platform struct {
	// Workers are written and routed to by their Host.
	Workers []Worker
	// Projects are directories that are there already, by the host they are routed to.
	Projects map[string]string
	// Settings are further lines of the configuration file, before the workers.
	Settings []string
	// Binary is the skerry to start, Args are further arguments; zero values: the one in bin/, none.
	Binary string
	Args   []string
}

// Serve writes the workers and the configuration and starts `skerry serve`. The caller waits for what it needs.
func Serve(t testing.TB, p Platform) *Server {
	t.Helper()
	dir := t.TempDir()
	addr, admin := freeAddress(t), freeAddress(t)
	WriteFile(t, filepath.Join(dir, "skerry.toml"), p.config(t, dir, addr))
	if p.Binary == "" {
		p.Binary = Binary(t)
	}
	s := start(t, p.Binary, dir, addr, append([]string{"serve", "--config", "skerry.toml", "--admin", admin}, p.Args...)...)
	s.admin = admin
	return s
}

func (p Platform) config(t testing.TB, dir, addr string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "listen = %q\ndata = %q\n", addr, filepath.Join(dir, "data"))
	for _, line := range p.Settings {
		fmt.Fprintln(&b, line)
	}
	for _, w := range p.Workers {
		fmt.Fprintf(&b, "\n[[worker]]\ndir = %q\nroutes = [%q]\n", w.Write(t, dir), w.Host()+"/*")
	}
	for host, project := range p.Projects {
		fmt.Fprintf(&b, "\n[[worker]]\ndir = %q\nroutes = [%q]\n", project, host+"/*")
	}
	return b.String()
}

// ServeConfig starts `skerry serve` with a configuration file that is there already, on a port of its own.
func ServeConfig(t testing.TB, path string) *Server {
	t.Helper()
	addr := freeAddress(t)
	return start(t, Binary(t), t.TempDir(), addr, "serve", "--config", path, "--listen", addr, "--data", filepath.Join(t.TempDir(), "data"), "--admin", "off")
}

// Dev starts `skerry dev` in a project's directory. The caller waits for what it needs.
func Dev(t testing.TB, project string) *Server {
	t.Helper()
	addr := freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, Binary(t), project, addr, "dev", "--port", port, "--persist-to", t.TempDir())
}
