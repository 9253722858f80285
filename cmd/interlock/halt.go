package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
)

func haltCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "halt",
		Short: "Stop all calls to the cloud until resume",
		Long: `Halt stops all calls to the cloud: what comes is put off, nothing is lost and
nothing rejected for it. It is kept in the ledger, over restarts, and counts for
a running interlock serve from the next call on. A call that was sent is not
called back.

Functions on AWS are halted by the stack's parameter Halt.
` + ledgerHelp + `

Exit code: 0; 1 for an error, also if INTERLOCK_HALT=true halts in any case.`,
		Example: "  interlock halt\n  interlock resume",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return setHalt(cmd, true, asJSON) },
	}
	jsonFlag(c, &asJSON, "a line of JSON")
	return ofLedger(c)
}

func resumeCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "resume",
		Short: "Let calls go on after halt",
		Long: `Resume lifts a halt. What waits is taken up within a minute.
` + ledgerHelp + `

Exit code: 0; 1 for an error, also if INTERLOCK_HALT=true halts in any case.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return setHalt(cmd, false, asJSON) },
	}
	jsonFlag(c, &asJSON, "a line of JSON")
	return ofLedger(c)
}

// haltSet is what a halt, or its end, has come to.
type haltSet struct {
	Halted bool `json:"halted"`
	// Before is how the ledger had it before.
	Before bool `json:"before"`
}

func (h haltSet) String() string {
	word := map[bool]string{true: "halted", false: "not halted"}[h.Halted]
	if h.Before == h.Halted {
		word += ", as before"
	}
	return word
}

func setHalt(cmd *cobra.Command, halt, asJSON bool) error {
	// It is so wherever the table is, and whether it can be reached or not.
	if c, err := config.ReadLedger(os.Environ(), defaultLedger, "memory:"); err == nil && c.Ledger.Kind == "dynamodb" {
		return local.ErrNoHalt
	}
	return withDesk(cmd.Context(), func(d local.Desk) error {
		was, err := d.Halted(cmd.Context())
		if err != nil {
			return err
		}
		if err := d.SetHalt(cmd.Context(), halt); err != nil {
			return err
		}
		set := haltSet{halt, was.Ledger}
		if was.Variable {
			// It does not depend on what has been said here.
			return fmt.Errorf("ledger: %s; INTERLOCK_HALT is true, and halts until interlock serve is started without it", set)
		}
		if asJSON {
			return sayJSON(cmd.OutOrStdout(), set)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), set)
		return err
	})
}
