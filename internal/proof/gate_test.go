package proof

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// fate is what becomes of one call to the ledger, the cloud, the bus or the
// system of tickets.
type fate int

const (
	// succeeds: it is made and answered.
	succeeds fate = iota
	// diesBefore: the process dies before it makes the call.
	diesBefore
	// diesDuring: the process dies with the call on its way, which takes effect
	// all the same, at once or (see world.drift) some time later.
	diesDuring
	// diesAfter: the process dies with the answer in its hands.
	diesAfter
	// loses: the call takes effect, its answer gets lost, the process lives.
	loses
	// unreached: the call takes no effect and ends with an error.
	unreached
	// slow: the call is made only after world.delay, if its time allows.
	slow
	// What goes wrong with a request to DynamoDB alone: it is done and tried again,
	// since its answer got lost; it meets another transaction; it is one too many.
	repeats
	conflicts
	throttled
)

func (f fate) String() string {
	return [...]string{"succeeds", "dies before", "dies during", "dies after", "loses its answer", "is not reached", "is slow", "is repeated", "meets a conflict", "is throttled"}[f]
}

// death is what an invocation panics with where its process dies: none of its
// later steps is ever made.
type death struct{}

var (
	errAnswerLost = errors.New("the answer got lost")
	errAway       = errors.New("there is nobody at that address")
)

// pass takes a call through the gate. op may outlive the invocation, and then
// is called with a context of its own.
func pass(ctx context.Context, what string, op func(context.Context) error) error {
	return launch(ctx, what, func() {}, op)
}

// launch is pass for a call of which it counts when it leaves, too.
func launch(ctx context.Context, what string, leave func(), op func(context.Context) error) error {
	inv := from(ctx)
	w := inv.world
	f := w.gate(ctx, inv, what)
	if inv.doomed.Load() {
		panic(death{})
	}
	if f == diesDuring && w.takesAlong && strings.HasPrefix(what, "ledger.") {
		f = diesAfter
	}
	if f != succeeds {
		w.tell("%s: %s %s", inv.name, what, f)
	}
	if err := ctx.Err(); err != nil && f != diesBefore {
		return err
	}
	switch f {
	case diesBefore:
		panic(death{})
	case unreached:
		return errAway
	case slow:
		if err := wait(ctx, w.delay); err != nil {
			return err
		}
		leave()
		return op(ctx)
	case diesDuring:
		leave()
		inv.adrift.Store(true)
		w.setAdrift(inv, op)
		panic(death{})
	default:
		leave()
		err := op(ctx)
		switch f {
		case diesAfter:
			panic(death{})
		case loses:
			return errAnswerLost
		}
		return err
	}
}

// gated is the ledger as invocations see it.
type gated struct{}

// write takes what writes to the ledger through the gate, or, where a write is
// many requests, each of them; see [requests].
func write(ctx context.Context, what string, op func(context.Context) error) error {
	inv := from(ctx)
	inv.changes(what)
	if !inv.world.byRequest {
		return pass(ctx, what, op)
	}
	inv.writing(what)
	err := op(ctx)
	if inv.written() {
		panic(death{})
	}
	return err
}

func (gated) Claim(ctx context.Context, c ledger.Claim) (got ledger.Claimed, err error) {
	inv := from(ctx)
	err = write(ctx, "ledger.Claim", func(ctx context.Context) (err error) {
		got, err = inv.ledger.Claim(ctx, c)
		if err == nil {
			inv.world.claimed(inv, c, got)
		}
		return err
	})
	if err != nil {
		return ledger.Claimed{}, err
	}
	return got, nil
}

func (gated) Settle(ctx context.Context, key ledger.Key, nonce string, o ledger.Outcome) error {
	w := from(ctx).world
	return write(ctx, "ledger.Settle", func(ctx context.Context) error {
		err := from(ctx).ledger.Settle(ctx, key, nonce, o)
		w.settled(key)
		return err
	})
}

func (gated) Reject(ctx context.Context, c ledger.Claim, o ledger.Outcome) error {
	w := from(ctx).world
	return write(ctx, "ledger.Reject", func(ctx context.Context) error {
		err := from(ctx).ledger.Reject(ctx, c, o)
		w.settled(c.Key)
		return err
	})
}

func (gated) Release(ctx context.Context, key ledger.Key, nonce string, wt ledger.Wait) error {
	w := from(ctx).world
	return write(ctx, "ledger.Release", func(ctx context.Context) error {
		err := from(ctx).ledger.Release(ctx, key, nonce, wt)
		if err == nil {
			w.released(key)
		}
		return err
	})
}

func (gated) Lapse(ctx context.Context, key ledger.Key, nonce string, until time.Time, known bool, last ledger.Note) error {
	return write(ctx, "ledger.Lapse", func(ctx context.Context) error {
		return from(ctx).ledger.Lapse(ctx, key, nonce, until, known, last)
	})
}

