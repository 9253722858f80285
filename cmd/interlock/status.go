package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/position"
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// differs is the exit code of status where something is not as decided.
const differs = 2

func statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status TARGET…",
		Short: "Compare what was decided with what the cloud says",
		Long: `Status reads, switch by switch, the position of each target from the cloud, and
compares it with the last decision that took effect. Where they differ, and the
decision's job has not failed and is not at work, somebody else changed it: by
hand, or by a program.

TARGET is projects/P/instances/I[/proxies/X|/databases/D], as in the subject of
events, or one of its ids if the ledger knows it. The API of proxy-alt has no
read, and no API tells the options.
` + ledgerHelp + `
The cloud is configured as for serve.

Exit code: 0 if all that can be read is as decided; 1 for an error, also if a
position could not be read; 2 if something is not as decided.`,
		Example: `  interlock status 096c0fc43e804757b59946b80dc27f8bin07
  interlock status projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07 --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return status(cmd, args, asJSON) },
	}
	jsonFlag(c, &asJSON, "a line of JSON for each switch")
	return ofLedger(c)
}

func status(cmd *cobra.Command, targets []string, asJSON bool) error {
	ctx := cmd.Context()
	cloud, err := openCloud(nil)
	if err != nil {
		return err
	}
	var positions []*position.Position
	err = withDesk(ctx, func(d local.Desk) error {
		var found []account.Entry
		for _, target := range targets {
			of, err := (&account.Filter{Target: target}).In(ctx, d)
			if err != nil {
				return err
			}
			found = append(found, of...)
		}
		positions, err = position.Of(targets, found)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range positions {
		p.Read(ctx, cloud)
	}
	if err := showPositions(cmd.OutOrStdout(), positions, asJSON); err != nil {
		return err
	}
	return judged(positions)
}

// openCloud has calls sent by transport, or as usual where that is nil.
func openCloud(transport *http.Client) (*position.Cloud, error) {
	c, err := config.Read(os.Environ(), defaultLedger, "memory:")
	if err != nil {
		return nil, err
	}
	auth, err := (&host.AWS{Getenv: os.Getenv}).Auth(c)
	if err != nil {
		return nil, err
	}
	return position.At(host.Client(c, auth, transport)), nil
}

func showPositions(w io.Writer, all []*position.Position, asJSON bool) error {
	if asJSON {
		return sayAllJSON(w, all)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	target := ""
	for _, p := range all {
		if p.Target != target {
			target = p.Target
			say(t, "%s", target)
			row(t, "  SWITCH", "DECIDED", "NOW", "VERDICT", "NOTE")
		}
		decided := "-"
		if p.Decided != nil {
			decided = account.OnOff(*p.Decided) + " " + account.Stamp(p.At) + " " + p.Cause.ID
		}
		now := "?"
		if p.Now != nil {
			now = account.OnOff(*p.Now)
		}
		row(t, "  "+p.Switch, decided, now, string(p.Verdict), p.Note)
	}
	return t.Flush()
}

// judged is the error by which the exit code tells what was found.
func judged(all []*position.Position) error {
	var unread, other []string
	for _, p := range all {
		switch {
		case p.Verdict == position.NotRead:
			unread = append(unread, p.Switch)
		case p.Verdict.Differs():
			other = append(other, p.Switch)
		}
	}
	switch {
	case len(other) > 0:
		return &exitError{differs, errors.New("not as decided: " + strings.Join(other, ", "))}
	case len(unread) > 0:
		return errors.New("could not be read: " + strings.Join(unread, ", "))
	}
	return nil
}
