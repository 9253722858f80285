package cloudsim_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

func TestJobRunsByTheClock(t *testing.T) {
	both(t, Options{JobVisible: 2 * time.Second, JobPending: 3 * time.Second, JobRunning: 10 * time.Second}, func(t *testing.T, e *env) {
		id := e.do("PUT", sslPath, `{"ssl_option":true}`).json(t)["job_id"].(string)
		show := func() answer { return e.do("GET", jobPath+"?id="+id, "") }
		list := func() answer { return e.do("GET", jobsPath+"?job_id="+id, "") }

		e.clock.Add(2*time.Second - 1)
		require.Equal(t, 404, show().status, "not findable at first")
		require.JSONEq(t, `{"jobs":[],"total_count":0}`, list().text)

		e.clock.Add(1)
		require.JSONEq(t, `{"job":{"id":"`+id+`","name":"GaussDBforMySQLSwitchProxySSL","status":"Pending","created":"2026-11-22T17:00:00+0800",
			"process":"0","instance":{"id":"`+cluster+`","name":"gauss-`+cluster+`"},"entities":{}}}`, show().text)
		require.JSONEq(t, `{"total_count":1,"jobs":[{"job_id":"`+id+`","job_name":"GaussDBforMySQLSwitchProxySSL","status":"Pending",
			"instance_id":"`+cluster+`","instance_name":"gauss-`+cluster+`","process":"0","created_time":"2026-11-22T09:00:00+0000"}]}`, list().text)

		e.clock.Add(6 * time.Second)
		job := show().json(t)["job"].(map[string]any)
		require.Equal(t, []any{"Running", "50"}, []any{job["status"], job["process"]})
		require.False(t, e.State(proxyTarget).On["ssl"])

		e.clock.Add(5*time.Second - 1)
		require.Equal(t, "Running", show().json(t)["job"].(map[string]any)["status"])
		e.clock.Add(1)
		job = show().json(t)["job"].(map[string]any)
		require.Equal(t, []any{"Completed", "100", "2026-11-22T17:00:13+0800"}, []any{job["status"], job["process"], job["ended"]})
		require.True(t, e.State(proxyTarget).On["ssl"])

		require.Equal(t, 404, e.do("GET", strings.Replace(jobPath, project, other, 1)+"?id="+id, "").status, "of another project")
	})
}

func TestJobList(t *testing.T) {
	e := newEnv(t, Options{JobVisible: -1}, false)
	var ids []string
	for i := range 45 {
		ids = append(ids, e.StartJob(ConsoleJob{ProjectID: project, InstanceID: cluster, Name: fmt.Sprintf("Job%d", i%3), FailReason: strings.Repeat("x", i%2)}))
		e.clock.Add(10 * time.Second)
	}
	e.StartJob(ConsoleJob{ProjectID: other, InstanceID: cluster, Name: "Job0"})
	at := func(d time.Duration) string {
		return url.QueryEscape(newClock().Now().Add(d).Format("2006-01-02T15:04:05-0700"))
	}
	for query, want := range map[string]struct {
		total, listed int
		first         string
	}{
		"":                                   {45, 10, ids[44]},
		"?offset=1":                          {45, 10, ids[44]},
		"?offset=2":                          {45, 10, ids[34]},
		"?offset=5":                          {45, 5, ids[4]},
		"?offset=6":                          {45, 0, ""},
		"?limit=20&offset=3":                 {45, 5, ids[4]},
		"?limit=50":                          {45, 45, ids[44]},
		"?job_name=Job1&limit=50":            {15, 15, ids[43]},
		"?status=Failed&limit=50":            {22, 22, ids[43]},
		"?status=Completed":                  {23, 10, ids[44]},
		"?status=Canceled":                   {0, 0, ""},
		"?job_id=" + ids[7]:                  {1, 1, ids[7]},
		"?start_time=" + at(400*time.Second): {5, 5, ids[44]},
		"?end_time=" + at(30*time.Second):    {4, 4, ids[3]},
		"?start_time=" + at(10*time.Second) + "&end_time=" + at(20*time.Second):   {2, 2, ids[2]},
		"?start_time=" + url.QueryEscape("2026-11-22T17:07:20+0800"):              {1, 1, ids[44]},
		"?status=Failed&job_name=Job0&limit=20&start_time=" + at(300*time.Second): {2, 2, ids[39]},
	} {
		a := e.do("GET", jobsPath+query, "")
		require.Equal(t, 200, a.status, a.text)
		jobs := a.json(t)["jobs"].([]any)
		require.Equal(t, float64(want.total), a.json(t)["total_count"], query)
		require.Len(t, jobs, want.listed, query)
		if want.listed > 0 {
			require.Equal(t, want.first, jobs[0].(map[string]any)["job_id"], query)
		}
	}
}

func TestBusyInstance(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
	}{{0, ""}, {400, "DBS.201014"}, {403, "DBS.201015"}, {409, "DBS.212033"}} {
		both(t, Options{BusyStatus: c.status, BusyCode: c.code}, func(t *testing.T, e *env) {
			require.Equal(t, 200, e.do("PUT", sslPath, `{"ssl_option":true}`).status)
			for _, s := range switches[:4] {
				a := e.do(s.method, s.path, s.on)
				if c.status == 0 {
					require.Equal(t, 409, a.status)
					require.Equal(t, "DBS.200019", a.code())
					continue
				}
				require.Equal(t, c.status, a.status)
				require.Equal(t, c.code, a.code())
			}
			require.Equal(t, 200, e.do("POST", auditPath, switches[4].on).status, "an audit instance is another one")
			require.Equal(t, 200, e.do("PUT", strings.Replace(tenantPath, cluster, "1"+cluster[1:], 1), switches[3].on).status, "another instance")
			require.Len(t, e.Effects(), 3)
			e.clock.Add(6 * time.Second)
			require.Equal(t, 200, e.do("PUT", sslPath, `{"ssl_option":false}`).status)
		})
	}
}

func TestConsoleJobKeepsInstanceBusy(t *testing.T) {
	e := newEnv(t, Options{}, false)
	id := e.StartJob(ConsoleJob{ProjectID: project, InstanceID: cluster, Name: "RebootGaussDBforMySQLInstance", Pending: -1, Running: time.Minute})
	require.Equal(t, id, e.State(proxyTarget).OpenJob)
	require.Equal(t, 409, e.do("PUT", sslPath, `{"ssl_option":true}`).status)
	e.clock.Add(time.Minute)
	require.Equal(t, 200, e.do("PUT", sslPath, `{"ssl_option":true}`).status)
	require.Len(t, e.Effects(), 1)
}
