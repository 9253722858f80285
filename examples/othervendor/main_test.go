package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/enginetest"
)

// The process dies, or loses an answer, at every call, and at every two: the
// beacon is moved once.
func TestCrashes(t *testing.T) {
	vendor := &sites{moves: map[string]int{}}
	server := httptest.NewServer(vendor)
	defer server.Close()
	worlds := 0
	enginetest.Run(t, 2, func(h *enginetest.Host) enginetest.World {
		worlds++
		mast := device{"north", fmt.Sprint("mast-", worlds)}
		client := &http.Client{Transport: h.Transport(server.Client().Transport)}
		return enginetest.World{
			Switch:  api{server.URL, client}.beacon().Register(),
			Event:   approved(mast),
			Effects: func() int { return vendor.moved("/" + mast.Place().Subject + "/beacon") },
		}
	})
}

// What the switch does, without an engine.
func TestBeacon(t *testing.T) {
	server := httptest.NewServer(&sites{moves: map[string]int{}})
	beacon := api{server.URL, server.Client()}.beacon()
	mast := device{"north", "mast-7"}
	for _, on := range []bool{true, false} {
		_, err := beacon.Flip(t.Context(), mast, on, struct{}{})
		require.NoError(t, err)
		got, err := beacon.Read(t.Context(), mast)
		require.NoError(t, err)
		require.Equal(t, on, got)
	}
	server.Close()
	_, err := beacon.Flip(t.Context(), mast, true, struct{}{})
	var f engine.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, engine.None, f.Effect(), "nobody was there")
}

func TestFailures(t *testing.T) {
	for status, want := range map[int]struct {
		effect engine.Effect
		reason engine.Reason
	}{
		400: {engine.None, engine.Refused},
		403: {engine.None, engine.Denied},
		404: {engine.None, engine.NotFound},
		409: {engine.None, engine.Busy},
		429: {engine.None, engine.Throttled},
		500: {engine.Possible, engine.Unknown},
		504: {engine.Possible, engine.Unknown},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		_, err := api{server.URL, server.Client()}.beacon().Flip(t.Context(), device{"north", "mast-7"}, true, struct{}{})
		server.Close()
		var f engine.Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, want.effect, f.Effect(), status)
		require.Equal(t, want.reason, f.Reason(), status)
		require.Equal(t, status, f.Cloud().Status)
	}
}

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// The vendor has forgotten everything when the program is run again; the ledger
// has not.
func TestRunAgain(t *testing.T) {
	var first, second bytes.Buffer
	file := filepath.Join(t.TempDir(), "ledger.db")
	require.NoError(t, run(&first, file, noon))
	require.NoError(t, run(&second, file, time.Now))
	require.Equal(t, first.String(), second.String())
}

// What is printed is the event in full. Its id is new with each decision, and the
// same for ever after: another decision on this event, once the first has
// expired, is another event.
func TestOutput(t *testing.T) {
	var got bytes.Buffer
	require.NoError(t, run(&got, filepath.Join(t.TempDir(), "ledger.db"), noon))
	id := regexp.MustCompile(`"id": "[0-9a-f]{32}"`)
	require.Equal(t, `{
  "specversion": "1.0",
  "id": "ID",
  "source": "urn:interlock:beacon",
  "type": "dev.interlock.switch.completed.v1",
  "subject": "sites/north/devices/mast-7",
  "datacontenttype": "application/json",
  "time": "2026-11-22T12:00:00Z",
  "data": {
    "switch": "beacon",
    "target": {
      "site": "north",
      "device": "mast-7"
    },
    "enabled": true,
    "result": "applied",
    "cause": {
      "id": "CHG0031337-1",
      "source": "https://tickets.example.com/changes",
      "type": "dev.interlock.ticket.approved.v1",
      "ticket": "CHG0031337"
    }
  },
  "causationid": "CHG0031337-1",
  "correlationid": "CHG0031337-1",
  "partitionkey": "mast-7"
}
`, id.ReplaceAllString(got.String(), `"id": "ID"`))
}
