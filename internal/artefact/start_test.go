package artefact

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// What is wrong with the configuration ends the start at once, with one line
// that names the variable.
func TestStartStops(t *testing.T) {
	t.Parallel()
	for variable, env := range map[string][]string{
		"INTERLOCK_LEDGER":          {"INTERLOCK_LEDGER="},
		"INTERLOCK_BUS":             {"INTERLOCK_BUS=kafka:x"},
		"INTERLOCK_QUEUE":           {"INTERLOCK_QUEUE=x"},
		"AWS_REGION":                {"INTERLOCK_LEDGER=dynamodb:t"},
		"AWS_ENDPOINT_URL_DYNAMODB": {"INTERLOCK_LEDGER=dynamodb:t", "AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL=http://example.com"},
		"INTERLOCK_SECRET_ID":       {"INTERLOCK_SECRET_ID=s"},
	} {
		t.Run(variable, func(t *testing.T) {
			require.Contains(t, stopped(t, "proxyssl", env...), variable+": ")
		})
	}
}

// A function that there is not would answer every event with nothing, and its
// queue would take that for an acknowledgement: it does not start.
func TestStartsAsAFunctionThatThereIs(t *testing.T) {
	t.Parallel()
	var all []string
	for _, s := range functions.All() {
		all = append(all, s.Function)
	}
	expected := strings.Join(append(all, engine.JobFollow), ", ")
	for _, name := range []string{"multitenat", "bootstrap", ""} {
		require.Equal(t, fmt.Sprintf("start: _HANDLER: found %q, expected the name of a function: %s", name, expected), stopped(t, name))
	}
}

// stopped is the one line of a function that ends at its start, before it has
// asked for an invocation.
func stopped(t *testing.T, function string, env ...string) (message string) {
	t.Helper()
	w := newAlone(t, artefact, function, env...)
	a := w.invoke(ticket(t, "proxy-ssl", 1))
	require.True(t, a.Exited, "%+v", a)
	require.Zero(t, w.asked.Load(), "it asked for an invocation")
	text := w.out.String()
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	line := w.out.lines(t)[0]
	require.Equal(t, "ERROR", line["level"])
	return line["message"].(string)
}

// A panic in a switch becomes an error that the platform sees, without the words
// of the panic; when the event comes again it is looked for what became of the call.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newAlone(t, "./internal/artefact/testdata/panics", "proxyssl", "INTERLOCK_QUIET=1ms", "CANARY="+canary)
	payload := ticket(t, "proxy-ssl", 1)
	a := w.invokeFor(payload, w.shortly())
	require.Equal(t, "Later", a.ErrorType)
	require.Contains(t, a.ErrorMessage, "broke off")
	line := w.out.awaits(t, "level", "ERROR")
	require.Equal(t, "CHG0001-1", line["id"])
	require.Contains(t, line["stack"], "testdata/panics/main.go")
	require.Empty(t, w.cloud.Effects())
	require.Eventually(t, func() bool {
		a = w.invoke(payload)
		return len(w.cloud.CallsOf(cloudsim.ListImmediateJobs)) > 0
	}, 5*time.Minute, 100*time.Millisecond)
	require.Equal(t, "Later", a.ErrorType)
	require.Contains(t, a.ErrorMessage, "no job is listed, which proves nothing")
	require.Empty(t, w.cloud.Effects(), "sent again though it may have been sent")
}
