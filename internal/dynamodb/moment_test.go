package dynamodb_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// meeting is a ledger whose next write meets another transaction on the instance;
// do is what happens right after.
type meeting struct {
	*dynamotest.DB
	calls, pauses []string
	do            func()
}

func (m *meeting) RoundTrip(q *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(q.Header.Get("X-Amz-Target"), ".")
	m.calls = append(m.calls, operation)
	first := len(m.calls) == 1
	if first {
		m.Fault, m.Turn = func(string) dynamotest.Fault { return dynamotest.Conflicting }, 1
	}
	res, err := m.DB.RoundTrip(q)
	if m.Fault = nil; first && m.do != nil {
		m.do()
	}
	return res, err
}

// meet is such a ledger, and another process's on the same table.
func meet(t *testing.T) (m *meeting, l, other *dynamodb.Ledger) {
	m = &meeting{DB: new(dynamotest.DB)}
	other = &dynamodb.Ledger{Client: m.Client(nil), Table: "ledger"}
	require.NoError(t, other.Client.Do(t.Context(), "CreateTable", dynamotest.Table("ledger"), nil))
	l = &dynamodb.Ledger{Client: m.Client(m), Table: "ledger", Sleep: func(_ context.Context, d time.Duration) error {
		m.pauses = append(m.pauses, d.String())
		return nil
	}}
	return m, l, other
}

// An answer is of one moment. Where a refusal does not say all, because another
// transaction was in the way, all is read at once: who holds the instance does not
// stand beside an older view of the decision.
func TestAnAnswerIsOfOneMoment(t *testing.T) {
	m, l, other := meet(t)
	require.NoError(t, other.Wait(t.Context(), ask("a", 1, 0), ledger.Wait{Due: at(20)}))
	m.do = func() {
		a, err := other.Claim(t.Context(), ask("a", 1, 1))
		require.NoError(t, err)
		require.Equal(t, ledger.New, a.Verdict)
	}
	a, err := l.Claim(t.Context(), ask("a", 1, 2))
	require.NoError(t, err)
	require.Equal(t, ledger.Held, a.Verdict)
	require.Equal(t, ask("a", 1, 1).Nonce, a.Holder.Nonce)
	require.Equal(t, ledger.Working, a.Record.State)
	require.Equal(t, a.Holder.Nonce, a.Record.Nonce)
	require.Equal(t, []string{"TransactWriteItems", "TransactGetItems"}, m.calls)
}

// What is done is answered from that reading, without waiting for a better write.
func TestNobodyWaitsForWhatIsKnown(t *testing.T) {
	m, l, other := meet(t)
	c := ask("a", 1, 0)
	_, err := other.Claim(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, other.Settle(t.Context(), c.Key, c.Nonce, accepted))
	a, err := l.Claim(t.Context(), ask("a", 1, 6))
	require.NoError(t, err)
	require.Equal(t, ledger.Done, a.Verdict)
	require.Equal(t, []string{"TransactWriteItems", "TransactGetItems"}, m.calls)
	require.Empty(t, m.pauses)
}

// A reading that meets a write is tried again, and in the end given up.
func TestReadingAtOneMomentIsPatient(t *testing.T) {
	m, l, other := meet(t)
	require.NoError(t, other.Wait(t.Context(), ask("a", 1, 0), ledger.Wait{Due: at(20)}))
	reads := 0
	l.Client.HTTP = &http.Client{Transport: through(func(q *http.Request) (*http.Response, error) {
		if strings.HasSuffix(q.Header.Get("X-Amz-Target"), "TransactGetItems") {
			if reads++; reads < 4 {
				m.Fault = func(string) dynamotest.Fault { return dynamotest.Conflicting }
			}
		}
		return m.RoundTrip(q)
	})}
	a, err := l.Claim(t.Context(), ask("a", 1, 2))
	require.NoError(t, err)
	require.Equal(t, ledger.New, a.Verdict)
	require.Equal(t, 4, reads)

	l.Client.HTTP = &http.Client{Transport: through(func(q *http.Request) (*http.Response, error) {
		m.Fault = func(string) dynamotest.Fault { return dynamotest.Conflicting }
		return m.DB.RoundTrip(q)
	})}
	a, err = l.Claim(t.Context(), ask("a", 1, 3))
	require.NoError(t, err)
	require.Equal(t, ledger.Held, a.Verdict)
	require.Zero(t, a.Holder.Key, "by nobody known")
}

type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }
