//go:build verify

package artefact

import (
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// plugs are what a function depends on.
var plugs = map[string]func(*account) []*wire{
	"table":  func(a *account) []*wire { return []*wire{a.table} },
	"bus":    func(a *account) []*wire { return []*wire{a.bus} },
	"secret": func(a *account) []*wire { return []*wire{a.secrets} },
	"cloud":  func(a *account) []*wire { return []*wire{a.cloudW} },
	// Its own queue is needed only for what is to be handled later.
	"cloud and queue": func(a *account) []*wire { return []*wire{a.cloudW, a.sqs} },
}

// What is away has every sender deliver again; when it is back, they do all
// that there is to do, once.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	for what, wires := range plugs {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, "proxyssl")
			f := a.functions["proxyssl"]
			for i, s := range senders() {
				t.Run(s.name, func(t *testing.T) {
					effects, published := len(a.cloud.Effects()), len(a.ids())
					if what == "secret" {
						f.kill() // or it knows the secret
					}
					for _, w := range wires(a) {
						w.unplug()
					}
					payload := s.wrap(t, ticket(t, "proxy-ssl", i))
					for range 2 {
						first := f.invoke(payload)
						require.True(t, s.again(t, first), string(first.Body))
						if s.event != nil && s.name != "direct" && s.name != "direct batch" {
							require.Equal(t, http.StatusServiceUnavailable, response(t, first).StatusCode)
							// A connection that ends while it is written to leaves a doubt.
							require.Regexp(t, `"code":"(unavailable|doubt)"`, response(t, first).Body)
						}
					}
					for _, w := range wires(a) {
						w.plug()
					}
					until(t, "it did not end", func() bool { return !s.again(t, f.invoke(payload)) })
					until(t, "no event", func() bool { return len(a.ids()) > published })
					require.Len(t, a.ids(), published+1)
					require.Len(t, a.cloud.Effects(), effects+1)
				})
			}
		})
	}
}

// Nobody needs to deliver again what the ledger has: the schedule's sweep, of
// another function, brings it to its end.
func TestSweep(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"bus", "secret", "cloud"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, "proxyssl", jobfollow.Function)
			sweep := func() answer { return a.functions[jobfollow.Function].invoke([]byte(`{"interlock":"sweep"}`)) }
			w := plugs[what](a)[0]
			w.unplug()
			require.Equal(t, "Later", a.functions["proxyssl"].invoke(ticket(t, "proxy-ssl", 1)).ErrorType)
			require.False(t, sweep().failed())
			require.Empty(t, a.published())
			w.plug()
			until(t, "it was not swept up", func() bool {
				require.False(t, sweep().failed())
				return len(a.published()) > 0
			})
			a.happened(t)

			a.table.unplug()
			away := sweep()
			require.True(t, away.failed(), "the platform does not see that the sweep found no ledger")
			a.table.plug()
			require.False(t, sweep().failed())
		})
	}
}

const (
	throttled   = `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"The level of configured provisioned throughput for the table was exceeded."}`
	tooFast     = `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate of requests exceeds the allowed throughput."}`
	internal    = `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}`
	conflicting = `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [None, TransactionConflict]","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}]}`
	starved     = `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [ThrottlingError, None]","CancellationReasons":[{"Code":"ThrottlingError","Message":"Throughput exceeds the current capacity of your table or index."},{"Code":"None"}]}`
)

// A table that is throttled is asked again within the delivery, and after it if
// that does not help.
func TestThrottledTable(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fate{
		"throughput": {Status: 400, Body: throttled}, "rate": {Status: 400, Body: tooFast}, "internal": {Status: 500, Body: internal},
		"conflict": {Status: 400, Body: conflicting}, "starved": {Status: 400, Body: starved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, "proxyssl")
			function := a.functions["proxyssl"]
			a.table.interfere(times(2, "TransactWriteItems", f))
			payload := sqs(t, string(ticket(t, "proxy-ssl", 1)))
			require.Empty(t, failures(t, function.invoke(payload)))
			a.happened(t)

			a.table.interfere(func(c call) fate {
				if c.Name == "TransactWriteItems" {
					return f
				}
				return fate{}
			})
			next := sqs(t, string(ticket(t, "proxy-ssl", 2)))
			require.Equal(t, []string{"m0"}, failures(t, function.invoke(next)))
			require.Len(t, a.cloud.Effects(), 1, "called without a claim")
			a.table.interfere(nil)
			require.Empty(t, failures(t, function.invoke(next)))
			require.Len(t, a.cloud.Effects(), 2)
		})
	}
}

// PutEvents may succeed and yet not have taken an event.
func TestFailedEntries(t *testing.T) {
	t.Parallel()
	a := newAccount(t, "proxyssl")
	f := a.functions["proxyssl"]
	refusal := fate{Status: 200, Body: `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"Rate exceeded"}]}`}
	payload := sqs(t, string(ticket(t, "proxy-ssl", 1)))
	a.bus.interfere(func(call) fate { return refusal })
	require.Equal(t, []string{"m0"}, failures(t, f.invoke(payload)))
	require.Empty(t, a.published())
	a.bus.interfere(times(1, "PutEvents", refusal))
	require.Empty(t, failures(t, f.invoke(payload)))
	a.happened(t)
}

// A secret that is rotated while the process lives is fetched again after the
// first refusal, within the same delivery.
func TestRotatedSecret(t *testing.T) {
	t.Parallel()
	a := newAccount(t, "proxyssl")
	f := a.functions["proxyssl"]
	require.False(t, f.invoke(ticket(t, "proxy-ssl", 1)).failed())
	require.Len(t, a.cloud.Effects(), 1)

	rotated := cloudsim.Credentials{AccessKey: "AK2" + canary, SecretKey: "SK2-" + canary}
	after := newCloud(rotated)
	a.cloudW.lead(after)
	a.secrets.take()
	// Not rotated yet: asked for again, and refused without trying the lock.
	denied := f.invoke(ticket(t, "proxy-ssl", 2))
	require.Equal(t, "Later", denied.ErrorType)
	require.Contains(t, denied.ErrorMessage, events.CloudDenied)
	require.Len(t, after.Calls(), 1)
	require.Len(t, a.secrets.take(), 1)

	a.rotate(rotated)
	last := f.invoke(ticket(t, "proxy-ssl", 2))
	require.False(t, last.failed(), last.ErrorMessage)
	require.Len(t, after.Effects(), 1)
	require.Len(t, after.Calls(), 2)
	require.Equal(t, 1, f.starts)

	// From now on by the next one, and in one delivery.
	third := cloudsim.Credentials{AccessKey: "AK3" + canary, SecretKey: "SK3-" + canary}
	a.rotate(third)
	last3 := newCloud(third)
	a.cloudW.lead(last3)
	require.False(t, f.invoke(ticket(t, "proxy-ssl", 3)).failed())
	require.Len(t, last3.Effects(), 1)
}

// rotate gives the secret another value.
func (a *account) rotate(to cloudsim.Credentials) {
	a.t.Helper()
	a.do(awsjson.SecretsManager, "PutSecretValue", object{"SecretId": a.name, "SecretString": secretText(to), "ClientRequestToken": rand.Text() + "-0000000"}, nil)
}
