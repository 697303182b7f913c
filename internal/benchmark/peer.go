package benchmark

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tenant is one worker that a server is given. It is called by its host name.
type tenant struct {
	name   string
	source string // An ES module.
	cpuMS  int    // Limit of CPU time for one request, where the server knows one.
}

func (t tenant) host() string { return t.name + ".localhost" }

// server is a peer that is running.
type server struct {
	name string
	addr string
	*process
}

// The names of the peers in the report.
const (
	peerSkerry  = "skerry"
	peerGo      = "go net/http"
	peerNode    = "node http"
	peerWorkerd = "workerd"
)

const (
	startTimeout = 3 * time.Minute
	pollInterval = time.Millisecond
)

// The workers below are the source for Skerry and for workerd alike.

// helloText, 13 bytes, is the answer of all peers in the benchmarks of latency and throughput.
const helloText = "Hello, World!"

const helloSource = `export default {
  fetch() {
    return new Response("` + helloText + `");
  },
};
`

const streamSource = `export default {
  fetch(request) {
    if (new URL(request.url).pathname === "/through") {
      const through = new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk); } });
      return new Response(request.body.pipeThrough(through));
    }
    return new Response(request.method === "POST" ? request.body : "` + helloText + `");
  },
};
`

const nodeSource = `import { createServer } from "node:http";
const server = createServer((request, response) => {
  if (request.method === "POST") {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    request.pipe(response);
    return;
  }
  response.writeHead(200, { "content-type": "text/plain;charset=UTF-8", "content-length": "13" });
  response.end("` + helloText + `");
});
server.listen(0, "127.0.0.1", () => console.log("127.0.0.1:" + server.address().port));
`

func helloRequest(host string) Request {
	return Request{Method: "GET", Host: host, Path: "/", Status: 200, Want: helloText}
}

// small makes n workers that each answer their own name and how often they were called since they were started.
func small(n int) []tenant {
	tenants := make([]tenant, n)
	for i := range tenants {
		name := fmt.Sprintf("w%04d", i)
		tenants[i] = tenant{name: name, source: "let calls = 0;\nexport default { fetch() { return new Response(`" + name + " ${++calls}`); } };\n"}
	}
	return tenants
}

// firstCalls asks each worker once; the answer proves that it has just been started.
func firstCalls(tenants []tenant) []Request {
	requests := make([]Request, len(tenants))
	for i, t := range tenants {
		requests[i] = Request{Method: "GET", Host: t.host(), Path: "/", Status: 200, Want: t.name + " 1"}
	}
	return requests
}

// porter is asked until a server is up, so that no other worker has been called before the measurement.
var porter = tenant{name: "porter", source: helloSource}

// startSkerry starts `skerry serve` as a user would, with a configuration file that names the tenants' directories. Further
// lines of the file may be given.
func (s *suite) startSkerry(ctx context.Context, tenants []tenant, settings ...string) (*server, error) {
	dir, err := s.newDir()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config, err := writeSkerryConfig(dir, addr, append([]tenant{porter}, tenants...), settings)
	if err != nil {
		return nil, err
	}
	serve := exec.Command(s.Self, "serve", "--config", config, "--admin", "off")
	if s.Sandbox != "" {
		serve.Args = append(serve.Args, "--sandbox="+s.Sandbox)
	}
	return s.startServer(ctx, peerSkerry, addr, serve, helloRequest(porter.host()))
}

func writeSkerryConfig(dir, addr string, tenants []tenant, settings []string) (string, error) {
	var config strings.Builder
	fmt.Fprintf(&config, "listen = %q\ndata = %q\n%s\n", addr, filepath.Join(dir, "data"), strings.Join(settings, "\n"))
	for _, t := range tenants {
		if err := os.Mkdir(filepath.Join(dir, t.name), 0o755); err != nil {
			return "", err
		}
		project := fmt.Sprintf(`{ "name": %q, "main": "worker.js", "compatibility_date": %q`, t.name, compatDate)
		if t.cpuMS != 0 {
			project += fmt.Sprintf(`, "limits": { "cpu_ms": %d }`, t.cpuMS)
		}
		if err := os.WriteFile(filepath.Join(dir, t.name, "wrangler.jsonc"), []byte(project+" }\n"), 0o644); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, t.name, "worker.js"), []byte(t.source), 0o644); err != nil {
			return "", err
		}
		fmt.Fprintf(&config, "\n[[worker]]\ndir = %q\nroutes = [%q]\n", t.name, t.host()+"/*")
	}
	path := filepath.Join(dir, "skerry.toml")
	return path, os.WriteFile(path, []byte(config.String()), 0o644)
}

const compatDate = "2026-06-01"

