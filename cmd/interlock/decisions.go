package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// ledgerHelp tells where the commands that need the ledger find it.
const ledgerHelp = `
The ledger is the one that INTERLOCK_LEDGER names, bolt:interlock.db by default.
While interlock serve has its file, serve is asked. Where no variable is set and
that file is not there, it is the ledger of a running interlock run.`

const defaultLedger = "bolt:interlock.db"

// openDesk opens the configured ledger. Where no bus is configured, what is to be
// published is left to the program or the sweep that has one.
func openDesk(ctx context.Context) (local.Desk, error) {
	c, err := config.ReadLedger(os.Environ(), defaultLedger, "memory:")
	if err != nil {
		return nil, err
	}
	var o local.Options
	if os.Getenv("INTERLOCK_BUS") == "" {
		o.Bus = noBus{}
	}
	return local.OpenDesk(ctx, c, functions.All(), o)
}

type noBus struct{}

func (noBus) Publish(context.Context, ...bus.Event) error {
	return errors.New("INTERLOCK_BUS is not set here")
}

func decisionsCommand() *cobra.Command {
	var f account.Filter
	var since, until string
	var asJSON, unapplied bool
	c := &cobra.Command{
		Use:   "decisions",
		Short: "List the ledger's decisions, or show one with its history",
		Long: `Decisions lists what was asked for and what became of it, the oldest first. With
--arrivals it lists what came within a week and became no decision, and why:
wrong data, another type, meant for another function.
` + ledgerHelp + `

Exit code: 0, also if nothing is found; 1 for an error, or if a record cannot be
read.`,
		Example: `  interlock decisions --target 096c0fc43e804757b59946b80dc27f8bin07 --since 24h
  interlock decisions --state failed --json
  interlock decisions show CHG0031337-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			now := time.Now()
			if f.Since, err = moment("--since", since, now); err != nil {
				return err
			}
			if f.Until, err = moment("--until", until, now); err != nil {
				return err
			}
			if f.Switch != "" && f.Switch != engine.JobFollow {
				sw, err := switchNamed(f.Switch)
				if err != nil {
					return fmt.Errorf("--switch: %w, or %s", err, engine.JobFollow)
				}
				f.Switch = sw.Name
			}
			switch {
			case f.Limit < 0:
				return fmt.Errorf("--limit: found %d, expected how many to list", f.Limit)
			case slices.Contains(account.JobStates, f.State):
				f.Switch = cmp.Or(f.Switch, engine.JobFollow)
			case f.State != "" && !slices.Contains(account.States, f.State):
				return fmt.Errorf("--state: found %q, expected %s", f.State, states())
			}
			return withDesk(cmd.Context(), func(d local.Desk) error {
				if unapplied {
					found, err := arrivals(cmd.Context(), d, func(a *ledger.Arrival) bool { return arrivedIn(&f, a) })
					return errors.Join(listArrivals(cmd.OutOrStdout(), found, asJSON), err)
				}
				found, err := f.In(cmd.Context(), d)
				return errors.Join(list(cmd.OutOrStdout(), found, asJSON), err)
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.Switch, "switch", "", "of this switch; jobfollow lists the jobs that are followed")
	flags.StringVar(&f.Target, "target", "", "on this target: projects/P/instances/I[/proxies/X|/databases/D], or one of its ids")
	flags.StringVar(&f.Ticket, "ticket", "", "of the ticket with this id")
	flags.StringVar(&f.Chain, "chain", "", "of the chain with this id, or that the event with this id asked for")
	flags.StringVar(&f.State, "state", "", "in this state: "+states())
	flags.StringVar(&since, "since", "", "first received since: RFC 3339, or a duration back from now, as 24h")
	flags.StringVar(&until, "until", "", "first received before, likewise")
	flags.IntVar(&f.Limit, "limit", 0, "at most so many, the newest; 0: all")
	flags.BoolVar(&unapplied, "arrivals", false, "what came and became no decision, by --switch, --since and --until")
	for _, of := range []string{"target", "ticket", "chain", "state", "limit"} {
		c.MarkFlagsMutuallyExclusive("arrivals", of)
	}
	jsonFlag(c, &asJSON, "the records as lines of JSON")
	c.AddCommand(showCommand())
	return ofLedger(c)
}

// states are those of decisions, and of jobs.
func states() string {
	return strings.Join(account.States, ", ") + "; of jobs " + strings.Join(account.JobStates, ", ")
}

// withDesk runs f at the desk.
func withDesk(ctx context.Context, f func(local.Desk) error) error {
	d, err := openDesk(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.Close())
}

// moment reads a time, or how long ago it is.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if back, err := time.ParseDuration(text); err == nil {
		return now.Add(-back), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%s: found %q, expected a time as 2026-11-22T09:00:00Z, or a duration as 24h", flag, text)
	}
	return at, nil
}

func list(w io.Writer, found []account.Entry, asJSON bool) error {
	if asJSON {
		for _, e := range found {
			if err := sayJSON(w, e.Record); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RECEIVED\tSWITCH\t\tSTATE\tTARGET\tTICKET\tEVENT")
	for _, e := range found {
		cells := []string{account.Stamp(e.First), e.Key.Switch, e.Position(), e.Words(), account.Narrowest(e.Target), dash(e.TicketID()), e.Key.ID}
		if at := e.Place(); at != "" {
			cells = append(cells, at)
		}
		row(t, cells...)
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func showCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show {EVENT | CHAIN | SWITCH SOURCE ID}",
		Short: "Show a decision with its history, or a chain",
		Long: `Show tells of one decision, or of all that an event has caused, what is known:
what it asks for, who approved it, and what happened when. Of a chain, which the
event that asked for it names, or a step of it, or its own id, it tells where it
is: each step, what waits and why, what will not be done. Of an event that became
no decision it tells why, for a week.
` + ledgerHelp + `

Exit code: 0; 1 for an error, or if there is no such decision.`,
		Example: `  interlock decisions show CHG0031337-1
  interlock decisions show proxy-ssl https://tickets.example.com/changes CHG0031337-1 --json`,
		Args: cobra.MatchAll(cobra.RangeArgs(1, 3), func(_ *cobra.Command, args []string) error {
			if len(args) == 2 {
				return errors.New("found 2 arguments, expected EVENT, CHAIN or SWITCH SOURCE ID")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDesk(cmd.Context(), func(d local.Desk) error { return showDecisions(cmd, d, args, asJSON) })
		},
	}
	jsonFlag(c, &asJSON, "the records as lines of JSON")
	return ofLedger(c)
}

func showDecisions(cmd *cobra.Command, d local.Desk, args []string, asJSON bool) error {
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	found, chains, err := named(ctx, d, args)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	came, unread := arrivals(ctx, d, func(a *ledger.Arrival) bool {
		if len(args) == 1 {
			return a.ID == args[0]
		}
		return a.Switch == args[0] && a.Source == args[1] && a.ID == args[2]
	})
	if err != nil && len(came) == 0 {
		return errors.Join(err, unread)
	}
	if asJSON {
		for _, c := range chains {
			found = slices.DeleteFunc(found, func(e account.Entry) bool { return e.InChain(c.ID) })
			found = append(found, c.Members...)
		}
		return errors.Join(list(w, found, true), listArrivals(w, came, true), unread)
	}
	for i, c := range chains {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := tellChain(w, c); err != nil {
			return err
		}
	}
	for i, e := range found {
		if i > 0 || len(chains) > 0 {
			fmt.Fprintln(w)
		}
		if err := tell(ctx, w, &e, d); err != nil {
			return err
		}
	}
	for i := range came {
		if i > 0 || len(chains)+len(found) > 0 {
			fmt.Fprintln(w)
		}
		tellArrival(w, &came[i])
	}
	return unread
}

// named returns the decisions that the arguments name, and the chains that these
// are of, or that are named themselves: at least one of either.
func named(ctx context.Context, d local.Desk, args []string) (found []account.Entry, chains []*account.Chain, err error) {
	if len(args) == 3 {
		rec, err := d.Decision(ctx, ledger.Key{Switch: args[0], Source: args[1], ID: args[2]})
		if err != nil {
			return nil, nil, err
		}
		e, err := account.Of(rec)
		if found = []account.Entry{e}; err != nil || e.Asks.Chain == nil {
			return found, nil, err
		}
	}
	of := found
	if len(args) == 1 {
		byID := func(e *account.Entry) bool { return e.Key.ID == args[0] || e.InChain(args[0]) }
		if of, err = account.Pick(d.Decisions(ctx, args[0]), byID); err == nil && len(of) == 0 {
			of, err = account.Pick(d.Decisions(ctx), byID) // a chain's own id stands in no record
		}
		if err != nil {
			return nil, nil, err
		}
		for _, e := range of {
			if e.Key.ID == args[0] && !e.Followed() {
				found = append(found, e)
			}
		}
	}
	if len(of) == 0 {
		return nil, nil, &unknownEvent{args[0]}
	}
	// The first event of a chain stands in each of its members' records.
	var members []account.Entry
	for _, e := range of {
		if e.Asks.Chain == nil || slices.ContainsFunc(members, func(m account.Entry) bool { return m.ChainID() == e.ChainID() }) {
			continue
		}
		some, err := account.Pick(d.Decisions(ctx, e.Asks.Chain.Root.ID), func(m *account.Entry) bool { return m.ChainID() == e.ChainID() })
		if err != nil {
			return nil, nil, err
		}
		members = append(members, some...)
	}
	chains, err = account.ChainsOf(ctx, d, of, members)
	return found, chains, err
}

// unknownEvent is an event of which there is no decision.
type unknownEvent struct{ id string }

func (e *unknownEvent) Error() string     { return fmt.Sprintf("event %q: no decision of it", e.id) }
func (e *unknownEvent) Is(err error) bool { return err == ledger.ErrNotFound }

// tell writes what is known of a decision.
func tell(ctx context.Context, w io.Writer, e *account.Entry, d account.Reader) error {
	say(w, "%s %s: %s", e.Key.Switch, e.Position(), e.Words())
	facts, err := e.Story(ctx, d)
	for _, f := range facts {
		say(w, "  %-20s  %s", f.When(), f.Text)
	}
	return err
}

// tellChain writes where a chain is.
func tellChain(w io.Writer, c *account.Chain) error {
	where, facts, err := c.Story()
	if err != nil {
		return err
	}
	say(w, "chain of %s: %s", c.Root().ID, where)
	for _, f := range facts {
		say(w, "  %-9s  %s", f.When(), f.Text)
	}
	return nil
}
