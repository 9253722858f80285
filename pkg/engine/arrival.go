package engine

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// SameTag is the code of a tag event that tells a value again.
const SameTag events.Code = "same-tag"

// Arrived notes that something came to the named switch's function and became
// no decision, with the reason: in the log, and for a while in the ledger, apart
// from the decisions. Nothing rests on that, so that it fails nobody and takes
// little of the time; what is a decision never gets here, and pays nothing. In
// the cause is what could be read of the event.
func (e *Engine) Arrived(ctx context.Context, name string, cause events.Cause, why *events.Error) {
	e.arrived(ctx, &decision.Decision{Switch: name, Cause: cause, CorrelationID: cause.ID}, why)
}

func (e *Engine) arrived(ctx context.Context, d *decision.Decision, why *events.Error) {
	if e.Offline {
		return
	}
	began := e.Now()
	err := e.noteArrival(ctx, d, why)
	e.Observe(ctx, Step{Name: "arrival", Decision: d, At: began, Took: e.Now().Sub(began), Result: string(why.Code), Detail: clipped(why.Detail), Err: err})
}

func (e *Engine) noteArrival(ctx context.Context, d *decision.Decision, why *events.Error) error {
	l, ok := e.Ledger.(ledger.Arrivals)
	if !ok || e.DryRun {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	a, now := admission.From(ctx), e.Now()
	err := l.Arrive(ctx, ledger.Arrival{
		Switch: d.Switch, Source: d.Cause.Source, ID: d.Cause.ID, Type: d.Cause.Type, Door: a.Door, Signer: a.Signer,
		Code: string(why.Code), Detail: clipped(why.Detail), At: now.UTC(), Expire: now.Add(arrivals).UTC(),
	})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// clipped is the beginning of a reason: what a sender wrote may be in it.
func clipped(s string) string {
	const most = 1024
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.ToValidUTF8(s[:cut], "") + "…"
}
