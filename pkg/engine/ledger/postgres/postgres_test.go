package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
)

// Whatever is wrong with a URL or with what it leads to, the error does not tell what
// is secret in it.
func TestErrorsTellNoPassword(t *testing.T) {
	for name, url := range map[string]string{
		"nobody there":         "postgres://u:S3cret%21@127.0.0.1:1/db",
		"no URL":               "postgres://u:S3cret!@[::1/db",
		"a port that is none":  "postgres://u:S3cret!@h:port/db",
		"a question mark":      "postgres://u:S3cret!?@h/db",
		"another scheme":       "mysql://u:S3cret!@h/db",
		"key and value":        "host=h password=S3cret!",
		"unknown mode of TLS":  "postgres://u:S3cret!@h/db?sslmode=S3cret!",
		"a parameter":          "postgres://u@h/db?password=S3cret%21&sslmode=none",
		"a key's password":     "postgres://u@h/db?sslpassword=S3cret%21&sslkey=/none&sslcert=/none",
		"too many connections": "postgres://u:S3cret!@h/db?pool_max_conns=S3cret!",
		"two schemas":          "postgres://u:S3cret!@h/db?search_path=a,b",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := postgres.Open(ctx, url)
			require.ErrorContains(t, err, "ledger database: ")
			require.NotContains(t, err.Error(), "S3cret")
		})
	}
}

func TestErrorsSayWhatIsExpected(t *testing.T) {
	_, err := postgres.Open(t.Context(), "host=h")
	require.EqualError(t, err, "ledger database: found no such URL, expected postgres://USER@HOST/DATABASE")
	_, err = postgres.Open(t.Context(), "postgres://u@h/db?search_path=a,b")
	require.EqualError(t, err, `ledger database: search_path: found "a,b", expected the name of one schema`)
}
