package cloudapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzError: whatever an answer holds, its status is kept, what is told of it
// fits a line of a log, and no secret is repeated.
func FuzzError(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `{"error_code":"DBS.200019","error_msg":"busy","request_id":"r"}`,
		`{"error":{"code":401,"message":"m","title":"t"}}`, `{"error":"x"}`, `{"errCode":1,"externalMessage":true}`,
		`{"details":[{"error_code":"a","error_msg":"b"}]}`, `<title>x`, "<TITLE>\u0130</title>", "\xff\x00", `{"error_code":"`,
		`{"error_msg":"a-secret-token is wrong"}`, strings.Repeat("ä", 2000),
	} {
		f.Add(400, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		re := reply{status: status, header: http.Header{"Retry-After": {body}, "X-Request-Id": {body}}, body: []byte(body)}
		e := re.failure(time.Unix(0, 0))
		if status >= 200 && status < 300 {
			require.Nil(t, e)
			return
		}
		e = e.finish(&operation{method: http.MethodPut}, []string{"a-secret-token"})
		require.Equal(t, status, e.Status)
		require.LessOrEqual(t, len(e.Message), 1024)
		require.LessOrEqual(t, len(e.Code), 64)
		require.LessOrEqual(t, len(e.RequestID), 128)
		require.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		for _, line := range []string{e.Error(), e.LogValue().String()} {
			require.True(t, utf8.ValidString(line))
			require.NotContains(t, line, "a-secret-token")
			require.False(t, strings.ContainsAny(line, "\n\r\x00\x1b"), "%q", line)
		}
		if status >= 400 && status < 500 && status != 408 {
			require.Equal(t, NoEffect, e.Effect)
		}
	})
}

// FuzzJobs: an answer that counts as a list of jobs leaves none out, and each
// of them can be told apart and dated.
func FuzzJobs(f *testing.F) {
	for _, body := range []string{
		`{"jobs":[],"total_count":0}`, `{"jobs":null,"total_count":"3"}`, `{"total_count":1e3}`,
		`{"jobs":[{"job_id":"a","status":"Running","created_time":"2018-08-06T10:41:14+0800","ended_time":null}],"total_count":1}`,
		`{"jobs":[{"job_id":1,"created_time":"2018-08-06T10:41:14Z"}],"total_count":1}`,
		`{"job":{"id":"a","status":"Failed","created":"2018-08-06T10:41:14+0800","process":1,"instance":{"id":"i"}}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		re := reply{status: 200, header: http.Header{}, body: body}
		var list jobListAnswer
		if re.read(&operation{method: http.MethodGet}, &list) == nil {
			var raw map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(body, &raw))
			for i := range list.Jobs {
				j := list.Jobs[i].job()
				require.True(t, j.ID == "" || plainID(j.ID))
				require.NotEqual(t, j.Status.Open(), j.Status.Ended())
			}
			require.True(t, list.Jobs != nil || list.total() >= 0, "nothing at all is no empty list")
		}
		var one jobAnswer
		if e := re.read(&operation{method: http.MethodGet}, &one); e == nil {
			require.NotEmpty(t, one.job().Status)
		} else {
			require.Equal(t, NoEffect, e.Effect)
		}
	})
}
