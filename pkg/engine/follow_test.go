package engine

import (
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A completion event may say a time that cannot even be written down: its job
// is followed from now on.
func TestAFollowedJobsTimeIsOneThatAClockTold(t *testing.T) {
	sim := cloudsim.New(cloudsim.Options{Simulations: simulations.All()})
	e := &Engine{
		Switches: []Switch{{Name: "proxy-ssl", Function: "proxyssl", Target: decision.Proxy, Creates: true}},
		Cloud:    &cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: sim.RoundTripper()}},
		Ledger:   ledger.NewMemory(), Bus: &bus.Memory{},
	}
	require.NoError(t, e.Init())
	kept := 0
	f := &Follower{Engine: e, Kept: func(*Followed) { kept++ }}
	at, err := time.Parse(time.RFC3339, "0000-01-01T00:00:00+23:59")
	require.NoError(t, err)
	ev := event.New()
	ev.SetID("1")
	ev.SetSource("urn:interlock:proxy-ssl")
	ev.SetType(events.TypeSwitchCompleted)
	ev.SetTime(at)
	data := events.Completed{Switch: "proxy-ssl", Result: events.Accepted, JobID: "job",
		Target: events.Target{ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: "096c0fc43e804757b59946b80dc27f8bin07"}}
	require.NoError(t, ev.SetData(event.ApplicationJSON, data))
	r := f.Handle(t.Context(), JobFollow, ev)
	require.Equal(t, events.NotYet, r.Error.Code, r.Error.Detail)
	require.Equal(t, 1, kept)

	data.JobID = "../job"
	require.NoError(t, ev.SetData(event.ApplicationJSON, data))
	r = f.Handle(t.Context(), JobFollow, ev)
	require.Equal(t, Rejected, r.Kind)
	require.Equal(t, "data.job_id", r.Error.Fields[0].Path)
	require.True(t, r.Event.Time().IsZero())
}