// startWorkerd starts workerd with the same workers: one that answers helloText directly, several behind a router that calls
// them by host name.
func (s *suite) startWorkerd(ctx context.Context, tenants []tenant) (*server, error) {
	if len(tenants) > 1 {
		tenants = append([]tenant{porter}, tenants...)
	}
	dir, err := s.newDir()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config, err := writeWorkerdConfig(dir, addr, tenants)
	if err != nil {
		return nil, err
	}
	return s.startServer(ctx, peerWorkerd, addr, exec.Command(s.Workerd, "serve", config), helloRequest(tenants[0].host()))
}

func writeWorkerdConfig(dir, addr string, tenants []tenant) (string, error) {
	var services, workers, bindings strings.Builder
	for i, t := range tenants {
		file := t.name + ".js"
		if err := os.WriteFile(filepath.Join(dir, file), []byte(t.source), 0o644); err != nil {
			return "", err
		}
		fmt.Fprintf(&services, "    (name = %q, worker = .worker%d),\n", t.name, i)
		fmt.Fprintf(&workers, "const worker%d :Workerd.Worker = (modules = [(name = \"worker\", esModule = embed %q)], compatibilityDate = %q);\n", i, file, compatDate)
		fmt.Fprintf(&bindings, "(name = %q, service = %q), ", t.host(), t.name)
	}
	entry := tenants[0].name
	if len(tenants) > 1 {
		entry = "router"
		const router = "export default { fetch(request, env) { return env[request.headers.get(\"host\")].fetch(request); } };\n"
		if err := os.WriteFile(filepath.Join(dir, "router.js"), []byte(router), 0o644); err != nil {
			return "", err
		}
		services.WriteString("    (name = \"router\", worker = .router),\n")
		fmt.Fprintf(&workers, "const router :Workerd.Worker = (modules = [(name = \"worker\", esModule = embed \"router.js\")], compatibilityDate = %q, bindings = [%s]);\n", compatDate, bindings.String())
	}
	config := fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
%s  ],
  sockets = [(name = "http", address = %q, http = (), service = %q)]
);
%s`, services.String(), addr, entry, workers.String())
	path := filepath.Join(dir, "config.capnp")
	return path, os.WriteFile(path, []byte(config), 0o644)
}

// startGo starts a bare net/http server in a child process of this binary.
func (s *suite) startGo(ctx context.Context) (*server, error) {
	return s.startPrinting(ctx, peerGo, exec.Command(s.Self, "bench", "peer"), helloRequest("localhost"))
}

// startNode starts a node:http server.
func (s *suite) startNode(ctx context.Context) (*server, error) {
	script, err := s.nodeScript()
	if err != nil {
		return nil, err
	}
	return s.startPrinting(ctx, peerNode, exec.Command(s.Node, script), helloRequest("localhost"))
}

func (s *suite) nodeScript() (string, error) {
	path := filepath.Join(s.dir, "peer.mjs")
	return path, os.WriteFile(path, []byte(nodeSource), 0o644)
}

// startPrinting starts a server that prints its address as its first line.
func (s *suite) startPrinting(ctx context.Context, name string, command *exec.Cmd, first Request) (*server, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command.Stdout = in
	p, err := startProcess(command)
	in.Close()
	if err != nil {
		return nil, err
	}
	if err := out.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		p.kill()
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.kill()
		return nil, p.failure()
	}
	running := &server{name: name, addr: strings.TrimSpace(line), process: p}
	return running, running.awaitFirst(ctx, first)
}

// startServer starts a server that listens on an address it was told.
func (s *suite) startServer(ctx context.Context, name, addr string, command *exec.Cmd, first Request) (*server, error) {
	p, err := startProcess(command)
	if err != nil {
		return nil, err
	}
	running := &server{name: name, addr: addr, process: p}
	return running, running.awaitFirst(ctx, first)
}

// awaitFirst asks until the server answers rightly. If it does not, it is stopped.
func (s *server) awaitFirst(ctx context.Context, first Request) error {
	err := s.poll(ctx, first)
	if err != nil {
		s.process.kill()
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

func (s *server) poll(ctx context.Context, first Request) error {
	deadline := time.Now().Add(startTimeout)
	serialised := first.bytes()
	for {
		c, err := dial(s.addr)
		if err == nil {
			status, body, doErr := c.do(serialised)
			if err = doErr; err == nil {
				err = first.check(status, body)
			}
			c.close()
		}
		if err == nil || (errors.Is(err, ErrWrongAnswer) && time.Now().After(deadline)) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %v: %w\n%s", startTimeout, err, s.errors.String())
		}
		select {
		case <-s.exited:
			return s.failure()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// freeAddress finds a port that nobody listens on. Another process may take it first; then the server says so.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
