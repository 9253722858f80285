package cloudapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShowJob(t *testing.T) {
	c := steps(t, step{
		method: "GET", uri: "/v3/" + project + "/jobs?id=" + job,
		answer: `{"job":{"id":"` + job + `","name":"SomeJob","status":"completed","created":"2018-08-06T10:41:14+0800",` +
			`"ended":"2018-08-06T16:41:14+0000","process":100,"instance":{"id":"` + instance + `","name":"db"},"entities":{"x":[1]},"fail_reason":null}}`,
	})
	got, err := c.ShowJob(t.Context(), project, job)
	require.NoError(t, err)
	require.Equal(t, Job{
		ID: job, Name: "SomeJob", InstanceID: instance, InstanceName: "db", Status: JobCompleted, Process: "100",
		Created: time.Date(2018, 8, 6, 2, 41, 14, 0, time.UTC), Ended: time.Date(2018, 8, 6, 16, 41, 14, 0, time.UTC),
	}, got)
}

func TestShowJobNotFound(t *testing.T) {
	for _, s := range []step{
		{status: 404, answer: `{"error_code":"DBS.280343","error_msg":"no such job"}`},
		{status: 400, answer: `{"error_code":"DBS.200013","error_msg":"no such job"}`},
		{answer: `{"job":null}`},
		{answer: `{"job":{}}`},
		{answer: `{}`},
	} {
		s.method, s.uri = "GET", "/v3/"+project+"/jobs?id="+job
		_, err := steps(t, s).ShowJob(t.Context(), project, job)
		require.True(t, asError(t, err).NotFound(), s.answer)
	}
}

func TestShowJobUnreadable(t *testing.T) {
	for _, answer := range []string{`{"job":{"id":"another","status":"Running"}}`, `{"job":{"id":"x"}}`, `{"job":[]}`, `{"job":{"id":"x","status":"Run`} {
		c := steps(t, step{method: "GET", uri: "/v3/" + project + "/jobs?id=" + job, answer: answer})
		_, err := c.ShowJob(t.Context(), project, job)
		require.False(t, asError(t, err).NotFound(), answer)
	}
}

func TestJobStatus(t *testing.T) {
	for status, ended := range map[JobStatus]bool{
		JobPending: false, JobRunning: false, JobUnauthorized: false, "Sleeping": false, "": false,
		JobCompleted: true, JobFailed: true, JobCanceled: true,
	} {
		require.Equal(t, ended, status.Ended(), status)
		require.Equal(t, !ended, status.Open(), status)
	}
}

func TestIsOtherJob(t *testing.T) {
	require.True(t, IsOtherJob("GaussDBforMySQLSwitchSSL"))
	require.False(t, IsOtherJob("GaussDBforMySQLSwitchProxySSL"))
	require.False(t, IsOtherJob(""))
	require.False(t, IsOtherJob("GaussDBforMySQLSwitchSSL", "x", "GaussDBforMySQLSwitchSSL"), "its own")
	require.True(t, IsOtherJob("GaussDBforMySQLBindEIP", "GaussDBforMySQLSwitchSSL"))
	require.Len(t, DocumentedJobNames(), 24)
}
