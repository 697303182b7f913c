package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"skerry/internal/benchmark"
)

// benchCommand is `skerry bench`. Its hidden subcommands are the processes that the benchmark starts of this binary.
func benchCommand() *cobra.Command {
	var options benchmark.Options
	var asJSON, quiet bool
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure cold start, latency, throughput, memory, streams and noisy neighbours",
		Long: "Measures Skerry as a whole, as `skerry serve` runs it, against peers in the same run: Go's net/http, Node's http,\n" +
			"a Node process per tenant and, with --workerd, workerd. Peers take turns, every answer is checked, and the load\n" +
			"generator is a process of its own, whose CPU time is not counted. Exits with 1 if anything answered wrongly.\n\n" +
			"Groups for --only:\n" + benchGroups(),
		Example: "  skerry bench --quick\n" +
			"  skerry bench --only throughput --workerd ./workerd --duration 10s\n" +
			"  skerry bench --json > figures.json",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := findPrograms(&options); err != nil {
				return err
			}
			if !quiet {
				options.Progress = command.ErrOrStderr()
			}
			report, err := benchmark.Run(command.Context(), options)
			if len(report.Metrics) > 0 {
				write := report.WriteText
				if asJSON {
					write = report.WriteJSON
				}
				if writeErr := write(command.OutOrStdout()); err == nil {
					err = writeErr
				}
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&options.Only, "only", nil, "groups to measure, separated by commas (default: all)")
	flags.DurationVar(&options.Duration, "duration", 0, "length of one interval of load (default 5s, with --quick 1s)")
	flags.IntVar(&options.Rounds, "rounds", 0, "how often each peer takes its turn (default 5, with --quick 1)")
	flags.BoolVar(&options.Quick, "quick", false, "small numbers: shows that it works, not how fast")
	flags.StringVar(&options.Sandbox, "sandbox", "", "mode of the sandbox around isolate hosts, to measure what it costs (see skerry serve --help)")
	flags.StringVar(&options.Workerd, "workerd", "", "path of a workerd binary to compare with")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	flags.BoolVar(&quiet, "quiet", false, "no progress on standard error")
	command.AddCommand(
		benchChild("load", "Generate load as told on standard input", func(in io.Reader, out io.Writer) error { return benchmark.Load(in, out) }),
		benchChild("peer", "Serve the peer `go net/http`", func(_ io.Reader, out io.Writer) error { return benchmark.ServePeer(out) }),
	)
	return command
}

func benchChild(use, short string, run func(io.Reader, io.Writer) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Hidden: true, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return run(command.InOrStdin(), command.OutOrStdout()) }}
}

func benchGroups() string {
	var b strings.Builder
	for _, group := range benchmark.Groups() {
		fmt.Fprintf(&b, "  %-11s %s\n", group[0], group[1])
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// findPrograms fills in this binary and the Node.js that lies beside it, or that SKERRY_NODE names.
func findPrograms(options *benchmark.Options) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the skerry binary: %w", err)
	}
	options.Self = self
	options.Node = os.Getenv("SKERRY_NODE")
	if options.Node == "" {
		options.Node = filepath.Join(filepath.Dir(self), "node")
	}
	return nil
}
