package enginetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// fate is what becomes of a call.
type fate int

const (
	// succeeds: it is made and answered.
	succeeds fate = iota
	// diesBefore: the process dies before it makes the call.
	diesBefore
	// unreached: the call takes no effect and ends with an error.
	unreached
	// loses: the call takes effect, its answer gets lost, the process lives.
	loses
	// diesAfter: the process dies before it has the answer.
	diesAfter
	// losesLate and diesLate: the same, and the call takes effect only later.
	losesLate
	diesLate
)

func (f fate) String() string {
	return [...]string{"succeeds", "dies before", "is not reached", "loses its answer", "dies after", "loses its answer, late effect", "dies, late effect"}[f]
}

// gate is a call that a process came to, and what became of it.
type gate struct {
	what string
	fate
	// own: it is the switch's.
	own bool
	// reads: it changes nothing, whenever it is made.
	reads bool
}

// ways are those in which a call can go wrong.
func (g gate) ways() []fate {
	if g.reads {
		return []fate{diesBefore, unreached, loses}
	}
	return []fate{diesBefore, unreached, loses, diesAfter, losesLate, diesLate}
}

// A crash is a gate, counted from a world's first, and what happens there.
type crash struct {
	at int
	fate
}

// landing is a call that takes effect later than its process knows.
type landing struct {
	at   time.Time
	call func()
}

// death is what a process panics with: none of its later steps is ever made.
type death struct{}

var errLost = errors.New("the answer got lost")

// pass takes a call through its gate. call may be made after the process has
// ended, and then is given a context of its own.
func (h *Host) pass(ctx context.Context, what string, reads bool, call func(context.Context) error) error {
	h.now = h.now.Add(time.Millisecond) // calls take their time
	g := gate{what: what, reads: reads, own: !strings.HasPrefix(what, "ledger.") && !strings.HasPrefix(what, "bus.")}
	for _, c := range h.given {
		if c.at == len(h.passed) {
			g.fate = c.fate
		}
	}
	h.passed = append(h.passed, g)
	switch g.fate {
	case diesBefore:
		panic(death{})
	case unreached:
		return notReached{}
	case losesLate, diesLate:
		// As late as it may be, after the attempt that made it.
		h.adrift = append(h.adrift, landing{h.now.Add(quiet - time.Second), func() { _ = call(context.WithoutCancel(ctx)) }})
	default:
		if err := call(ctx); g.fate == succeeds {
			return err
		}
	}
	if g.fate == diesAfter || g.fate == diesLate {
		panic(death{})
	}
	return errLost
}

// rest lets time pass, and what is adrift land.
func (h *Host) rest(d time.Duration) {
	end := h.now.Add(d)
	var left []landing
	for _, l := range h.adrift { // in the order in which they left
		if l.at.After(end) {
			left = append(left, l)
			continue
		}
		h.now = l.at
		l.call()
	}
	h.now, h.adrift = end, left
}

// sleep lets a process wait: what is adrift may land meanwhile.
func (h *Host) sleep(_ context.Context, d time.Duration) error {
	h.rest(d)
	return nil
}

// notReached is an [engine.Failure] for switches, and an error for the others.
type notReached struct{}

func (notReached) Error() string             { return "there is nobody at that address" }
func (notReached) Effect() engine.Effect     { return engine.None }
func (notReached) Reason() engine.Reason     { return engine.Unreachable }
func (notReached) RetryAfter() time.Duration { return 0 }
func (notReached) Cloud() *events.Cloud      { return nil }

// hook is the gate of a switch's own calls.
func (h *Host) hook(ctx context.Context, what string, call func(context.Context) error) error {
	return h.pass(ctx, "the switch's "+what, what != "flip", call)
}

// wire is the gate of requests.
type wire struct {
	*Host
	over http.RoundTripper
}

