package functions_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// It is half past nine; the samples' windows go from nine to eleven.
func TestTicketRules(t *testing.T) {
	noWindow := []any{"data.ticket.window", localtest.Gone}
	cases := []struct {
		name   string
		change []any
		status int
		code   events.Code
		after  string // Retry-After
	}{
		{"approved by its requester alone", []any{"data.ticket.approved_by", []string{" Requester@Example.com "}}, http.StatusForbidden, events.NotApproved, ""},
		{"approved by nobody", []any{"data.ticket.approved_by", []string{}}, http.StatusForbidden, events.NotApproved, ""},
		{"approved by another too", []any{"data.ticket.approved_by", []string{"requester@example.com", "approver@example.com"}}, 0, "", ""},
		{"window over", []any{"data.ticket.window.end", "2026-11-22T09:29:59Z"}, http.StatusForbidden, events.WindowOver, ""},
		{"window over this very moment", []any{"data.ticket.window.end", "2026-11-22T09:30:00Z"}, http.StatusForbidden, events.WindowOver, ""},
		{"window open this very moment", []any{"data.ticket.window.start", "2026-11-22T09:30:00Z"}, 0, "", ""},
		{"window opens in a minute", []any{"data.ticket.window.start", "2026-11-22T09:31:00Z"}, http.StatusConflict, events.NotYet, "60"},
		{"window without an end", []any{"data.ticket.window.end", localtest.Gone}, 0, "", ""},
		{"no window", noWindow, 0, "", ""},
		{"approved in the future", append(noWindow, "data.ticket.approved_at", "2026-11-22T09:35:01Z"), http.StatusUnprocessableEntity, events.Future, ""},
		{"approved within the tolerance", append(noWindow, "data.ticket.approved_at", "2026-11-22T09:35:00Z"), 0, "", ""},
		{"dated in the future", append(noWindow, "data.ticket.approved_at", localtest.Gone, "time", "2027-11-22T09:00:00Z"), http.StatusUnprocessableEntity, events.Future, ""},
		{"approved before the memory began", append(noWindow, "data.ticket.approved_at", "2026-08-24T09:29:59Z"), http.StatusUnprocessableEntity, events.Expired, ""},
		{"approved on the first day remembered", append(noWindow, "data.ticket.approved_at", "2026-08-24T09:30:01Z"), 0, "", ""},
		{"without any date", append(noWindow, "data.ticket.approved_at", localtest.Gone, "time", localtest.Gone), 0, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
				answer := w.Post(t, sw.Function, ticket(t, sw.Name, c.change...))
				if c.status == 0 {
					require.Equal(t, 2, answer.Status/100, string(answer.Body))
					require.Len(t, w.Flips(), 1)
					return
				}
				require.Equal(t, c.status, answer.Status, string(answer.Body))
				require.Equal(t, c.code, answer.Problem(t).Code)
				require.Equal(t, c.after, answer.Header.Get("Retry-After"))
				require.Empty(t, w.Sent())
				published := w.Bus.Take()
				if c.after != "" {
					require.Empty(t, published)
					return
				}
				require.Len(t, published, 1)
				rejected := localtest.Rejected(t, published[0])
				require.Equal(t, c.code, rejected.Error.Code)
				require.Equal(t, sw.Name, rejected.Switch)
				require.NotNil(t, rejected.Target)
			})
		})
	}
}

// A ticket whose window is not open yet is applied when it has opened.
func TestNotYet(t *testing.T) {
	each(t, localtest.Options{Bolt: true}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		body := ticket(t, sw.Name, "data.ticket.window.start", "2026-11-22T10:00:00Z")
		require.Equal(t, http.StatusConflict, w.Post(t, sw.Function, body).Status)
		w.Advance(30 * 60e9)
		answer := w.Post(t, sw.Function, body)
		require.Equal(t, 2, answer.Status/100, string(answer.Body))
		require.Len(t, w.Flips(), 1)
	})
}

// A rejection that is on record is never judged again.
func TestRejectedStaysRejected(t *testing.T) {
	each(t, localtest.Options{}, func(t *testing.T, w *localtest.World, sw huawei.Switch) {
		body := ticket(t, sw.Name, "data.ticket.window", localtest.Gone, "data.ticket.approved_at", "2026-11-22T12:00:00Z")
		first := w.Post(t, sw.Function, body)
		require.Equal(t, events.Future, first.Problem(t).Code)
		w.Advance(3 * 3600e9)
		again := w.Post(t, sw.Function, body)
		require.Equal(t, string(first.Body), string(again.Body))
		require.Empty(t, w.Sent())
		require.Len(t, w.Bus.Take(), 1)
	})
}
