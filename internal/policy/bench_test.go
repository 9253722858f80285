package policy_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/policy"
)

// production is the starter, with its entities.
func production(tb testing.TB) policy.Options {
	tb.Helper()
	text, err := os.ReadFile("../../policies/production.cedar")
	require.NoError(tb, err)
	entities, err := os.ReadFile("../../policies/entities.json")
	require.NoError(tb, err)
	o := options(string(text))
	o.Entities = []policy.Text{{Name: "entities.json", Text: string(entities)}}
	return o
}

// What a start costs: parsed, checked against the schema, compiled.
func BenchmarkNew(b *testing.B) {
	o := production(b)
	for b.Loop() {
		_, err := policy.New(o)
		require.NoError(b, err)
	}
}

func BenchmarkAsk(b *testing.B) {
	p, err := policy.New(production(b))
	require.NoError(b, err)
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	end := at.Add(time.Hour)
	q := question()
	q.Now, q.Ticket.ApprovedAt, q.Ticket.Start, q.Ticket.End, q.Ticket.Bound = at, &at, &at, &end, true
	q.Ticket.Approvers = []string{"a@example.com", "b@example.com"}
	for b.Loop() {
		a, err := p.Ask(context.Background(), q)
		require.NoError(b, err)
		require.True(b, a.Permit, a.Reason)
	}
}