func (w wire) RoundTrip(r *http.Request) (res *http.Response, err error) {
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	err = w.pass(r.Context(), r.Method+" "+r.URL.Path, r.Method == http.MethodGet, func(ctx context.Context) (err error) {
		r := r.Clone(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if res, err = w.over.RoundTrip(r); err != nil {
			return err
		}
		// Read here: an answer that gets lost is closed by nobody else.
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		res.Body = io.NopCloser(bytes.NewReader(answer))
		return err
	})
	switch err {
	case nil:
		return res, nil
	case notReached{}:
		err = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case errLost:
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// gatedBus is the bus as processes see it.
type gatedBus struct {
	*Host
	taken [][]byte
}

func (b *gatedBus) Publish(ctx context.Context, out ...bus.Event) error {
	return b.pass(ctx, "bus.Publish", false, func(context.Context) error {
		for i := range out {
			b.taken = append(b.taken, out[i].JSON)
		}
		return nil
	})
}

// gatedLedger is the ledger as processes see it.
type gatedLedger struct {
	*Host
	to ledger.Ledger
}

func gated[T any](ctx context.Context, h *Host, what string, call func(context.Context) (T, error)) (got T, _ error) {
	reads := strings.Contains("Owners Instance Get", what)
	err := h.pass(ctx, "ledger."+what, reads, func(ctx context.Context) (err error) {
		got, err = call(ctx)
		return err
	})
	return got, err
}

func (l gatedLedger) write(ctx context.Context, what string, call func(context.Context) error) error {
	return l.pass(ctx, "ledger."+what, false, call)
}

func (l gatedLedger) Claim(ctx context.Context, c ledger.Claim) (ledger.Claimed, error) {
	return gated(ctx, l.Host, "Claim", func(ctx context.Context) (ledger.Claimed, error) { return l.to.Claim(ctx, c) })
}

func (l gatedLedger) Settle(ctx context.Context, key ledger.Key, nonce string, o ledger.Outcome) error {
	return l.write(ctx, "Settle", func(ctx context.Context) error { return l.to.Settle(ctx, key, nonce, o) })
}

func (l gatedLedger) Reject(ctx context.Context, c ledger.Claim, o ledger.Outcome) error {
	return l.write(ctx, "Reject", func(ctx context.Context) error { return l.to.Reject(ctx, c, o) })
}

func (l gatedLedger) Release(ctx context.Context, key ledger.Key, nonce string, w ledger.Wait) error {
	return l.write(ctx, "Release", func(ctx context.Context) error { return l.to.Release(ctx, key, nonce, w) })
}

func (l gatedLedger) Lapse(ctx context.Context, key ledger.Key, nonce string, until time.Time, known bool, last ledger.Note) error {
	return l.write(ctx, "Lapse", func(ctx context.Context) error { return l.to.Lapse(ctx, key, nonce, until, known, last) })
}

func (l gatedLedger) Wait(ctx context.Context, c ledger.Claim, w ledger.Wait) error {
	return l.write(ctx, "Wait", func(ctx context.Context) error { return l.to.Wait(ctx, c, w) })
}

func (l gatedLedger) Mark(ctx context.Context, key ledger.Key, nonce string, now, expire time.Time) error {
	return l.write(ctx, "Mark", func(ctx context.Context) error { return l.to.Mark(ctx, key, nonce, now, expire) })
}

func (l gatedLedger) Owners(ctx context.Context, project string, jobs []string) (map[string]ledger.Key, error) {
	return gated(ctx, l.Host, "Owners", func(ctx context.Context) (map[string]ledger.Key, error) {
		owners, err := l.to.Owners(ctx, project, jobs)
		if err == nil && slices.Contains(jobs, ledger.Listed) {
			owners[ledger.Listed] = ledger.Key{} // the world is not the account's first day
		}
		return owners, err
	})
}

func (l gatedLedger) Instance(ctx context.Context, project, instance string) (ledger.Instance, error) {
	return gated(ctx, l.Host, "Instance", func(ctx context.Context) (ledger.Instance, error) { return l.to.Instance(ctx, project, instance) })
}

func (l gatedLedger) Use(ctx context.Context, ticket, slot string) (ledger.Use, error) {
	return gated(ctx, l.Host, "Use", func(ctx context.Context) (ledger.Use, error) { return l.to.Use(ctx, ticket, slot) })
}

func (l gatedLedger) Get(ctx context.Context, key ledger.Key) (ledger.Record, error) {
	return gated(ctx, l.Host, "Get", func(ctx context.Context) (ledger.Record, error) { return l.to.Get(ctx, key) })
}

func (l gatedLedger) Due(ctx context.Context, now time.Time, limit int, but ...func(ledger.Due) bool) ([]ledger.Due, error) {
	return l.to.Due(ctx, now, limit, but...)
}

func (l gatedLedger) All(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return l.to.All(ctx, texts...)
}

func (l gatedLedger) Instances(ctx context.Context) iter.Seq2[ledger.Instance, error] {
	return l.to.Instances(ctx)
}

func (l gatedLedger) Trail(ctx context.Context, project, instance string, from int64) iter.Seq2[ledger.AuditRecord, error] {
	return l.to.Trail(ctx, project, instance, from)
}

func (l gatedLedger) Close() error { return l.to.Close() }
