package functiongraph

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// signed has a request signed within an invocation, and returns by whom.
func signed(t *testing.T, auth cloudapi.Authenticator, i invocation) (*http.Request, string, error) {
	t.Helper()
	ctx := context.WithValue(t.Context(), invocationKey{}, i)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://cloud.test/", http.NoBody)
	require.NoError(t, err)
	err = auth.Authorize(ctx, req, call)
	_, rest, _ := strings.Cut(req.Header.Get("Authorization"), "Access=")
	who, _, _ := strings.Cut(rest, ",")
	return req, who + " " + req.Header.Get("X-Security-Token"), err
}

var call = cloudapi.Call{Operation: "Flip", ProjectID: "p", Now: noon}

func with(header ...string) invocation {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return invocation{id: "1", by: credentials(h)}
}

// Each call is made by the credentials of its own invocation: the temporary ones
// where there are two kinds, and none of another.
func TestAgency(t *testing.T) {
	auth := new(agency)
	_, who, err := signed(t, auth, with("X-CFF-Access-Key", "AK1", "X-CFF-Secret-Key", "SK1", "X-CFF-Security-Token", "T1"))
	require.NoError(t, err)
	require.Equal(t, "AK1 T1", who)
	_, who, err = signed(t, auth, with("X-CFF-Access-Key", "AK1", "X-CFF-Secret-Key", "SK1",
		"X-CFF-Security-Access-Key", "AK2", "X-CFF-Security-Secret-Key", "SK2", "X-CFF-Security-Token", "T2"))
	require.NoError(t, err)
	require.Equal(t, "AK2 T2", who)

	for _, none := range []invocation{{}, with(), with("X-CFF-Access-Key", "AK1"), with("X-CFF-Auth-Token", "T")} {
		req, who, err := signed(t, auth, none)
		require.ErrorContains(t, err, "Flip: found no credentials with the invocation")
		var denied *cloudapi.Error
		require.ErrorAs(t, err, &denied)
		require.True(t, denied.Denied())
		require.False(t, denied.MayHaveEffect())
		require.Equal(t, " ", who)
		require.False(t, auth.Refused(req, call))
	}
}

// Refusals count from one invocation to the next, and not against other
// credentials.
func TestAgencyRefused(t *testing.T) {
	auth := new(agency)
	for range 2 {
		req, _, err := signed(t, auth, with("X-CFF-Access-Key", "AK1", "X-CFF-Secret-Key", "SK1"))
		require.NoError(t, err)
		require.False(t, auth.Refused(req, call))
	}
	_, _, err := signed(t, auth, with("X-CFF-Access-Key", "AK1", "X-CFF-Secret-Key", "SK1"))
	require.ErrorContains(t, err, "refused twice")
	_, who, err := signed(t, auth, with("X-CFF-Access-Key", "AK2", "X-CFF-Secret-Key", "SK1"))
	require.NoError(t, err)
	require.Equal(t, "AK2 ", who)
}
