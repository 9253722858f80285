package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func file(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "interlock.env")
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// A file is an environment.
func TestFile(t *testing.T) {
	environ, err := ReadFile(file(t, 0o644, `
# Where it is.
INTERLOCK_REGION=cn-north-4
 INTERLOCK_LEDGER = "postgres://interlock@db.example.com/interlock"
INTERLOCK_POLICY='permit (principal == User::"a=b", action, resource);'
INTERLOCK_HALT=
AWS_REGION=eu-west-1
INTERLOCK_WEBHOOK_SECRETS=secret:`))
	require.NoError(t, err)
	require.Equal(t, []string{
		"INTERLOCK_REGION=cn-north-4",
		"INTERLOCK_LEDGER=postgres://interlock@db.example.com/interlock",
		`INTERLOCK_POLICY=permit (principal == User::"a=b", action, resource);`,
		"INTERLOCK_HALT=", "AWS_REGION=eu-west-1", "INTERLOCK_WEBHOOK_SECRETS=secret:",
	}, environ)
}

// What is wrong is told with its line, and without its value.
func TestWrongFile(t *testing.T) {
	for text, wrong := range map[string]string{
		"\nINTERLOCK_REGOIN=cn-north-4": `:2: "INTERLOCK_REGOIN": unknown name; known are INTERLOCK_REGION, `,
		"PATH=/bin":                     `:1: "PATH": unknown name`,
		"export INTERLOCK_REGION=x":     `:1: "export INTERLOCK_REGION": unknown name`,
		"very-secret":                   ":1: found no =, expected NAME=VALUE",
		"INTERLOCK_REGION=very-secret\nINTERLOCK_REGION=b": ":2: INTERLOCK_REGION: found for the second time, expected once",
	} {
		_, err := ReadFile(file(t, 0o600, text))
		require.ErrorContains(t, err, wrong)
		require.NotContains(t, err.Error(), "very-secret")
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := ReadFile(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A secret is taken from a file that nobody else can read, anything from one that
// nobody else can write.
func TestWhoCanReadTheFile(t *testing.T) {
	for _, text := range []string{
		"HUAWEICLOUD_SDK_SK=very-secret", "INTERLOCK_AUTH_TOKEN=very-secret", "INTERLOCK_WEBHOOK_SECRETS=a=whsec_very-secret",
		"INTERLOCK_LEDGER=postgres://interlock:very-secret@db.example.com/interlock", "INTERLOCK_LEDGER=postgres:postgres://db.example.com/interlock?password=very-secret",
		"INTERLOCK_BUS=http:https://user:very-secret@bus.example.com",
	} {
		environ, err := ReadFile(file(t, 0o600, text))
		require.NoError(t, err)
		require.Equal(t, []string{text}, environ)
		_, err = ReadFile(file(t, 0o644, text))
		require.ErrorContains(t, err, "mode -rw-r--r--; expected that only its user can read a file with a secret in it: chmod 600")
		require.NotContains(t, err.Error(), "very-secret")
	}
	_, err := ReadFile(file(t, 0o620, "INTERLOCK_REGION=cn-north-4"))
	require.ErrorContains(t, err, "found mode -rw--w----, expected a file that only its user can write: chmod go-w")
	_, err = ReadFile(file(t, 0o644, "INTERLOCK_BUS=http:https://bus.example.com/events\nINTERLOCK_LEDGER=bolt:interlock.db\nHUAWEICLOUD_SDK_SK="))
	require.NoError(t, err)
}

// Each secret is a variable that there is.
func TestSecretsAreVariables(t *testing.T) {
	require.Subset(t, append(Names(), aws...), secrets)
}
