package policy_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/policy"
)

// Whatever a ticket carries and however people are named, there is an answer,
// and what has no value of its declared type is never permitted.
func FuzzAsk(f *testing.F) {
	p, err := policy.New(options(`@ticket("s: String, n: Long, d: decimal, at: datetime, u: User, set: Set<Long>, r: { a: Long, b?: Set<ipaddr> }")
		permit (principal, action, resource) when { context has ticket && context.ticket.approver_count >= 0 };`))
	require.NoError(f, err)
	for _, seed := range []string{`"low"`, `1`, `1.5`, `-0`, `1e999999999`, `null`, `[1,[2]]`, `{"a":1,"b":["10.0.0.1"]}`, `"2026-11-24T10:00:00Z"`, `"9999-99-99"`, "\"\xff", `"\ud800"`} {
		f.Add(seed, "requester@example.com", "approver@example.com")
	}
	f.Fuzz(func(t *testing.T, raw, requester, approver string) {
		q := question()
		q.Ticket.RequestedBy, q.Ticket.Approvers = requester, []string{approver}
		members := []string{"s", "n", "d", "at", "u", "set", "r"}
		permits := 0
		for _, name := range members {
			q.Ticket.More = map[string]json.RawMessage{name: json.RawMessage(raw)}
			a, err := p.Ask(context.Background(), q)
			require.NoError(t, err)
			_, _, err = p.Facts(q)
			require.NoError(t, err)
			if a.Permit {
				permits++
			}
		}
		if !json.Valid([]byte(raw)) {
			require.Zero(t, permits, raw)
		}
	})
}

// Whatever a policy says, it is read or refused, with a place in one line.
func FuzzNew(f *testing.F) {
	o := production(f)
	f.Add(o.Policies[0].Text, o.Entities[0].Text)
	f.Add(`@ticket("a: {") permit (principal is User, action, resource) when { context has a.b.c && [].contains(1) };`, `[{"uid":{"__entity":{}}}]`)
	f.Fuzz(func(t *testing.T, text, entities string) {
		o.Policies[0].Text, o.Entities[0].Text = text, entities
		p, err := policy.New(o)
		if err != nil {
			require.NotContains(t, err.Error(), "%!")
			return
		}
		_, err = p.Ask(context.Background(), question())
		require.NoError(t, err)
	})
}
