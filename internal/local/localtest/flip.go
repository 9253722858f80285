package localtest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Case is one way of asking a switch for its call.
type Case struct {
	name, body string
	change     []any
}

// Flip is the case of the sample, changed as [Edit] has it, and the body that the
// API page has for it.
func Flip(name, body string, change ...any) Case { return Case{name, body, change} }

// Flips asks a function for its calls, by the sample in its folder, and holds each
// against the page: one request, and the answer that says whether a job goes on.
func Flips(t *testing.T, function, method, path string, job bool, cases ...Case) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := Start(t, Options{})
			answer := w.Post(t, function, Edit(t, File(t, "sample.json"), c.change...))
			sent := w.Sent()
			require.Len(t, sent, 1, string(answer.Body))
			require.Equal(t, method+" "+path+" "+c.body, sent[0].Method+" "+sent[0].Path+" "+sent[0].Body)
			require.Equal(t, map[bool]int{true: http.StatusAccepted, false: http.StatusOK}[job], answer.Status, string(answer.Body))
			require.Equal(t, job, Completed(t, answer.Event(t)).JobID != "")
		})
	}
}
