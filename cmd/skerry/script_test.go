package main

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"skerry": func() { os.Exit(run(context.Background(), os.Args[1:])) },
	})
}

// TestScripts tells the stories of the command line that need no isolate host. Those that do are in test/e2e.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
		},
	})
}

// exits runs skerry and checks its exit code: exits CODE ARGS….
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: exits CODE [ARGS…]")
	}
	err := ts.Exec("skerry", args[1:]...)
	code := "0"
	if err != nil {
		code = "?"
		if failed, ok := err.(interface{ ExitCode() int }); ok {
			code = strconv.Itoa(failed.ExitCode())
		}
	}
	if code != args[0] {
		ts.Fatalf("skerry exits with %s (%v), expected %s", code, err, args[0])
	}
}
