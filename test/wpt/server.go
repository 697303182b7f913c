package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// testServer is the tests' own server. It and the workers know this machine as "localhost" and, for what must be another
// origin, as 127.0.0.1.
type testServer struct {
	*process
	base   string // "http://localhost:port"
	client *http.Client
	// anonymous replaces the ports, which differ from run to run, in names and messages of subtests.
	anonymous *strings.Replacer
}

// startTestServer starts `wpt serve` with ports that are free. Nothing is written into the checkout.
func startTestServer(ctx context.Context, checkout, scratch string) (*testServer, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, fmt.Errorf("the tests' server is a Python program: %w; install it with: apt-get install python3", err)
	}
	ports := make(map[string][]int)
	var anonymous []string
	for _, scheme := range []string{"http", "http", "http-local", "http-public", "https", "https", "https-local", "https-public", "ws", "wss", "h2", "webtransport-h3"} {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		ports[scheme] = append(ports[scheme], port)
		anonymous = append(anonymous, fmt.Sprintf(":%d", port), fmt.Sprintf(":{%s %d}", scheme, len(ports[scheme])))
	}
	text, err := json.Marshal(map[string]any{
		"browser_host": "localhost", "alternate_hosts": map[string]string{"alt": "127.0.0.1"},
		"check_subdomains": false, "ports": ports, "logging": map[string]any{"level": "warning", "suppress_handler_traceback": true},
	})
	if err != nil {
		return nil, err
	}
	config := filepath.Join(scratch, "wptserve.json")
	if err := os.WriteFile(config, text, 0o644); err != nil {
		return nil, err
	}
	checkout, err = filepath.Abs(checkout)
	if err != nil {
		return nil, err
	}
	command := exec.Command(python, filepath.Join(checkout, "wpt"), "serve", "--config", config)
	command.Dir = scratch
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	p, err := start(command)
	if err != nil {
		return nil, err
	}
	s := &testServer{process: p, base: fmt.Sprintf("http://localhost:%d", ports["http"][0]), client: clientTo(fmt.Sprintf("127.0.0.1:%d", ports["http"][0])), anonymous: strings.NewReplacer(anonymous...)}
	if err := p.awaitAnswer(ctx, s.client, s.base+harnessScript); err != nil {
		p.kill()
		return nil, fmt.Errorf("start the tests' server: %w", err)
	}
	return s, nil
}

func (s *testServer) get(ctx context.Context, path string) (string, error) {
	body, err := get(ctx, s.client, s.base+path)
	if err != nil {
		return "", fmt.Errorf("fetch %s from the tests' server: %w", path, err)
	}
	return string(body), nil
}
