package cloudapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSwitchAuditDatabase(t *testing.T) {
	one, zero := 1, 0
	on := `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON"}`
	for _, tt := range []struct {
		name    string
		enabled bool
		lts     *int
		body    string
		answer  string
		fails   string
		effect  Effect
	}{
		{"on", true, nil, on, `{"status":"success"}`, "", NoEffect},
		{"off", false, nil, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"OFF"}`, `{"status":"SUCCESS"}`, "", NoEffect},
		{"LTS 1", true, &one, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON","lts_audit_switch":1}`, `{"status":"SUCCESS"}`, "", NoEffect},
		{"LTS 0", true, &zero, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON","lts_audit_switch":0}`, `{"status":"SUCCESS"}`, "", NoEffect},
		{"failed", true, nil, on, `{"status":"FAILED"}`, "status FAILED", NoEffect},
		{"failed, in small letters", true, nil, on, `{"status":"failed"}`, "status FAILED", NoEffect},
		{"another word", true, nil, on, `{"status":"PENDING"}`, "PENDING", MayHave},
		{"no status", true, nil, on, `{}`, "expected SUCCESS or FAILED", MayHave},
		{"no JSON", true, nil, on, `OK`, "answer: ", MayHave},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := steps(t, step{
				method: "POST", uri: "/v3/" + project + "/audit/" + theDatabase.InstanceID + "/databases/switch",
				body: tt.body, answer: tt.answer,
			})
			err := c.SwitchAuditDatabase(t.Context(), theDatabase, tt.enabled, tt.lts)
			if tt.fails == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.fails)
			require.Equal(t, tt.effect, asError(t, err).Effect)
			require.Equal(t, 200, asError(t, err).Status)
		})
	}
}

// auditPage is a page of databases that are ON, numbered from and to.
func auditPage(from, to int, last string) string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf(`{"database":{"id":"db-%d","status":"ON","audit_status":"ACTIVE"}}`, i))
	}
	if last != "" {
		all = append(all, last)
	}
	return `{"databases":[` + strings.Join(all, ",") + `],"total":250}`
}

func TestAuditDatabase(t *testing.T) {
	uri := "/v2/" + project + "/audit/" + theDatabase.InstanceID + "/databases?limit=100&offset="
	ours := func(status string) string {
		return `{"database":{"id":"` + theDatabase.DatabaseID + `","status":` + status + `,"audit_status":"SHUTOFF"}}`
	}
	t.Run("on the second page", func(t *testing.T) {
		c := steps(t,
			step{method: "GET", uri: uri + "0", answer: auditPage(0, 100, "")},
			step{method: "GET", uri: uri + "100", answer: auditPage(100, 120, ours(`1`))})
		on, err := c.AuditDatabase(t.Context(), theDatabase)
		require.NoError(t, err)
		require.True(t, on)
	})
	t.Run("off", func(t *testing.T) {
		c := steps(t, step{method: "GET", uri: uri + "0", answer: auditPage(0, 1, ours(`"OFF"`))})
		on, err := c.AuditDatabase(t.Context(), theDatabase)
		require.NoError(t, err)
		require.False(t, on)
	})
	t.Run("no such database", func(t *testing.T) {
		c := steps(t,
			step{method: "GET", uri: uri + "0", answer: auditPage(0, 3, "")},
			step{method: "GET", uri: uri + "3", answer: auditPage(0, 0, "")})
		_, err := c.AuditDatabase(t.Context(), theDatabase)
		require.True(t, asError(t, err).NotFound())
	})
	t.Run("a server that ignores the offset", func(t *testing.T) {
		c := steps(t,
			step{method: "GET", uri: uri + "0", answer: auditPage(0, 3, "")},
			step{method: "GET", uri: uri + "3", answer: auditPage(0, 3, "")})
		_, err := c.AuditDatabase(t.Context(), theDatabase)
		require.True(t, asError(t, err).NotFound())
	})
	t.Run("unreadable", func(t *testing.T) {
		for _, answer := range []string{`{}`, auditPage(0, 1, ours(`"?"`)), auditPage(0, 1, ours(`null`))} {
			c := steps(t, step{method: "GET", uri: uri + "0", answer: answer})
			_, err := c.AuditDatabase(t.Context(), theDatabase)
			require.False(t, asError(t, err).NotFound(), answer)
			require.False(t, asError(t, err).MayHaveEffect(), answer)
		}
	})
}
