// Command wpt runs Web Platform Tests on Skerry and, from the same sources in the same run, on workerd.
//
// Each test file becomes one worker: the tests' own harness, the scripts that the file names and the file itself, wrapped by
// harness.js, which answers a request with the results as JSON. The workers run in one `skerry serve`; the tests' own
// server (`wpt serve` on loopback) answers their requests. Results are held to the ledger, which lists what may fail and why.
//
// It is a program for developers, started by `make wpt`; nothing imports it. The checkout of the tests is only read and never
// part of the repository. It knows Skerry as a user does: the binary, its configuration, HTTP. Goroutines: a fixed number of
// runners per platform while its tests run, and one per child process that reaps it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type options struct {
	checkout, skerry, workerd string
	ledger                    string
	json, failures            string
	only                      []string
	tentative, update, list   bool
	keep                      bool
	jobs                      int
	patience                  float64
}

// Exit codes.
const (
	exitUnexpected = 1 // The results differ from the ledger.
	exitBroken     = 2 // The tests could not be run.
)

func main() {
	o := parseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	agrees, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wpt:", err)
		os.Exit(exitBroken)
	}
	if !agrees {
		os.Exit(exitUnexpected)
	}
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.checkout, "checkout", "", "checkout of the Web Platform Tests")
	flag.StringVar(&o.skerry, "skerry", "bin/skerry", "binary under test, \"\" for none")
	flag.StringVar(&o.workerd, "workerd", "", "binary of workerd, to run the same tests on it")
	flag.StringVar(&o.ledger, "ledger", "test/wpt/ledger", "directory of the ledger, \"\" for none")
	flag.StringVar(&o.json, "json", "", "file for all results, \"-\" for standard output")
	flag.StringVar(&o.failures, "failures", "", "\"skerry\" or \"workerd\": print the subtests that it fails, with their messages")
	only := flag.String("only", "", "paths of tests or directories, separated by blanks: run these alone")
	flag.BoolVar(&o.tentative, "tentative", false, "run tests of what is not standard yet, too")
	flag.BoolVar(&o.update, "update", false, "write the ledger anew from the results; reasons are kept")
	flag.BoolVar(&o.list, "list", false, "print the tests instead of running them")
	flag.BoolVar(&o.keep, "keep", false, "keep the generated workers and configurations")
	flag.IntVar(&o.jobs, "jobs", 2, "tests that run at the same time")
	flag.Float64Var(&o.patience, "patience", 1, "factor for the time limits of tests")
	flag.Parse()
	o.only = append(strings.Fields(*only), flag.Args()...)
	return o
}

// run returns whether the results agree with the ledger.
func run(ctx context.Context, o options) (bool, error) {
	if _, err := os.Stat(filepath.Join(o.checkout, "resources", "testharness.js")); o.checkout == "" || err != nil {
		return false, errors.New("-checkout must name a checkout of the Web Platform Tests (make wpt WPT=<checkout>)")
	}
	tests, err := find(o.checkout, o.only, o.tentative)
	if err != nil {
		return false, err
	}
	if len(tests) == 0 {
		return false, fmt.Errorf("no test matches %q", o.only)
	}
	if o.list {
		for _, t := range tests {
			fmt.Println(t.name())
		}
		return true, nil
	}
	scratch, err := os.MkdirTemp("", "skerry-wpt-")
	if err != nil {
		return false, err
	}
	if o.keep {
		fmt.Fprintln(os.Stderr, "generated workers are kept in", scratch)
	} else {
		defer os.RemoveAll(scratch)
	}
	server, err := startTestServer(ctx, o.checkout, scratch)
	if err != nil {
		return false, err
	}
	defer server.kill() // It keeps nothing, and takes its time to end by itself.
	if err := generate(ctx, tests, server, o.patience); err != nil {
		return false, err
	}

	all := results{Tests: tests}
	begun := time.Now()
	if o.skerry != "" {
		if all.Skerry, err = runAll(ctx, newSkerry(o.skerry, filepath.Join(scratch, "skerry")), tests, o); err != nil {
			return false, err
		}
	}
	if o.workerd != "" {
		if all.Workerd, err = runAll(ctx, newWorkerd(o.workerd, filepath.Join(scratch, "workerd")), tests, o); err != nil {
			return false, err
		}
	}
	for _, outcomes := range [][]outcome{all.Skerry, all.Workerd} {
		for i := range outcomes {
			for j := range outcomes[i].Tests {
				t := &outcomes[i].Tests[j]
				t.Name, t.Message = server.anonymous.Replace(t.Name), server.anonymous.Replace(t.Message)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%d files in %v\n", len(tests), time.Since(begun).Round(time.Second))
	return report(&all, o)
}

// results are what one run found. The outcomes of a platform that was not run are nil, else one for each test.
type results struct {
	Tests           []*test
	Skerry, Workerd []outcome
}

func report(all *results, o options) (bool, error) {
	if o.json != "" {
		if err := writeJSON(o.json, all); err != nil {
			return false, err
		}
	}
	if o.json != "-" {
		printTable(os.Stdout, all)
	}
	switch o.failures {
	case "":
	case "skerry":
		printFailures(os.Stdout, all.Tests, all.Skerry)
	case "workerd":
		printFailures(os.Stdout, all.Tests, all.Workerd)
	default:
		return false, fmt.Errorf("-failures %s: skerry or workerd", o.failures)
	}
	if o.ledger == "" || all.Skerry == nil {
		return true, nil
	}
	book, err := readLedger(o.ledger)
	if err != nil {
		return false, err
	}
	if o.update {
		book.update(all.Tests, all.Skerry)
		return true, book.write(o.ledger)
	}
	return book.check(os.Stderr, all.Tests, all.Skerry), nil
}

func writeJSON(path string, all *results) error {
	type file struct {
		Test    string   `json:"test"`
		Skerry  *outcome `json:"skerry,omitempty"`
		Workerd *outcome `json:"workerd,omitempty"`
	}
	files := make([]file, len(all.Tests))
	for i, t := range all.Tests {
		files[i].Test = t.name()
		if all.Skerry != nil {
			files[i].Skerry = &all.Skerry[i]
		}
		if all.Workerd != nil {
			files[i].Workerd = &all.Workerd[i]
		}
	}
	text, err := json.MarshalIndent(files, "", " ")
	if err != nil {
		return err
	}
	if path == "-" {
		_, err = os.Stdout.Write(append(text, '\n'))
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
