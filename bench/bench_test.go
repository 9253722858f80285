package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// BenchmarkEngine is the way of one ticket through the engine, with a ledger in
// memory and a simulated cloud that is reached without sockets; the cloud's own
// work counts here, too.
func BenchmarkEngine(b *testing.B) {
	b.Run("alone", func(b *testing.B) { benchmarkEngine(b, config.Config{}) })
	b.Run("policy", func(b *testing.B) {
		benchmarkEngine(b, config.Config{Policy: "file:../policies/production.cedar", PolicyEntities: "file:../policies/entities.json"})
	})
}

func benchmarkEngine(b *testing.B, c config.Config) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobVisible: -1, JobPending: -1, JobRunning: -1})
	h := host.New(c, functions.All(), &cloudapi.Client{
		GaussDB: "https://cloud.test", DBSS: "https://cloud.test", HTTP: &http.Client{Transport: cloud.RoundTripper()},
		Auth: &cloudapi.AKSK{AccessKey: cloudsim.DefaultAccessKey, SecretKey: cloudsim.DefaultSecretKey},
	}, ledger.NewMemory(), &bus.Memory{})
	rules, err := host.Policy(c, functions.All(), nil)
	require.NoError(b, err)
	h.Engine.Policy = rules
	require.NoError(b, h.Engine.Init())
	ctx, cancel := context.WithTimeout(admission.With(b.Context(), admission.Admission{Door: "direct"}), time.Hour)
	defer cancel()
	b.ReportAllocs()
	serial := 0
	for b.Loop() {
		serial++
		var ev event.Event
		require.NoError(b, ev.UnmarshalJSON(ticket(serial)))
		r := h.Handle(ctx, "proxyssl", ev)
		require.Equal(b, engine.Completed, r.Kind, "%+v", r.Error)
	}
}

type yes struct{}

func (yes) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte("{}"))), Request: r}, nil
}

// BenchmarkAWSCall is a call of an AWS service without the network: JSON both
// ways, and the signature.
func BenchmarkAWSCall(b *testing.B) {
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, &http.Client{Transport: yes{}})
	require.NoError(b, err)
	in := map[string]any{"TableName": "table", "Item": map[string]any{"pk": map[string]string{"S": string(ticket(1))}}}
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, c.Do(b.Context(), "PutItem", in, nil))
	}
}

func TestBudgetsAreHeld(t *testing.T) {
	cost := func(cold, warm time.Duration, size int64, trips map[string]int) *program {
		p := &program{size: size, trips: map[string]int{"GetSecretValue": 1}, warmTrips: map[string]int{"GetSecretValue": 1}}
		for operation, n := range trips {
			p.trips[operation], p.warmTrips[operation] = n, n*(1+warmEvents)
		}
		p.cold, p.warm = []run{{cpu: cold}}, []run{{cpu: cold + warm*warmEvents}}
		return p
	}
	withIt := func(cold, warm time.Duration) []*program {
		f := cost(20*time.Millisecond, time.Millisecond, 0, nil)
		return []*program{bare: cost(5*time.Millisecond, 0, 0, nil), plain: f, plainMore: f, built: f, withPolicy: cost(cold, warm, 0, nil)}
	}
	require.True(t, budgets(io.Discard, withIt(20900*time.Microsecond, 1040*time.Microsecond), true))
	require.False(t, budgets(io.Discard, withIt(21100*time.Microsecond, 1040*time.Microsecond), true), "a slow start")
	require.False(t, budgets(io.Discard, withIt(20900*time.Microsecond, 1060*time.Microsecond), true), "slow when warm")
	slow := withIt(20*time.Millisecond, time.Millisecond)
	slow[bare] = cost(4*time.Millisecond, 0, 0, nil)
	require.False(t, budgets(io.Discard, slow, true), "a start of five times the least")

	ours := map[string]int{"TransactWriteItems": 2, "PutItem": 1, "PutEvents": 1, "cloud": 1}
	for name, c := range map[string]struct {
		f  *program
		ok bool
	}{
		"met":            {cost(9*time.Millisecond, time.Millisecond, 13e6, ours), true},
		"slow start":     {cost(11*time.Millisecond, time.Millisecond, 13e6, ours), false},
		"slow":           {cost(9*time.Millisecond, 2*time.Millisecond, 13e6, ours), false},
		"large":          {cost(9*time.Millisecond, time.Millisecond, 13e6+1, ours), false},
		"one call more":  {cost(9*time.Millisecond, time.Millisecond, 13e6, map[string]int{"TransactWriteItems": 2, "PutItem": 2, "PutEvents": 1}), false},
		"one call fewer": {cost(9*time.Millisecond, time.Millisecond, 13e6, map[string]int{"TransactWriteItems": 2, "PutEvents": 1}), false},
	} {
		t.Run(name, func(t *testing.T) {
			var told bytes.Buffer
			ok := budgets(&told, []*program{
				bare: cost(4*time.Millisecond, 0, 0, nil), plain: cost(0, 0, 0, nil), plainMore: cost(0, 1500*time.Microsecond, 0, nil), built: c.f, withPolicy: c.f,
			}, false)
			require.Equal(t, c.ok, ok, told.String())
			require.Equal(t, !c.ok, bytes.Contains(told.Bytes(), []byte("MISSED")), fmt.Sprint(told.String()))
		})
	}
}
