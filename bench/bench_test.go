package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/bench/budget"
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

// What is measured is set up as what is deployed.
func TestDeployed(t *testing.T) {
	template, err := os.ReadFile("../template.yaml")
	require.NoError(t, err)
	for _, setting := range deployed {
		name, value, _ := strings.Cut(setting, "=")
		require.Contains(t, string(template), "\n        "+name+": '"+value+"'\n")
	}
}

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
	// cost is a program that takes so long to start and for each event after it.
	cost := func(cold, warm time.Duration) *program {
		p := &program{candidate: candidate{size: 12e6, warmEvents: 1000}}
		p.cold, p.warm = map[int]run{0: {cpu: cold}}, map[int]run{0: {cpu: cold + warm*1000}}
		return p
	}
	calls := func(p *program, of map[string]int) *program {
		p.trips, p.warmTrips = map[string]int{"GetSecretValue": 1}, map[string]int{"GetSecretValue": 1}
		for operation, n := range of {
			p.trips[operation], p.warmTrips[operation] = n, n*1001
		}
		return p
	}
	ours := map[string]int{"TransactWriteItems": 2, "PutItem": 1, "PutEvents": 1, "cloud": 1}
	least := func() []*program {
		return []*program{
			bare: cost(4*time.Millisecond, 0), plain: cost(0, 0), plainMore: cost(0, 1500*time.Microsecond),
			built: calls(cost(9*time.Millisecond, time.Millisecond), ours), withPolicy: cost(9400*time.Microsecond, 1040*time.Microsecond),
			oneThread: cost(0, 800*time.Microsecond),
		}
	}
	for name, c := range map[string]struct {
		over   func([]*program) []budget.Budget
		change func([]*program)
		missed int
	}{
		"over TLS":            {secureBudgets, func([]*program) {}, 0},
		"slow start over TLS": {secureBudgets, func(p []*program) { p[bare] = cost(1900*time.Microsecond, 0) }, 1},
		"policy: slow start":  {secureBudgets, func(p []*program) { p[withPolicy] = cost(9500*time.Microsecond, 1040*time.Microsecond) }, 1},
		"policy: slow warm":   {secureBudgets, func(p []*program) { p[withPolicy] = cost(9400*time.Microsecond, 1060*time.Microsecond) }, 1},
		"over HTTP":           {openBudgets, func([]*program) {}, 0},
		"slow start":          {openBudgets, func(p []*program) { p[bare] = cost(3*time.Millisecond, 0) }, 1},
		"slow when warm":      {openBudgets, func(p []*program) { p[plainMore] = cost(0, 900*time.Microsecond) }, 1},
		"slow on one thread":  {openBudgets, func(p []*program) { p[oneThread] = cost(0, 600*time.Microsecond) }, 1},
		"large":               {openBudgets, func(p []*program) { p[built].size = 13e6 + 1e4 }, 1},
		"one call more": {openBudgets, func(p []*program) {
			calls(p[built], map[string]int{"TransactWriteItems": 2, "PutItem": 2, "PutEvents": 1})
		}, 1},
		"one call fewer":      {openBudgets, func(p []*program) { calls(p[built], map[string]int{"TransactWriteItems": 2, "PutEvents": 1}) }, 1},
		"nothing for the bus": {openBudgets, func(p []*program) { calls(p[built], map[string]int{"TransactWriteItems": 2, "PutItem": 2}) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			programs := least()
			c.change(programs)
			var told bytes.Buffer
			held := budget.Say(&told, c.over(programs))
			require.Equal(t, c.missed == 0, held, told.String())
			require.Equal(t, c.missed, bytes.Count(told.Bytes(), []byte("MISSED")), told.String())
		})
	}
	require.Contains(t, string(picture(append(least(), &program{candidate: candidate{name: "<peer>", warmEvents: 1}}))), "&lt;peer&gt;")
}
