package doors

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine"
)

func ignored(context.Context, event.Event) engine.Result { return engine.Result{Kind: engine.Ignored} }

// TestGroupsSideBySide: instances do not wait for each other, while what is
// about one instance stays in its order.
func TestGroupsSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newDoor(func(context.Context, event.Event) engine.Result {
			<-time.After(10 * time.Second)
			return engine.Result{Kind: engine.Ignored}
		})
		var bodies []string
		for i := range 12 {
			bodies = append(bodies, onInstance(fmt.Sprintf("%d-%d", i%4, i/4), fmt.Sprint("i", i%4)))
		}
		start := time.Now()
		answer, err := d.Invoke(context.Background(), sqsEvent(t, bodies...))
		require.NoError(t, err)
		require.Empty(t, failures(t, answer))
		require.Equal(t, 30*time.Second, time.Since(start), "three rounds of four")
		last := map[string]string{}
		for _, id := range s.seen {
			instance, turn, _ := strings.Cut(id, "-")
			require.Less(t, last[instance], turn)
			last[instance] = turn
		}
	})
}

// TestSideIsBounded: no more groups at once than configured.
func TestSideIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		d, _ := newDoor(func(context.Context, event.Event) engine.Result {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return engine.Result{Kind: engine.Ignored}
		})
		d.Side = 3
		var bodies []string
		for i := range 10 {
			bodies = append(bodies, structured(fmt.Sprint(i)))
		}
		_, err := d.Invoke(context.Background(), sqsEvent(t, bodies...))
		require.NoError(t, err)
		require.Equal(t, 3, most)
	})
}

// TestWaitingBlocksNothing: what stands behind an event that has to wait is
// handled all the same; the ledger keeps the order.
func TestWaitingBlocksNothing(t *testing.T) {
	d, s := newDoor(byID)
	answer, err := d.Invoke(context.Background(), sqsEvent(t,
		onInstance("busy", "i"), onInstance("panic", "i"), "no event", onInstance("applied", "i")))
	require.NoError(t, err)
	require.Equal(t, []string{"m0", "m1", "m2"}, failures(t, answer))
	require.Equal(t, []string{"busy", "panic", "applied"}, s.seen)
}

// TestDeadline: what there is no time for goes back, and is not begun.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
		defer cancel()
		d, s := newDoor(func(context.Context, event.Event) engine.Result {
			<-time.After(10 * time.Second)
			return engine.Result{Kind: engine.Ignored}
		})
		answer, err := d.Invoke(ctx, sqsEvent(t, onInstance("0", "i"), onInstance("1", "i"), onInstance("2", "i"), onInstance("3", "i")))
		require.NoError(t, err)
		require.Equal(t, []string{"m3"}, failures(t, answer))
		require.Equal(t, []string{"0", "1", "2"}, s.seen)
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), reserve-1)
		defer cancel()
		d, s := newDoor(ignored)
		answer, err := d.Invoke(ctx, sqsEvent(t, structured("0"), structured("1")))
		require.NoError(t, err)
		require.Equal(t, []string{"m0", "m1"}, failures(t, answer))
		require.Empty(t, s.seen)
	})
}

// TestGroups: by the instance in the data, else by source.
func TestGroups(t *testing.T) {
	plain := func(id, source, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","type":"t","source":%q,"id":%q,"data":%s}`, source, id, data)
	}
	d, s := newDoor(ignored)
	d.Side = 1
	_, err := d.Invoke(context.Background(), sqsEvent(t,
		onInstance("a1", "a"), onInstance("b1", "b"),
		plain("s1", "/s", `{}`), plain("r1", "/r", `{"target":{"instance_id":7}}`),
		plain("s2", "/s", `[1]`), onInstance("a2", "a"), plain("r2", "/r", `{"target":"a"}`), onInstance("b2", "b")))
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "a2", "b1", "b2", "s1", "s2", "r1", "r2"}, s.seen)
}

// TestHangingUp: a client that goes away does not interrupt what it asked for,
// which has a time of its own.
func TestHangingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, hangUp := context.WithCancel(context.Background())
		d, _ := newDoor(func(ctx context.Context, _ event.Event) engine.Result {
			hangUp()
			require.NoError(t, ctx.Err())
			<-ctx.Done()
			return engine.Result{Kind: engine.Ignored}
		})
		start := time.Now()
		w := serveStructured(gone, d, structured("x"))
		require.Equal(t, 204, w.Code)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}
