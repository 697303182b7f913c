package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"skerry/internal/sandbox"
)

// doctorCommand is `skerry doctor`.
func doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say which parts of the sandbox this machine has, and how to get the others",
		Long: "Puts up every wall of the sandbox around isolate hosts in a process that then ends, as the user who asks, and says which ones stand.\n" +
			"Exits with 6 if `skerry serve` would refuse to start for want of one.",
		Example: "  skerry doctor\n  skerry doctor --json",
		Args:    usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			parts, err := findInstallation(c.Context())
			if err != nil {
				return err
			}
			findings, err := sandbox.Survey(sandbox.Config{Node: parts.Node, Addon: parts.Addon, Snapshot: parts.Snapshot, Flags: hostFlags, Build: parts.Build, MemoryMax: memoryMax(0, 1)})
			if err != nil {
				return &commandError{exitInstall, "", err}
			}
			table, complete := sandboxTable(findings)
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(struct {
					Complete bool              `json:"complete"`
					Walls    []sandbox.Finding `json:"walls"`
				}{complete, findings}); err != nil {
					return err
				}
			} else {
				fmt.Fprint(c.OutOrStdout(), "The sandbox around isolate hosts:\n"+table)
			}
			if !complete {
				return &commandError{exitSandbox, "--sandbox=degraded goes on without the missing walls, for code that you trust", errors.New("skerry serve would refuse to start")}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}
