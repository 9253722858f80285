package webhook

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseKey(t *testing.T) {
	for _, good := range []string{secret, secret[6:], " " + secret + "\n", another, strings.TrimRight(another, "=")} {
		_, err := ParseKey(good)
		require.NoError(t, err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_?", "hunter2-hunter2-hunter2-hunter2!", "whsec_c2hvcnQ=", "v1," + secret, secret, "name=again:" + secret} {
		_, err := ParseKeys([]string{secret, bad})
		require.ErrorContains(t, err, "2 of 2: webhook key")
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
	}
}

// TestKeyShowsNothing: no verb prints a key.
func TestKeyShowsNothing(t *testing.T) {
	k := key(t, secret)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "key", fmt.Sprintf(verb, k))
	}
}

// TestKeySettings: a key may have a name and limits, and one that is not bare
// has a name.
func TestKeySettings(t *testing.T) {
	for text, want := range map[string]Key{
		secret:                   {},
		"name=tickets:" + secret: {Name: "tickets"},
		" name = snow ; from = servicenow | cloudevents :" + secret: {Name: "snow", Limits: Limits{From: []string{"servicenow", "cloudevents"}}},
		"types=dev.interlock.ticket.approved.v1;switches=proxy-ssl|proxy-alt;projects=0565|0566;name=a.b_c-1:" + secret: {
			Name: "a.b_c-1", Limits: Limits{Types: []string{"dev.interlock.ticket.approved.v1"}, Switches: []string{"proxy-ssl", "proxy-alt"}, Projects: []string{"0565", "0566"}}},
	} {
		got, err := ParseKey(text)
		require.NoError(t, err, text)
		require.NotEmpty(t, got.bytes)
		got.bytes = nil
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{
		":", "name=", "name=a|b", "name=a;name=b", "name=a;types=x;types=y", "switches=proxy-ssl", "name=a;switches=", "name=a;switches=x|", "name=a;switch=x",
		"name=a;", "name=a b", "name=" + strings.Repeat("a", 65), secret, secret + ":name=a", "name=a,b",
	} {
		_, err := ParseKey(bad + ":" + another)
		require.ErrorContains(t, err, "before its colon", bad)
		require.NotContains(t, err.Error(), "whsec_")
	}
}

// TestSigner: whoever signed is known by the key, and no other's is named.
func TestSigner(t *testing.T) {
	v := verifier(t, "name=old:"+another, "name=tickets;switches=proxy-ssl:"+secret)
	k, err := v.Verify(t.Context(), headers(), []byte(body))
	require.NoError(t, err)
	require.Equal(t, "tickets", k.Name)
	require.Equal(t, []string{"proxy-ssl"}, k.Limits.Switches)
	k, err = v.Verify(t.Context(), headers(), []byte(body+" "))
	require.Error(t, err)
	require.Zero(t, k)
}
