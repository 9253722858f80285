package local_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// The page compares the switches with the cloud when it is asked to, says where
// they differ, and what was decided since is not compared yet.
func TestSwitchesOnThePage(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Bolt: true})
	on := func(id string) []byte {
		return localtest.Edit(t, localtest.Sample(t, "switch.requested", "access-control"), "id", id, "data.enabled", true)
	}
	require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", ticket(t)).Status)
	w.Advance(time.Hour) // the job has ended
	require.Equal(t, http.StatusOK, w.Post(t, "accesscontrol", on("one")).Status)
	shown := func() string {
		text, status := see(t, w, "/page/targets", http.Header{})
		require.Equal(t, http.StatusOK, status)
		return strings.Join(strings.Fields(text), " ")
	}
	require.Eventually(t, func() bool { return strings.Contains(shown(), "access-control") }, time.Minute, time.Millisecond) // until the ledger has been read
	require.Equal(t, 2, strings.Count(shown(), "not compared"))
	compare := func(header ...string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/page/targets", nil)
		require.NoError(t, err)
		if len(header) > 0 {
			req.Header.Set(header[0], header[1])
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	calls := len(w.Cloud.Calls())
	require.Equal(t, http.StatusForbidden, compare("Sec-Fetch-Site", "cross-site"))
	require.Len(t, w.Cloud.Calls(), calls, "another site's page had the cloud asked")

	require.Equal(t, http.StatusSeeOther, compare())
	require.Contains(t, shown(), "otherwise than decided: <b>0</b> of 2")
	require.Equal(t, 2, strings.Count(shown(), `<span class="state done">as decided</span>`))

	// Somebody else turns it over.
	require.NoError(t, w.Host.Cloud.SwitchAccessControl(t.Context(), cloudapi.Proxy{
		ProjectID: localtest.Proxy.ProjectID, InstanceID: localtest.Proxy.InstanceID, ProxyID: localtest.Proxy.ProxyID,
	}, false))
	require.Equal(t, http.StatusSeeOther, compare())
	require.Contains(t, shown(), "otherwise than decided: <b>1</b> of 2")
	require.Contains(t, shown(), `<span class="state bad">changed by hand</span>`)
	text, _ := see(t, w, "/", http.Header{})
	require.Contains(t, text, "otherwise than decided: <b>1</b> of 2")

	// What was decided since is another matter.
	require.Equal(t, http.StatusOK, w.Post(t, "accesscontrol", localtest.Edit(t, on("two"), "time", w.Now().Format(time.RFC3339))).Status)
	require.Equal(t, 1, strings.Count(shown(), "not compared"))
}
