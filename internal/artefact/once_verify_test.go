//go:build verify

package artefact

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// happened sees to it that everything has happened once: one effect, and one
// event by its id, which tells of it.
func (a *account) happened(t *testing.T) {
	t.Helper()
	until(t, "no event was published", func() bool { return len(a.ids()) > 0 })
	require.Equal(t, []string{events.TypeSwitchCompleted}, slices.Collect(maps.Values(a.ids())))
	effects := a.cloud.Effects()
	require.Len(t, effects, 1)
	require.Equal(t, effects[0].JobID, localtest.Completed(t, a.published()[0]).JobID)
}

// step is one of the calls that handling an event makes.
type step struct {
	operation string
	// serial is which call of the operation it is.
	serial int
}

func (s step) at(a *account) *wire {
	switch {
	case s.operation == "PutEvents":
		return a.bus
	case strings.HasPrefix(s.operation, "PUT "):
		return a.cloudW
	case s.operation == "GetSecretValue":
		return a.secrets
	}
	return a.table
}

// path is where the ticket of serial 1 sends its call.
var path = "PUT /v3/" + localtest.Proxy.ProjectID + "/instances/" + instance(1) + "/proxy/" + localtest.Proxy.ProxyID + "/ssl"

var steps = map[string]step{
	"claim":  {"TransactWriteItems", 1},
	"secret": {"GetSecretValue", 1},
	"call":   {path, 1},
	"settle": {"TransactWriteItems", 2},
	"emit":   {"PutEvents", 1},
	"mark":   {"PutItem", 1},
}

// A process may be killed at any of its calls, whether that still arrives or
// not: the next deliveries bring it to the same end.
func TestKilled(t *testing.T) {
	t.Parallel()
	for name, s := range steps {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, arrives %t", name, arrives), func(t *testing.T) {
				t.Parallel()
				a := newAccount(t, "proxyssl")
				f := a.functions["proxyssl"]
				shortly := f.shortly()
				held := make(chan struct{})
				a.strike(s, fate{LoseRequest: !arrives, LoseAnswer: arrives, Until: make(chan struct{})}, held)
				go func() {
					<-held
					f.kill()
				}()
				payload := sqs(t, string(ticket(t, "proxy-ssl", 1)))
				// Little time, so that the lease of what is killed is short.
				require.True(t, f.invokeFor(payload, shortly).Exited)
				until(t, "it did not end", func() bool { return len(failures(t, f.invoke(payload))) == 0 })
				a.happened(t)
			})
		}
	}
}

// strike gives one step's call a fate, once, and says when that has come.
func (a *account) strike(s step, f fate, came chan<- struct{}) {
	var mu sync.Mutex
	seen := 0
	s.at(a).interfere(func(c call) fate {
		mu.Lock()
		defer mu.Unlock()
		if c.Name != s.operation {
			return fate{}
		}
		if seen++; seen != s.serial {
			return fate{}
		}
		if came != nil {
			close(came)
		}
		return f
	})
}

// Whom it calls may take longer than there is time: the process is killed at its
// deadline, or gives up just before, and the event is delivered again.
func TestTimeOut(t *testing.T) {
	t.Parallel()
	for name, s := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, "proxyssl")
			f := a.functions["proxyssl"]
			shortly := f.shortly()
			s.at(a).interfere(func(c call) fate {
				return fate{LoseAnswer: c.Name == s.operation, Until: make(chan struct{})}
			})
			payload := sqs(t, string(ticket(t, "proxy-ssl", 1)))
			first := f.invokeFor(payload, shortly)
			require.True(t, first.failed() || len(failures(t, first)) > 0)
			s.at(a).interfere(nil)
			until(t, "it did not end", func() bool { return len(failures(t, f.invoke(payload))) == 0 })
			a.happened(t)
		})
	}
}

// An answer that is lost on the way, while the process lives on, changes
// nothing either.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, s := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, "proxyssl")
			f := a.functions["proxyssl"]
			shortly := f.shortly()
			a.strike(s, fate{LoseAnswer: true}, nil)
			payload := sqs(t, string(ticket(t, "proxy-ssl", 1)))
			until(t, "it did not end", func() bool { return len(failures(t, f.invokeFor(payload, shortly))) == 0 })
			a.happened(t)
		})
	}
}
