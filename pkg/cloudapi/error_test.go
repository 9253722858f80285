package cloudapi

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestErrorShapes(t *testing.T) {
	for _, tt := range []struct {
		name, body             string
		code, message, request string
	}{
		{"TaurusDB", `{"error_code":"DBS.200001","error_msg":"Parameter error."}`, "DBS.200001", "Parameter error.", "from-header"},
		{"gateway", `{"error_code":"APIG.0101","error_msg":"no API","request_id":"r1"}`, "APIG.0101", "no API", "r1"},
		{"DBSS", `{"error_code":"DBSS.10020102","error_msg":"Failed.","details":[{"error_code":"PDP5.1","error_msg":"denied"},{"error_msg":"x"}],` +
			`"encoded_authorization_message":"AAAA"}`, "DBSS.10020102", "Failed. (PDP5.1 denied) (x)", "from-header"},
		{"nested", `{"error":{"error_code":"DBS.1","error_msg":"m","request_id":"r2"}}`, "DBS.1", "m", "r2"},
		{"external", `{"errCode":"DBS.2","externalMessage":"m"}`, "DBS.2", "m", "from-header"},
		{"Keystone", `{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}`,
			"401", "The username or password is wrong.", "from-header"},
		{"Keystone without message", `{"error":{"code":401,"title":"Unauthorized"}}`, "401", "Unauthorized", "from-header"},
		{"plain JSON", `{"code":"X","message":"m"}`, "X", "m", "from-header"},
		{"error as text", `{"error":"no"}`, "", "no", "from-header"},
		{"numbers", `{"error_code":12,"error_msg":true}`, "12", "true", "from-header"},
		{"wrong types", `{"error_code":{},"error_msg":["x"],"error":[1],"details":{"a":1},"request_id":null}`, "", "", "from-header"},
		{"HTML", "<html>\n<HEAD><TITLE>502 Bad\nGateway &amp; more</TITLE></head></html>", "", "502 Bad Gateway & more", "from-header"},
		{"HTML without title", "<html>\n<p>no</p>", "", "<html> <p>no</p>", "from-header"},
		{"text", "upstream\tgone\x00\x1b[31m", "", "upstream gone [31m", "from-header"},
		{"cut JSON", `{"error_code":"DBS.1"`, "", `{"error_code":"DBS.1"`, "from-header"},
		{"array", `[1]`, "", "[1]", "from-header"},
		{"null", `null`, "", "", "from-header"},
		{"empty", ``, "", "", "from-header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := steps(t, step{
				method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: 400, answer: tt.body,
				answers: http.Header{"X-Request-Id": {"from-header"}},
			})
			e := asError(t, flip(t.Context(), c))
			require.Equal(t, []any{400, tt.code, tt.message, tt.request}, []any{e.Status, e.Code, e.Message, e.RequestID})
		})
	}
}

func TestErrorKinds(t *testing.T) {
	kinds := func(e *Error) []bool { return []bool{e.Busy(), e.NotFound(), e.Denied(), e.Throttled()} }
	is := func(k kind) []bool { return []bool{k == busy, k == notFound, k == denied, k == throttled} }
	for code, want := range map[string]kind{
		"DBS.200011": busy, "DBS.200019": busy, "DBS.200047": busy, "DBS.201014": busy, "DBS.201015": busy,
		"DBS.201202": busy, "DBS.201205": busy, "DBS.05000084": busy, "DBS.212006": busy, "DBS.212033": busy,
		"DBS.200002": notFound, "DBS.200013": notFound, "DBS.200045": notFound, "DBS.200932": notFound, "DBS.201028": notFound,
		"APIG.0101": notFound, "APIGW.0101": notFound,
		"DBS.200010": denied, "DBS.200044": denied, "DBS.201003": denied, "DBS.280015": denied, "DBS.280056": denied,
		"DBSS.10020100": denied, "APIG.0301": denied, "APIGW.0305": denied, "APIG.0306": denied, "APIGW.0307": denied,
		"APIG.0308": throttled, "APIGW.0308": throttled,
		"DBSS.10020102": other, "DBS.200001": other, "": other,
	} {
		for _, status := range []int{200, 400, 409, 500} {
			require.Equal(t, is(want), kinds(&Error{Code: code, Status: status}), "%s %d", code, status)
		}
	}
	for status, want := range map[int]kind{401: denied, 403: denied, 404: notFound, 429: throttled, 400: other, 503: other, 0: other} {
		require.Equal(t, is(want), kinds(&Error{Status: status}), status)
	}
	require.Equal(t, is(busy), kinds(&Error{Status: 403, Code: "DBS.200019"}), "the code tells more than the status")
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-1": 0, "soon": 0, "1.5": 0,
		"99999999999": 24 * time.Hour, "99999999999999999999999": 0,
		"Sun, 22 Nov 2026 09:00:30 GMT": 30 * time.Second,
		"Sun, 22 Nov 2026 08:00:00 GMT": 0,
		"Sun, 22 Nov 2028 08:00:00 GMT": 24 * time.Hour,
	} {
		require.Equal(t, want, retryAfter(header, now), header)
	}
	c := steps(t, step{
		method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: 429, answers: http.Header{"Retry-After": {"7"}},
	})
	e := asError(t, flip(t.Context(), c))
	require.True(t, e.Throttled())
	require.Equal(t, 7*time.Second, e.RetryAfter)
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*Error{
		"Op: 404 Not Found": {Operation: "Op", Status: 404},
		"Op: 400: DBS.1: no (request r)": {
			Operation: "Op", Status: 400, Code: "DBS.1", Message: "no", RequestID: "r"},
		"Op: 200: answer: job_id is missing (effect certain)": {
			Operation: "Op", Status: 200, Message: "", Code: "", Effect: Had, Cause: errors.New("answer: job_id is missing")},
		"Op: EOF (effect possible)": {Operation: "Op", Effect: MayHave, Cause: errors.New("EOF")},
	} {
		require.Equal(t, strings.Replace(want, "Op: 200: ", "Op: 200 OK: ", 1), e.Error())
	}
	require.Equal(t, "Effect(9)", Effect(9).String())
}

func TestErrorLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	log.Error("call", "error", &Error{
		Operation: "Op", Status: 429, Code: "APIG.0308", Message: "slow down", RequestID: "r", RetryAfter: time.Second,
		Cause: errors.New("why"),
	})
	log.Error("call", "error", &Error{Operation: "Op"})
	require.Equal(t, `level=ERROR msg=call error.operation=Op error.effect=none error.status=429 error.code=APIG.0308 `+
		`error.message="slow down" error.request_id=r error.retry_after=1s error.cause=why`+"\n"+
		`level=ERROR msg=call error.operation=Op error.effect=none`+"\n", out.String())
}

func TestBrief(t *testing.T) {
	require.Equal(t, "a b", brief("a\r\n\t\x00b", 10))
	require.Equal(t, "a\uFFFDb", brief("a\xffb", 10))
	for most := 3; most < 12; most++ {
		short := brief("ääääää", most)
		require.LessOrEqual(t, len(short), most)
		require.True(t, utf8.ValidString(short), "%q", short)
	}
	require.Equal(t, "ääääää", brief("ääääää", 12))
}
