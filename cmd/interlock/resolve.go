package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

func resolveCommand() *cobra.Command {
	var r engine.Resolution
	var as string
	var wait time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "resolve SWITCH SOURCE ID --as accepted|applied|absent --by NAME",
		Short: "Say what became of a call that is in doubt",
		Long: `Resolve takes your word for what became of a call of which Interlock could not
find out, because it failed as unresolved or is in doubt still:

  --as accepted   it created the job that --job-id names
  --as applied    the switch is in the wanted position by it
  --as absent     it had no effect; the decision is tried again, by every rule

It is recorded with your name, and the completion event is published. Where the
program that has the bus is not running, that publishes it when it starts; on
AWS, the sweep does.

A decision that is worked on, or at rest after an attempt, cannot be resolved
before that is over, which is waited for.
` + ledgerHelp + `

Exit code: 0 if it is resolved; 1 for an error, or if it cannot be.`,
		Example: `  interlock resolve proxy-ssl https://tickets.example.com/changes CHG0031337-1 \
      --as accepted --job-id d8a3f1c2-7b6e-4c5d-9a80-1f2e3d4c5b6a --by operator@example.com`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.As = engine.Fate(as)
			key := ledger.Key{Switch: args[0], Source: args[1], ID: args[2]}
			return withDesk(cmd.Context(), func(d local.Desk) error {
				out, err := resolved(cmd.Context(), d, key, r, wait)
				if err != nil {
					return fmt.Errorf("%s %s: %w", key.Switch, key.ID, err)
				}
				if asJSON {
					return sayJSON(cmd.OutOrStdout(), out)
				}
				return tellResolved(cmd, out)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&as, "as", "", "what became of it: accepted, applied or absent")
	f.StringVar(&r.JobID, "job-id", "", "the job that it created, where accepted")
	f.StringVar(&r.By, "by", "", "who says so")
	f.DurationVar(&wait, "wait", 2*time.Minute, "how long to wait for an attempt's end")
	jsonFlag(c, &asJSON, "a line of JSON: the event, and why it could not be published yet; empty where it is tried again")
	for _, name := range []string{"as", "by"} {
		_ = c.MarkFlagRequired(name) // the flag is there
	}
	return ofLedger(c)
}

func tellResolved(cmd *cobra.Command, out engine.Resolved) error {
	w := cmd.OutOrStdout()
	if out.Event == nil {
		_, err := fmt.Fprintln(w, "released: it is tried again by interlock serve, or on AWS by the sweep or the next delivery")
		return err
	}
	if err := indented(w, out.Event); err != nil {
		return err
	}
	if out.Unpublished != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "interlock: settled, and to be published by interlock serve or the sweep:", printable(out.Unpublished))
	}
	return nil
}

// resolved resolves a decision as soon as nothing is at work on it. When a rest
// is over, the sweep is after it too: so it is asked often from then on.
func resolved(ctx context.Context, d local.Desk, key ledger.Key, r engine.Resolution, wait time.Duration) (engine.Resolved, error) {
	const again = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, wait+time.Minute)
	defer cancel()
	end := time.Now().Add(wait)
	for {
		out, err := d.Resolve(ctx, key, r)
		var held *engine.HeldError
		if !errors.As(err, &held) || !held.Until.Before(end) || !time.Now().Before(end) {
			return out, err
		}
		select {
		case <-time.After(max(time.Until(held.Until), again)):
		case <-ctx.Done():
			return out, err
		}
	}
}
