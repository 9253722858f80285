package page

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A button does what it says for whoever presses it on this page, and for no
// other site's page; where there are none, nothing can be asked for.
func TestActs(t *testing.T) {
	done := 0
	acts := []Act{
		{Name: "send", Label: "Send one", Says: "A ticket goes in.", Do: func(context.Context) error { done++; return nil }},
		{Name: "wrong", Label: "Wrong", Do: func(context.Context) error { return errors.New("the cloud has gone") }},
	}
	serve := func(acts ...Act) string {
		p := New(Watch(ledger.NewMemory()).View, acts...)
		server := httptest.NewServer(p)
		t.Cleanup(server.Close)
		t.Cleanup(p.Close)
		return server.URL
	}
	with, without := serve(acts...), serve()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, base, act, header string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, base, strings.NewReader(url.Values{"act": {act}}.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if name, value, ok := strings.Cut(header, ": "); ok {
			req.Header.Set(name, value)
		}
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(text)
	}
	for _, c := range []struct {
		base, act, header string
		status, done      int
		text              string
	}{
		{with, "send", "", http.StatusSeeOther, 1, ""},
		{with, "send", "Sec-Fetch-Site: same-origin", http.StatusSeeOther, 1, ""},
		{with, "send", "Origin: " + with, http.StatusSeeOther, 1, ""},
		{with, "send", "Sec-Fetch-Site: cross-site", http.StatusForbidden, 0, "cross-origin"},
		{with, "send", "Sec-Fetch-Site: same-site", http.StatusForbidden, 0, "cross-origin"},
		{with, "send", "Origin: http://evil.example", http.StatusForbidden, 0, "cross-origin"},
		{with, "send", "Origin: null", http.StatusForbidden, 0, "cross-origin"},
		{with, "<b>", "", http.StatusNotFound, 0, "there is no button &#34;&lt;b&gt;&#34;"},
		{with, "wrong", "", http.StatusInternalServerError, 0, "the cloud has gone"},
		{without, "send", "", http.StatusNotFound, 0, ""},
	} {
		before := done
		status, text := ask(http.MethodPost, c.base+"/page/act", c.act, c.header)
		require.Equal(t, c.status, status, "%+v", c)
		require.Equal(t, c.done, done-before, "%+v", c)
		require.Contains(t, text, c.text)
	}
	_, text := ask(http.MethodGet, with, "", "")
	require.Contains(t, text, `<button name="act" value="send"`)
	require.Contains(t, text, "A ticket goes in.")
	_, text = ask(http.MethodGet, without, "", "")
	require.NotContains(t, text, "/page/act")
}
