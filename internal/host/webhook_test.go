package host

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/webhook"
)

const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestStoredKeys: the keys in the secret are got with the first message, and
// until they can be, none is taken.
func TestStoredKeys(t *testing.T) {
	const canary = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
	at := noon
	v := &vault{value: pair("1")}
	verify, err := Verify(config.Config{WebhooksStored: true}, functions.All(), open(t, v, ""), func() time.Time { return at })
	require.NoError(t, err)
	require.Zero(t, v.times(), "fetched at the start")
	key, err := webhook.ParseKey(hookKey)
	require.NoError(t, err)
	ask := func() (webhook.Key, error) {
		at = at.Add(time.Minute)
		h := http.Header{}
		key.Sign(h, "1", at, []byte("{}"))
		return verify(t.Context(), h, []byte("{}"))
	}
	for name, test := range map[string]struct {
		value string
		away  bool
		want  string
	}{
		"away":          {"name=a:" + hookKey, true, "secret the-secret: GetSecretValue: 400"},
		"none":          {"", false, "secret the-secret: INTERLOCK_WEBHOOK_SECRETS: found none"},
		"none that is":  {canary + "!", false, "secret the-secret: INTERLOCK_WEBHOOK_SECRETS: 1 of 1: webhook key: found no Base64"},
		"one of no use": {"name=a;switches=proxyssl:" + canary, false, "key a: switches: found \"proxyssl\""},
	} {
		all := pair("1")
		all["INTERLOCK_WEBHOOK_SECRETS"] = test.value
		v.set(all, test.away)
		_, err := ask()
		require.ErrorContains(t, err, test.want, name)
		require.NotContains(t, err.Error(), canary)
	}
	all := pair("1")
	all["INTERLOCK_WEBHOOK_SECRETS"] = "name=snow:" + hookKey + "," + canary
	v.set(all, false)
	who, err := ask()
	require.NoError(t, err)
	require.Equal(t, "snow", who.Name)
	v.times()
	_, err = ask()
	require.NoError(t, err)
	require.Zero(t, v.times())

	verify, err = Verify(config.Config{}, functions.All(), open(t, v, ""), nil)
	require.NoError(t, err)
	require.Nil(t, verify)
}
