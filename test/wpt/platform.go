package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A platform runs workers. Its server is started for a batch of tests and again if it ends.
type platform struct {
	name string
	// batch is the number of workers in one server, 0 for all.
	batch int
	// configure writes what the server is started with: workers are called t0, t1, … and reached under that host name.
	configure func(dir, addr string, tests []*test) (*exec.Cmd, error)
	dir       string
}

// compatDate is the compatibility date of all workers.
const compatDate = "2026-11-17"

// porter answers before any test is run, to say that the server is up.
const porter = `addEventListener("fetch", (event) => event.respondWith(new Response("up")));` + "\n"

// skerryFlags are the compatibility flags of the workers on Skerry. The tests of wasm/ make their modules themselves.
var skerryFlags = []string{"allow_wasm_from_bytes"}

// skerrySettings: the limits are wide: the tests' own time limits are what ends them.
const skerrySettings = `[limits]
cpu_ms = 300000
startup_ms = 60000
[egress]
allow = ["loopback"]
`

func newSkerry(binary, dir string) *platform {
	return &platform{name: "skerry", dir: dir, configure: func(dir, addr string, tests []*test) (*exec.Cmd, error) {
		binary, err := filepath.Abs(binary)
		if err != nil {
			return nil, err
		}
		var config strings.Builder
		fmt.Fprintf(&config, "listen = %q\ndata = %q\n%s", addr, filepath.Join(dir, "data"), skerrySettings)
		flags := ""
		if len(skerryFlags) > 0 {
			flags = `"` + strings.Join(skerryFlags, `", "`) + `"`
		}
		add := func(name string, source []byte) error {
			project := fmt.Sprintf(`{ "name": %q, "main": "worker.js", "no_bundle": true, "compatibility_date": %q, "compatibility_flags": [%s], "limits": { "cpu_ms": 300000 } }`+"\n", name, compatDate, flags)
			fmt.Fprintf(&config, "\n[[worker]]\ndir = %q\nroutes = [%q]\n", name, name+".localhost/*")
			return writeFiles(filepath.Join(dir, name), map[string][]byte{"wrangler.jsonc": []byte(project), "worker.js": source})
		}
		if err := add("porter", []byte(porter)); err != nil {
			return nil, err
		}
		for i, t := range tests {
			if err := add(fmt.Sprintf("t%d", i), t.source); err != nil {
				return nil, err
			}
		}
		if err := writeFiles(dir, map[string][]byte{"skerry.toml": []byte(config.String())}); err != nil {
			return nil, err
		}
		command := exec.Command(binary, "serve", "--config", filepath.Join(dir, "skerry.toml"), "--admin", "off")
		command.Dir = dir
		return command, nil
	}}
}

// workerdBatch: workerd starts all workers at once, so there must not be too many.
const workerdBatch = 40

func newWorkerd(binary, dir string) *platform {
	return &platform{name: "workerd", dir: dir, batch: workerdBatch, configure: func(dir, addr string, tests []*test) (*exec.Cmd, error) {
		binary, err := filepath.Abs(binary)
		if err != nil {
			return nil, err
		}
		const router = `export default { fetch(request, env) { return env[new URL(request.url).hostname.split(".")[0]].fetch(request); } };` + "\n"
		files := map[string][]byte{"porter.js": []byte(porter), "router.js": []byte(router)}
		var services, workers, bindings strings.Builder
		add := func(name string, source []byte) {
			files[name+".js"] = source
			fmt.Fprintf(&services, "    (name = %q, worker = .%s),\n", name, name)
			fmt.Fprintf(&workers, "const %s :Workerd.Worker = (serviceWorkerScript = embed %q, compatibilityDate = %q);\n", name, name+".js", compatDate)
			fmt.Fprintf(&bindings, "(name = %q, service = %q), ", name, name)
		}
		add("porter", []byte(porter))
		for i, t := range tests {
			add(fmt.Sprintf("t%d", i), t.source)
		}
		files["config.capnp"] = fmt.Appendf(nil, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
%s    (name = "router", worker = .router),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = %q, http = (), service = "router")]
);
%sconst router :Workerd.Worker = (modules = [(name = "worker", esModule = embed "router.js")], compatibilityDate = %q, bindings = [%s]);
`, services.String(), addr, workers.String(), compatDate, bindings.String())
		if err := writeFiles(dir, files); err != nil {
			return nil, err
		}
		command := exec.Command(binary, "serve", filepath.Join(dir, "config.capnp"))
		command.Dir = dir
		return command, nil
	}}
}

// start starts the server for a batch and waits until it answers.
func (p *platform) start(ctx context.Context, tests []*test) (*process, string, error) {
	if err := os.RemoveAll(p.dir); err != nil {
		return nil, "", err
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	command, err := p.configure(p.dir, addr, tests)
	if err != nil {
		return nil, "", err
	}
	running, err := start(command)
	if err != nil {
		return nil, "", err
	}
	if err := running.awaitAnswer(ctx, clientTo(addr), "http://porter.localhost/"); err != nil {
		running.stop()
		return nil, "", fmt.Errorf("start %s: %w", p.name, err)
	}
	return running, addr, nil
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
