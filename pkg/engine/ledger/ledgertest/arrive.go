package ledgertest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var arrivals = []test{
	{"what came is listed with its reason until it expires", func(w *world) {
		a, b := arrival("a", "other-switch", 1), arrival("b", "invalid-data", 2)
		b.Type, b.Door, b.Signer = "dev.interlock.ticket.approved.v1", "url", "tickets"
		w.arrived(0)
		w.arrive(a)
		w.arrive(b)
		w.arrived(0, a, b)
		w.arrived(60, a, b)
		w.arrived(61, b) // a expires at 61
		w.arrived(62)
	}},
	{"an event has one arrival for each switch, the last", func(w *world) {
		a := arrival("a", "invalid-data", 1)
		w.arrive(a)
		again := arrival("a", "id-reused", 2)
		w.arrive(again)
		other := arrival("a", "other-switch", 3)
		other.Switch = "proxy-alt"
		w.arrive(other)
		foreign := arrival("a", "other-type", 4)
		foreign.Source += "/of/others"
		w.arrive(foreign)
		w.arrived(5, again, other, foreign)
	}},
	{"what has no id is known by its reason", func(w *world) {
		a, b := arrival("", "invalid-event", 1), arrival("", "invalid-event", 2)
		b.Detail = "another"
		w.arrive(a)
		w.arrive(b)
		w.arrived(5, a, b)
		a.At, a.Expire = at(3), at(63)
		w.arrive(a)
		w.arrived(5, a, b)
	}},
	{"who has seen enough of the list is shown no more", func(w *world) {
		for i := range 3 {
			w.arrive(arrival(fmt.Sprint(i), "other-type", 1))
		}
		seen := 0
		for range w.Ledger.(ledger.Arrivals).Arrived(w.ctx, at(2)) {
			seen++
			break
		}
		require.Equal(w, 1, seen)
	}},
	{"it is no decision, and in nobody's way", func(w *world) {
		w.arrive(arrival("a", "id-reused", 1))
		w.absent(key("a"))
		w.due(1_000_000, 10)
		for range w.All(w.ctx) {
			w.Fatal("an arrival is no decision")
		}
		for range w.Instances(w.ctx) {
			w.Fatal("an arrival is on no instance")
		}
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.arrive(arrival("a", "id-reused", 3))
		w.settle(c, accepted("job"), nil)
	}},
	{"what has expired is not listed, whatever came since", func(w *world) {
		for i := range 40 {
			w.arrive(arrival(fmt.Sprint(i), "other-type", 1))
		}
		last := arrival("last", "other-type", 100)
		w.arrive(last)
		w.arrived(100, last)
	}},
}

// arrival is one that came at a time, and expires a minute later.
func arrival(id, code string, came int) ledger.Arrival {
	k := key(id)
	return ledger.Arrival{
		Format: ledger.Format, Switch: k.Switch, Source: k.Source, ID: k.ID, Code: code, Detail: "because <of> & \"it\"", At: at(came), Expire: at(came).Add(time.Minute),
	}
}

func (w *world) arrive(a ledger.Arrival) {
	w.Helper()
	w.do(nil, func() error { return w.Ledger.(ledger.Arrivals).Arrive(w.ctx, a) })
}

func (w *world) arrived(now int, want ...ledger.Arrival) {
	w.Helper()
	var got []ledger.Arrival
	for a, err := range w.Ledger.(ledger.Arrivals).Arrived(w.ctx, at(now)) {
		require.NoError(w, err)
		got = append(got, a)
	}
	require.ElementsMatch(w, want, got)
}
