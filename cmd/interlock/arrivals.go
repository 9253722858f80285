package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// arrivals are those of the ledger's that are wanted, the oldest first, and an
// error where some could not be read.
func arrivals(ctx context.Context, d local.Desk, wanted func(*ledger.Arrival) bool) (found []ledger.Arrival, err error) {
	var errs []error
	for a, err := range d.Arrivals(ctx) {
		if err != nil {
			errs = append(errs, err)
		} else if wanted(&a) {
			found = append(found, a)
		}
	}
	slices.SortStableFunc(found, func(a, b ledger.Arrival) int { return a.At.Compare(b.At) })
	if len(errs) > 0 {
		err = fmt.Errorf("%d arrivals could not be read, the first: %w", len(errs), errs[0])
	}
	return found, err
}

// arrivedIn tells whether an arrival is one that the filter is for. A ticket, a
// target and a state is what a decision has.
func arrivedIn(f *account.Filter, a *ledger.Arrival) bool {
	return (f.Switch == "" || f.Switch == a.Switch) &&
		(f.Since.IsZero() || !a.At.Before(f.Since)) &&
		(f.Until.IsZero() || a.At.Before(f.Until))
}

func listArrivals(w io.Writer, found []ledger.Arrival, asJSON bool) error {
	if asJSON {
		return sayAllJSON(w, found)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RECEIVED\tSWITCH\tREASON\tTYPE\tEVENT")
	for _, a := range found {
		row(t, account.Stamp(a.At), a.Switch, a.Code, dash(a.Type), dash(a.ID))
	}
	return t.Flush()
}

// tellArrival writes why something became no decision.
func tellArrival(w io.Writer, a *ledger.Arrival) {
	say(w, "%s: not applied: %s", a.Switch, a.Code)
	row := func(name, format string, args ...any) {
		say(w, "  %-20s  %s", name, fmt.Sprintf(format, args...))
	}
	if a.ID != "" || a.Source != "" || a.Type != "" {
		row("event", "%s of %s, %s", dash(a.ID), dash(a.Source), dash(a.Type))
	}
	if a.Door != "" {
		signed := ""
		if a.Signer != "" {
			signed = ", signed by " + a.Signer
		}
		row("came in by", "%s%s", a.Door, signed)
	}
	row("reason", "%s", a.Detail)
	row(account.Stamp(a.At), "last received")
	row(account.Stamp(a.Expire), "will be forgotten")
}
