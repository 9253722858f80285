package cloudapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestListImmediateJobs(t *testing.T) {
	shanghai := time.FixedZone("", 8*3600)
	c := steps(t, step{
		method: "GET",
		uri: "/v3/" + project + "/immediate-jobs?end_time=2026-11-22T10%3A00%3A00%2B0000&job_id=" + job +
			"&job_name=SomeJob&limit=20&offset=3&start_time=2026-11-22T09%3A00%3A00%2B0000&status=Running",
		answers: http.Header{"Date": {"Sun, 22 Nov 2026 09:00:05 GMT"}},
		answer: `{"total_count":"41","jobs":[{"job_id":"` + job + `","job_name":"SomeJob","status":"RUNNING","instance_id":"` + instance +
			`","instance_name":"db","process":"60%","created_time":"2026-11-22T17:00:03+0800","ended_time":"","fail_reason":"","extra":{}}]}`,
	})
	page, err := c.ListImmediateJobs(t.Context(), project, JobQuery{
		JobID: job, Name: "SomeJob", Status: JobRunning, Offset: 3, Limit: 20,
		Start: time.Date(2026, 11, 22, 17, 0, 0, 0, shanghai), End: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	require.Equal(t, JobPage{
		Jobs: []Job{{
			ID: job, Name: "SomeJob", Status: JobRunning, InstanceID: instance, InstanceName: "db", Process: "60%",
			Created: time.Date(2026, 11, 22, 9, 0, 3, 0, time.UTC),
		}},
		Total: 41, Date: time.Date(2026, 11, 22, 9, 0, 5, 0, time.UTC),
	}, page)
}

func TestListImmediateJobsDefaults(t *testing.T) {
	for _, answer := range []string{`{"jobs":[],"total_count":0}`, `{"jobs":null,"total_count":0}`} {
		c := steps(t, step{
			method: "GET", uri: "/v3/" + project + "/immediate-jobs?limit=50&offset=1", answer: answer,
			answers: http.Header{"Date": nil},
		})
		page, err := c.ListImmediateJobs(t.Context(), project, JobQuery{})
		require.NoError(t, err)
		require.Empty(t, page.Jobs)
		require.Zero(t, page.Date)
	}
}

func TestListImmediateJobsWithoutRequest(t *testing.T) {
	_, err := steps(t).ListImmediateJobs(t.Context(), project, JobQuery{Limit: 30})
	require.ErrorContains(t, err, "limit: found 30, expected 10, 20 or 50")
}

// What is wrong with one job says nothing of the others, and none is overlooked.
func TestListImmediateJobsReadsEachForItself(t *testing.T) {
	const good = `{"job_id":"a","status":"Running","instance_id":"i","created_time":"2026-11-22T17:00:03+0800"}`
	whole := Job{ID: "a", Status: JobRunning, InstanceID: "i", Created: time.Date(2026, 11, 22, 9, 0, 3, 0, time.UTC)}
	for odd, want := range map[string]Job{
		`{"status":"Running","created_time":"2026-11-22T17:00:03+0800"}`: {Status: JobRunning, Created: whole.Created},
		`{"job_id":"b","created_time":""}`:                               {ID: "b"},
		`{"job_id":"b","created_time":"2026-11-22T17:00:03"}`:            {ID: "b"},
		`{"job_id":"b/../c","instance_id":"i"}`:                          {InstanceID: "i"},
		`{"job_id":{},"status":[]}`:                                      {},
		`"b"`:                                                            {},
		`null`:                                                           {},
	} {
		for _, total := range []string{`,"total_count":"2"`, ``} {
			c := steps(t, step{method: "GET", uri: "/v3/" + project + "/immediate-jobs?limit=50&offset=1", answer: `{"jobs":[` + odd + `,` + good + `]` + total + `}`})
			page, err := c.ListImmediateJobs(t.Context(), project, JobQuery{})
			require.NoError(t, err, odd)
			require.Equal(t, []Job{want, whole}, page.Jobs)
			if total == "" {
				require.Negative(t, page.Total)
			}
		}
	}
}

// What cannot be read must not look like a list in which a job is absent.
func TestListImmediateJobsUnreadable(t *testing.T) {
	for _, answer := range []string{
		``, `{}`, `[]`, `{"jobs":null}`, `{"jobs":null,"total_count":"?"}`, `{"jobs":{},"total_count":0}`, `{"jobs":null,"total_count":-1}`, `{"total_count":1}`,
	} {
		c := steps(t, step{method: "GET", uri: "/v3/" + project + "/immediate-jobs?limit=50&offset=1", answer: answer})
		_, err := c.ListImmediateJobs(t.Context(), project, JobQuery{})
		require.ErrorContains(t, err, "ListImmediateJobs: 200", answer)
	}
}

func TestStamp(t *testing.T) {
	want := time.Date(2018, 8, 6, 2, 41, 14, 0, time.UTC)
	for _, raw := range []string{
		`"2018-08-06T10:41:14+0800"`, `"2018-08-06T10:41:14+08:00"`, `"2018-08-06T02:41:14Z"`, `"2018-08-06T02:41:14.000Z"`,
		`"2018-08-06 10:41:14+0800"`, `"2018-08-06 10:41:14+08:00"`, `" 2018-08-06T10:41:14+0800 "`,
	} {
		var s stamp
		require.NoError(t, s.UnmarshalJSON([]byte(raw)))
		require.Equal(t, want, s.Time, raw)
	}
	for _, raw := range []string{`null`, `""`, `"2018-08-06T10:41:14"`, `1533523274`, `{}`, `"soon"`} {
		s := stamp{Time: want}
		require.NoError(t, s.UnmarshalJSON([]byte(raw)))
		require.Zero(t, s.Time, raw)
	}
}
