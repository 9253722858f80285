package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// In an image without certificate authorities the program has some of its own.
func TestTrustsSomebodyEverywhere(t *testing.T) {
	if os.Getenv("TRUSTS") == "" {
		// The system's are read once in a process.
		again := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), "TRUSTS=nobody", "SSL_CERT_FILE=/nowhere", "SSL_CERT_DIR=/nowhere")
		out, err := again.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	pool, err := x509.SystemCertPool()
	require.NoError(t, err)
	require.False(t, pool.Equal(x509.NewCertPool()))
}
