package huawei

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
)

func TestForms(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for rule, texts := range map[string]struct{ good, bad []string }{
		"project":  {[]string{a(32), strings.Repeat("Z9", 16)}, []string{"", a(31), a(33), a(31) + "-", a(31) + "/", a(30) + "é"}},
		"taurus":   {[]string{a(32) + "in07"}, []string{"", a(36), a(31) + "in07", a(33) + "in07", a(32) + "IN07", a(31) + "-in07", a(32) + "in07\n"}},
		"proxy":    {[]string{a(32) + "po01"}, []string{"", a(36), a(31) + "po01", a(33) + "po01", a(31) + "%po01", a(32) + "in07"}},
		"audit":    {[]string{a(32), a(64), a(30) + "-_"}, []string{"", a(31), a(65), a(31) + "/", a(31) + ".", a(31) + " "}},
		"database": {[]string{"a", a(64), "-", "_"}, []string{"", a(65), ".", "..", "a/b", "a b", "a%2fb", "é"}},
	} {
		for _, s := range texts.good {
			require.True(t, rules()[rule].Test(s), "%s: %q", rule, s)
		}
		for _, s := range texts.bad {
			require.False(t, rules()[rule].Test(s), "%s: %q", rule, s)
		}
	}
}

// What each error of the client means, and that nothing else is taken for one.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		err    cloudapi.Error
		effect engine.Effect
		reason engine.Reason
	}{
		{cloudapi.Error{Status: 409, Code: "DBS.200019"}, engine.None, engine.Busy},
		{cloudapi.Error{Status: 429, RetryAfter: time.Minute}, engine.None, engine.Throttled},
		{cloudapi.Error{Status: 403}, engine.None, engine.Denied},
		{cloudapi.Error{Status: 404}, engine.None, engine.NotFound},
		{cloudapi.Error{Status: 400, Code: "DBS.200001"}, engine.None, engine.Refused},
		{cloudapi.Error{}, engine.None, engine.Unreachable},
		{cloudapi.Error{Status: 500, Effect: cloudapi.MayHave}, engine.Possible, engine.Unknown},
		{cloudapi.Error{Status: 200, Effect: cloudapi.Had}, engine.Certain, engine.Unknown},
	} {
		var f engine.Failure
		require.ErrorAs(t, failed(&tt.err), &f)
		require.Equal(t, tt.effect, f.Effect(), tt.err)
		require.Equal(t, tt.reason, f.Reason(), tt.err)
		require.Equal(t, tt.err.RetryAfter, f.RetryAfter())
		require.Equal(t, tt.err.Error(), f.Error())
		require.ErrorIs(t, f, &tt.err)
	}
	require.Nil(t, failure{&cloudapi.Error{}}.Cloud(), "it said nothing")
	require.Equal(t, &events.Cloud{Status: 400, ErrorCode: "c", ErrorMsg: "m", RequestID: "r"},
		failure{&cloudapi.Error{Status: 400, Code: "c", Message: "m", RequestID: "r"}}.Cloud())
	other := errors.New("another")
	require.Equal(t, other, failed(other))
	require.NoError(t, failed(nil))
}

// A preview is the call without its proof, and reaches nobody.
func TestPreview(t *testing.T) {
	c := &cloudapi.Client{GaussDB: "https://gaussdb.invalid", Auth: cloudapi.Token("canary"), HTTP: &http.Client{Transport: nobody{t}}}
	r := preview(c, func(c *cloudapi.Client) {
		_, _ = c.SwitchProxySSL(context.Background(), cloudapi.Proxy{ProjectID: "p", InstanceID: "i", ProxyID: "x"}, true)
	})
	require.Equal(t, &engine.Request{Method: "PUT", URL: "https://gaussdb.invalid/v3/p/instances/i/proxy/x/ssl", Body: `{"ssl_option":true}`}, r)
}

type nobody struct{ testing.TB }

func (n nobody) RoundTrip(*http.Request) (*http.Response, error) {
	n.Error("a preview was sent")
	return nil, errors.New("sent")
}

// A job that is documented as another's is none of ours, unless the switch says
// that it is.
func TestForeignJobs(t *testing.T) {
	d := Declaration[Instance, struct{}]{}
	require.True(t, d.foreign("RebootGaussDBforMySQLInstance"))
	require.False(t, d.foreign("SomethingNew"))
	d.Job = "RebootGaussDBforMySQLInstance"
	require.False(t, d.foreign("RebootGaussDBforMySQLInstance"))
	require.True(t, d.foreign("DeleteGaussDBforMySQLNode"))
}
