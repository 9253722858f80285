// Package bustest is the suite that every bus passes: each event arrives whole,
// however many there are; what was not taken may be published again; and a
// publisher waits no longer than its context lasts.
package bustest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

// Harness opens buses of one kind.
type Harness struct {
	// Open opens a bus, and closes it when the test ends. taken are the events
	// that have arrived at its far end, each in its JSON form.
	//
	// The far end calls take before it takes a request. Where that is an error
	// it refuses the request, in a way in which it refuses for good. A bus that
	// cannot fail never calls it.
	Open func(t *testing.T, take func() error) (b bus.Bus, taken func() []json.RawMessage)
}

// Run tests everything that a publisher can see.
func Run(t *testing.T, h Harness) {
	t.Run("Whole", func(t *testing.T) { whole(t, h) })
	t.Run("None", func(t *testing.T) { none(t, h) })
	t.Run("Many", func(t *testing.T) { many(t, h) })
	t.Run("Concurrent", func(t *testing.T) { concurrent(t, h) })
	t.Run("Again", func(t *testing.T) { again(t, h) })
	t.Run("Ended", func(t *testing.T) { ended(t, h) })
	t.Run("Stalled", func(t *testing.T) { stalled(t, h) })
}

func publish(ctx context.Context, b bus.Bus, out ...event.Event) error {
	written := make([]bus.Event, len(out))
	for i := range out {
		var err error
		if written[i], err = bus.New(out[i]); err != nil {
			return err
		}
	}
	return b.Publish(ctx, written...)
}

func takes() error { return nil }

// arrived wants exactly these events at the far end, byte for byte, in any
// order, and some perhaps more than once.
func arrived(t *testing.T, taken []json.RawMessage, out ...event.Event) {
	t.Helper()
	distinct := func(list []string) []string {
		slices.Sort(list)
		return slices.Compact(list)
	}
	var want, got []string
	for _, ev := range out {
		raw, err := ev.MarshalJSON()
		require.NoError(t, err)
		want = append(want, string(raw))
	}
	for _, raw := range taken {
		got = append(got, string(raw))
	}
	require.Equal(t, distinct(want), distinct(got))
}

// numbered is an event with everything that an event may have.
func numbered(n int) event.Event {
	ev := event.New()
	ev.SetID(fmt.Sprint(n))
	ev.SetSource("urn:interlock:lamp")
	ev.SetType("dev.interlock.switch.completed.v1")
	ev.SetSubject("houses/1/rooms/é & <b>")
	ev.SetTime(time.Date(2026, 11, 22, 9, 0, 0, 123456789, time.UTC))
	ev.SetDataSchema("https://interlock.dev/schemas/dev.interlock.switch.completed.v1.json")
	for name, value := range map[string]string{
		"correlationid": "CHG-1", "causationid": "CHG-1\u2028\"", "partitionkey": "room",
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b,c=d",
	} {
		ev.SetExtension(name, value)
	}
	// Numbers that floats do not hold, an order that maps do not keep, spaces
	// that nobody needs.
	data := json.RawMessage(fmt.Sprintf(`{"n":%d, "big":12345678901234567890, "a":"<&> \u2028 é", "null":null}`, n))
	if err := ev.SetData(event.ApplicationJSON, data); err != nil {
		panic(err)
	}
	return ev
}

func numberedFrom(first, count int) []event.Event {
	out := make([]event.Event, count)
	for i := range out {
		out[i] = numbered(first + i)
	}
	return out
}

func whole(t *testing.T, h Harness) {
	b, taken := h.Open(t, takes)
	require.NoError(t, publish(t.Context(), b, numbered(1)))
	require.Len(t, taken(), 1, "one that was taken is not sent again")
	arrived(t, taken(), numbered(1))

	bare := event.New()
	bare.SetID("2")
	bare.SetSource("urn:interlock:lamp")
	bare.SetType("dev.interlock.switch.rejected.v1")
	require.NoError(t, publish(t.Context(), b, bare))
	arrived(t, taken(), numbered(1), bare)
}

func none(t *testing.T, h Harness) {
	b, taken := h.Open(t, takes)
	require.NoError(t, publish(t.Context(), b))
	require.Empty(t, taken())
}

func many(t *testing.T, h Harness) {
	b, taken := h.Open(t, takes)
	out := numberedFrom(0, 57)
	require.NoError(t, publish(t.Context(), b, out...))
	arrived(t, taken(), out...)
}

func concurrent(t *testing.T, h Harness) {
	b, taken := h.Open(t, takes)
	const publishers, each = 8, 12
	errs := make([]error, publishers)
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() { errs[p] = publish(t.Context(), b, numberedFrom(p*each, each)...) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	arrived(t, taken(), numberedFrom(0, publishers*each)...)
}

// again: an error may stand for events that were taken and for some that were
// not, and all are published again.
func again(t *testing.T, h Harness) {
	for first := range 3 {
		asked, away := 0, true
		b, taken := h.Open(t, func() error {
			if asked++; away && asked > first {
				return errors.New("refused by the suite")
			}
			return nil
		})
		out := numberedFrom(0, 23)
		err := publish(t.Context(), b, out...)
		if asked == 0 {
			t.Skip("nothing is asked before it takes an event")
		}
		if asked > first {
			require.Error(t, err, "a request was refused")
		}
		away = false
		require.NoError(t, publish(t.Context(), b, out...))
		arrived(t, taken(), out...)
	}
}

// ended: a publisher whose time is over gets an error, or else the events are
// there.
func ended(t *testing.T, h Harness) {
	b, taken := h.Open(t, takes)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if publish(ctx, b, numbered(1)) == nil {
		arrived(t, taken(), numbered(1))
	}
}

// stalled: a far end that does not answer keeps nobody beyond his time.
func stalled(t *testing.T, h Harness) {
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	var once sync.Once
	b, _ := h.Open(t, func() error {
		once.Do(func() { close(reached) })
		<-release
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ends := make(chan error, 1)
	go func() { ends <- publish(ctx, b, numbered(1)) }()
	select {
	case <-reached:
	case err := <-ends:
		require.NoError(t, err)
		t.Skip("nothing is asked before it takes an event")
	}
	cancel()
	select {
	case err := <-ends:
		require.Error(t, err, "nobody has taken it")
	case <-time.After(10 * time.Second):
		require.Fail(t, "it waits though its context has ended")
	}
}