func (gated) Wait(ctx context.Context, c ledger.Claim, wt ledger.Wait) error {
	return write(ctx, "ledger.Wait", func(ctx context.Context) error { return from(ctx).ledger.Wait(ctx, c, wt) })
}

func (gated) Mark(ctx context.Context, key ledger.Key, nonce string, now, expire time.Time) error {
	w := from(ctx).world
	return write(ctx, "ledger.Mark", func(ctx context.Context) error {
		before, _ := w.ledger.Get(context.Background(), key)
		err := from(ctx).ledger.Mark(ctx, key, nonce, now, expire)
		w.marked(key, before)
		return err
	})
}

func (gated) Owners(ctx context.Context, project string, jobs []string) (owners map[string]ledger.Key, err error) {
	err = pass(ctx, "ledger.Owners", func(ctx context.Context) (err error) {
		owners, err = from(ctx).ledger.Owners(ctx, project, jobs)
		if !from(ctx).world.unlisted && err == nil && slices.Contains(jobs, ledger.Listed) {
			owners[ledger.Listed] = ledger.Key{} // this world is not the account's first day
		}
		return err
	})
	return owners, err
}

func (gated) Instance(ctx context.Context, project, instance string) (in ledger.Instance, err error) {
	err = pass(ctx, "ledger.Instance", func(ctx context.Context) (err error) {
		in, err = from(ctx).ledger.Instance(ctx, project, instance)
		return err
	})
	return in, err
}

func (gated) Use(ctx context.Context, ticket, slot string) (u ledger.Use, err error) {
	err = pass(ctx, "ledger.Use", func(ctx context.Context) (err error) {
		u, err = from(ctx).ledger.Use(ctx, ticket, slot)
		return err
	})
	return u, err
}

func (gated) Get(ctx context.Context, key ledger.Key) (d ledger.Record, err error) {
	err = pass(ctx, "ledger.Get", func(ctx context.Context) (err error) {
		d, err = from(ctx).ledger.Get(ctx, key)
		return err
	})
	return d, err
}

func (gated) Due(ctx context.Context, now time.Time, limit int, but ...func(ledger.Due) bool) ([]ledger.Due, error) {
	return from(ctx).ledger.Due(ctx, now, limit, but...)
}

func (gated) All(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return from(ctx).ledger.All(ctx, texts...)
}

func (gated) Instances(ctx context.Context) iter.Seq2[ledger.Instance, error] {
	return from(ctx).ledger.Instances(ctx)
}

func (gated) Trail(ctx context.Context, project, instance string, seq int64) iter.Seq2[ledger.AuditRecord, error] {
	return from(ctx).ledger.Trail(ctx, project, instance, seq)
}

func (gated) Close() error { return nil }

// Publish makes gated the bus as well.
func (gated) Publish(ctx context.Context, out ...bus.Event) error {
	w := from(ctx).world
	from(ctx).changes("bus.Publish")
	return pass(ctx, "bus.Publish", func(context.Context) error {
		for i := range out {
			w.published(&out[i].Event)
		}
		return nil
	})
}

// Ask makes gated the policy as well. It is asked within the process, so
// nothing can come between.
func (gated) Ask(ctx context.Context, d *decision.Decision, now time.Time) (engine.Permission, error) {
	inv := from(ctx)
	policy, _ := inv.world.asked()
	if policy == nil {
		return engine.Permission{Granted: true}, nil
	}
	inv.world.judging(inv, d, "the policy")
	p, err := policy(d, now)
	inv.world.judged(inv.granted, d, err == nil && p.Granted)
	return p, err
}

// Confirm makes gated the system of tickets as well.
func (gated) Confirm(ctx context.Context, d *decision.Decision) (against []events.Field, retryAfter time.Duration, err error) {
	inv := from(ctx)
	_, system := inv.world.asked()
	if system == nil {
		return nil, 0, nil
	}
	inv.world.judging(inv, d, "the ticket's system")
	err = pass(ctx, "tickets.Confirm", func(ctx context.Context) (err error) {
		against, retryAfter, err = system(ctx, d)
		return err
	})
	inv.world.judged(inv.confirmed, d, err == nil && len(against) == 0)
	return against, retryAfter, err
}

// RoundTrip makes gated the way to the cloud as well.
func (gated) RoundTrip(r *http.Request) (res *http.Response, err error) {
	inv := from(r.Context())
	body := read(r)
	what := "cloud.Read"
	var s *send
	leave := func() {}
	if r.Method != http.MethodGet {
		// It is judged as it comes to the gate: what keeps it there is on the way.
		inv.changes("cloud.Flip")
		what, s = "cloud.Flip", inv.world.sending(inv, r, body)
		leave = func() { inv.world.leaves(s) }
	}
	err = launch(r.Context(), what, leave, func(ctx context.Context) (err error) {
		res, err = inv.world.send(ctx, s, r, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}
