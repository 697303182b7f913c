// Command skerry is the whole platform in one binary: `skerry dev` for one project, `skerry serve` for many. This package parses
// flags and joins the parts; what they do is in internal/.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"skerry/internal/succession"
)

// Exit codes. They are documented by `skerry help exit-codes`.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitConfig  = 3
	exitInstall = 4
	exitListen  = 5
	exitSandbox = 6
	exitQuit    = succession.Quit
)

// commandError is an error with an exit code and, maybe, a hint.
type commandError struct {
	code int
	hint string
	err  error
}

func (e *commandError) Error() string { return e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

// quit ends the process at once; the second signal uses it.
var quit = os.Exit

func main() {
	if code, is := succession.Caretake(); is {
		os.Exit(code)
	}
	os.Exit(run(context.Background(), os.Args[1:]))
}

// run runs a command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code, hint := exitFailed, ""
	if e, ok := errors.AsType[*commandError](err); ok {
		code, hint = e.code, e.hint
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(os.Stderr, "skerry: error: %s\n", text)
	}
	if hint != "" {
		fmt.Fprintf(os.Stderr, "skerry: hint: %s\n", hint)
	}
	return code
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "skerry",
		Short: "A self-hosted isolate cloud: Workers as software",
		Long: "Skerry runs small programs written for the Workers API, each in a V8 isolate of its own.\n" +
			"`skerry dev` runs one project and reloads it on each edit, `skerry serve` runs many.",
		Example: "  skerry dev path/to/project\n" +
			"  skerry serve --config skerry.toml\n" +
			"  skerry help exit-codes",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &commandError{exitUsage, "see " + c.CommandPath() + " --help", err}
	})
	root.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &commandError{exitUsage, "see skerry --help", fmt.Errorf("unknown command %q", args[0])}
		}
		return nil
	}
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	root.AddCommand(devCommand(), serveCommand(), upgradeCommand(), benchCommand(), doctorCommand(), versionCommand(), &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes of skerry:

  0    it did what it was told; a server was ended by SIGTERM or Ctrl-C
  1    it failed in another way than those below
  2    the command line is wrong
  3    the configuration or the project cannot be used
  4    the installation is not complete, or its parts do not fit each other
  5    an address cannot be listened on
  6    the machine lacks a part of the sandbox (see skerry doctor)
  130  a second Ctrl-C or SIGTERM ended it before requests had ended`,
	})
	return root
}

// usage makes cobra's argument checks exit with exitUsage.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return &commandError{exitUsage, "see " + c.CommandPath() + " --help", err}
		}
		return nil
	}
}
