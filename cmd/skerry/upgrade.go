package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skerry/internal/succession"
)

func upgradeCommand() *cobra.Command {
	var pid int
	var hostsOnly bool
	c := &cobra.Command{
		Use:   "upgrade",
		Short: "Hand a running server over to the release that is installed now",
		Long: "Asks a running `skerry serve` to start the binary that lies where it was started from, and to hand its sockets over once that is ready.\n" +
			"No request fails; those under way have --drain to end. If the new release does not start, the old one goes on, and this says why.\n\n" +
			"The process id by which the server was started stays; the server is found by it. It must be of this user, unless this is root.\n" +
			"kill -USR2 does the same, and says what becomes of it in the log.",
		Example: "  ln -sfn releases/2 /opt/skerry/new && mv -T /opt/skerry/new /opt/skerry/current && skerry upgrade\n" +
			"  skerry upgrade --hosts-only          # only the isolate hosts: another V8 for the same release\n" +
			"  skerry upgrade --pid $MAINPID        # ExecReload of a systemd unit",
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return askUpgrade(c.OutOrStdout(), pid, hostsOnly) },
	}
	c.Flags().IntVar(&pid, "pid", 0, "process id of the server (default: the only one that runs)")
	c.Flags().BoolVar(&hostsOnly, "hosts-only", false, "replace the isolate hosts and keep the process")
	return c
}

// askPatience is how long an answer may take: the upgrade before this one may have to end first.
const askPatience = UpgradePatience + 10*time.Minute

func askUpgrade(out io.Writer, pid int, hostsOnly bool) error {
	if pid == 0 {
		running, err := succession.Running()
		if err != nil {
			return err
		}
		switch len(running) {
		case 0:
			return &commandError{exitFailed, "a server in another container or of an older release must be sent SIGUSR2, or restarted", errors.New("no server runs here")}
		case 1:
			pid = running[0]
		default:
			return &commandError{exitUsage, "choose one with --pid", fmt.Errorf("several servers run here: %s", strings.Trim(fmt.Sprint(running), "[]"))}
		}
	}
	answer, err := succession.Ask(pid, succession.Question{HostsOnly: hostsOnly}, askPatience)
	if err != nil {
		return &commandError{exitFailed, "skerry upgrade without --pid says which servers run", err}
	}
	if answer.Error != "" {
		return &commandError{exitFailed, "nothing has changed: the server goes on as before", errors.New(answer.Error)}
	}
	took := time.Duration(answer.Millis) * time.Millisecond
	if hostsOnly {
		fmt.Fprintf(out, "new isolate hosts serve after %v: V8 %s, before %s\n", took, answer.New.Engine, answer.Old.Engine)
		return nil
	}
	fmt.Fprintf(out, "skerry %s with V8 %s serves after %v (process %d); before: skerry %s with V8 %s (process %d), whose last requests have %v\n",
		answer.New.Version, answer.New.Engine, took, answer.New.Pid, answer.Old.Version, answer.Old.Engine, answer.Old.Pid, time.Duration(answer.Drain)*time.Millisecond)
	return nil
}
