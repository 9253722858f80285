package doors

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// rehearsing answers an event of the id dry with a rehearsal.
func rehearsing(ctx context.Context, ev event.Event) engine.Result {
	if ev.ID() != "dry" {
		return byID(ctx, ev)
	}
	return engine.Result{Kind: engine.Rehearsed, Rehearsal: &engine.Rehearsal{DryRun: true, Switch: "proxy-ssl", Would: engine.WouldCall}}
}

// TestRehearsal: a dry run is answered with what it has found, and is no reason
// to deliver anything again.
func TestRehearsal(t *testing.T) {
	d, _ := newDoor(rehearsing)
	found := func(b []byte) {
		t.Helper()
		var r engine.Rehearsal
		require.NoError(t, json.Unmarshal(b, &r))
		require.Equal(t, engine.Rehearsal{DryRun: true, Switch: "proxy-ssl", Target: json.RawMessage("null"), Would: engine.WouldCall}, r)
	}
	r := post(d, "application/cloudevents+json", structured("dry"))
	require.Equal(t, 200, r.Status)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	found(r.Body)

	b, err := d.Invoke(t.Context(), []byte(structured("dry")))
	require.NoError(t, err)
	found(b)

	b, err = d.Invoke(t.Context(), sqsEvent(t, structured("dry")))
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[]}`, string(b))
	b, err = d.Invoke(t.Context(), []byte(bridge(t, structured("dry"))))
	require.NoError(t, err)
	require.Equal(t, "null", string(b))

	// Among others, in its place.
	batch := "[" + structured("accepted") + "," + structured("ignored") + "," + structured("dry") + "," + structured("superseded") + "]"
	r = post(d, "application/cloudevents-batch+json", batch)
	require.Equal(t, 200, r.Status)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	direct, err := d.Invoke(t.Context(), []byte(batch))
	require.NoError(t, err)
	for _, body := range [][]byte{r.Body, direct} {
		var items []json.RawMessage
		require.NoError(t, json.Unmarshal(body, &items))
		require.Len(t, items, 3)
		ev, err := cloudevent.DecodeJSON(items[0])
		require.NoError(t, err)
		require.Equal(t, "out-accepted", ev.ID())
		found(items[1])
		ev, err = cloudevent.DecodeJSON(items[2])
		require.NoError(t, err)
		require.Equal(t, "out-superseded", ev.ID())
	}
}
