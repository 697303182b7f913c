package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// installation is where the parts of the platform lie: beside the binary.
type installation struct {
	Node, Snapshot, Addon string
	// Build identifies the parts that must fit each other.
	Build string
}

// hostFlags are V8's flags for a host process. The snapshot's checksum is part of the build identity, which the host must
// repeat: V8 need not compute it again for each isolate (0.8 ms for 1.5 MB). 2048 pages are the 128 MiB that a worker may have.
//
// A WebAssembly module is at most wasmModuleMax bytes long and has at most 100 000 functions, whether it comes with the
// bundle or is compiled from bytes: what V8 allocates while it compiles is outside every limit of the isolate.
var hostFlags = []string{"--no-verify-snapshot-checksum", "--wasm-max-mem-pages=2048", "--wasm-max-module-size=" + wasmModuleMax, "--max-wasm-functions=100000"}

// wasmModuleMax is in bytes: 64 MiB, what a whole worker may have.
const wasmModuleMax = "67108864"

// nodePatience is how long a Node.js binary may take to say its version.
const nodePatience = 20 * time.Second

// findInstallation finds the parts of the binary that runs, and checks a Node.js that SKERRY_NODE names.
func findInstallation(ctx context.Context) (*installation, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the skerry binary: %w", err)
	}
	return installationOf(ctx, self)
}

// startedAs is the path by which this process was started, as it was said: where it leads may change, to a newer release for one.
func startedAs() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the skerry binary: %w", err)
	}
	said, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self, nil
	}
	// Of the directory of the shell, if it says one: that, too, may be a link to a release.
	if said, err = filepath.Abs(said); err != nil {
		return self, nil
	}
	running, err := os.Stat("/proc/self/exe")
	if err != nil {
		return self, nil
	}
	if found, err := os.Stat(said); err != nil || !os.SameFile(found, running) {
		return self, nil // it was called by a name of the caller's choice
	}
	return said, nil
}

// installationOf finds the parts beside a binary.
func installationOf(ctx context.Context, self string) (*installation, error) {
	if resolved, err := filepath.EvalSymlinks(self); err == nil {
		self = resolved
	}
	dir := filepath.Dir(self)
	part := func(name string) string { return filepath.Join(dir, name) }
	var err error
	i := &installation{Node: part("node"), Snapshot: part("runtime.snapshot"), Addon: part("skerry-host.node")}
	own := i.Node
	if other := os.Getenv("SKERRY_NODE"); other != "" {
		i.Node = other
	}
	for _, path := range []string{i.Node, i.Snapshot, i.Addon} {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return nil, &commandError{exitInstall, "the directory of the binary must hold node, skerry-host.node and runtime.snapshot: `make build` makes them all",
				fmt.Errorf("%s is missing", path)}
		}
	}
	if i.Node != own {
		if err := sameEngine(ctx, own, i.Node); err != nil {
			return nil, err
		}
	}
	if i.Build, err = identify(i.Addon, i.Snapshot); err != nil {
		return nil, &commandError{exitInstall, "", err}
	}
	return i, nil
}

// identify hashes files.
func identify(paths ...string) (string, error) {
	hash := sha256.New()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("identify the build: %w", err)
		}
		_, err = io.Copy(hash, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("identify the build: %w", err)
		}
	}
	return version + "-" + hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

// sameEngine refuses a Node.js whose V8 is not the one that the snapshot and the addon were made for.
func sameEngine(ctx context.Context, own, other string) error {
	theirs, err := engineOf(ctx, other)
	if err != nil {
		return &commandError{exitInstall, "SKERRY_NODE must name a Node.js binary", err}
	}
	ours, err := engineOf(ctx, own)
	if errors.Is(err, os.ErrNotExist) {
		return nil // only the other one is installed: the host itself finds out
	}
	if err != nil {
		return &commandError{exitInstall, "", err}
	}
	if ours != theirs {
		return &commandError{exitInstall, "unset SKERRY_NODE, or let it name that version",
			fmt.Errorf("SKERRY_NODE names Node.js %s with V8 %s, but this build needs Node.js %s with V8 %s", theirs.node, theirs.v8, ours.node, ours.v8)}
	}
	return nil
}

type engine struct{ node, v8 string }

func engineOf(ctx context.Context, node string) (engine, error) {
	if _, err := os.Stat(node); err != nil {
		return engine{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, nodePatience)
	defer cancel()
	command := exec.CommandContext(ctx, node, "-p", "process.versions.node + ' ' + process.versions.v8")
	command.Env = []string{}
	out, err := command.Output()
	if err != nil {
		return engine{}, fmt.Errorf("ask %s for its version: %w", node, err)
	}
	words := strings.Fields(string(out))
	if len(words) != 2 {
		return engine{}, fmt.Errorf("ask %s for its version: it said %.100q", node, out)
	}
	return engine{words[0], words[1]}, nil
}
