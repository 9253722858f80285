package roots

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority issues certificates, by way of one between.
type authority struct {
	root, between *x509.Certificate
	key           *ecdsa.PrivateKey
}

func issue(t *testing.T, c, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	c.SerialNumber = big.NewInt(1)
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	require.NoError(t, err)
	signed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return signed
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	rootKey, a := newKey(t), &authority{key: newKey(t)}
	a.root = issue(t, ca(name), ca(name), rootKey, rootKey)
	a.between = issue(t, ca(name+", one between"), a.root, a.key, rootKey)
	return a
}

// server answers with the authority's certificate for a host.
func (a *authority) server(t *testing.T, c *x509.Certificate) *httptest.Server {
	t.Helper()
	key := newKey(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			_, _ = io.WriteString(w, "resumed")
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{issue(t, c, a.between, key, a.key).Raw, a.between.Raw}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// trust makes a file of certificates the system's bundle.
func trust(t *testing.T, all ...*authority) {
	t.Helper()
	// What precedes in the file must not matter.
	text, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		text = nil
	}
	for _, a := range all {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})...)
	}
	file := filepath.Join(t.TempDir(), "bundle.pem")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	was := bundle
	bundle = func() bundled { return read(file) }
	t.Cleanup(func() { bundle = was })
}

// client is one whose connections end with each request.
func client() *http.Client {
	dialer := &Dialer{Net: new(net.Dialer), Handshake: time.Minute}
	return &http.Client{Transport: &http.Transport{DialTLSContext: dialer.DialTLS, DisableKeepAlives: true}}
}

func loopback() *x509.Certificate {
	return &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
}

func get(c *http.Client, url string) (string, error) {
	r, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

func TestTrusted(t *testing.T) {
	ours, other := newAuthority(t, "Ours"), newAuthority(t, "Another")
	trust(t, other, ours)
	for _, a := range []*authority{ours, other} {
		s := a.server(t, loopback())
		_, err := get(client(), s.URL)
		require.NoError(t, err, "by its address")
		_, err = get(client(), strings.Replace(s.URL, "127.0.0.1", "localhost", 1))
		require.NoError(t, err, "by its name")
	}
}

// crypto/tls refuses each of these too.
func TestRefused(t *testing.T) {
	ours, sameName, unknown := newAuthority(t, "Ours"), newAuthority(t, "Ours"), newAuthority(t, "Unknown")
	trust(t, ours)
	expired := loopback()
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	forClients := loopback()
	forClients.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for name, c := range map[string]struct {
		server *httptest.Server
		says   string
	}{
		"an unknown authority":           {unknown.server(t, loopback()), "unknown authority"},
		"one that only bears the name":   {sameName.server(t, loopback()), "unknown authority"},
		"another host's":                 {ours.server(t, &x509.Certificate{DNSNames: []string{"example.com"}}), "doesn't contain any IP SANs"},
		"another address's":              {ours.server(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}}), "127.0.0.2, not 127.0.0.1"},
		"one that has expired":           {ours.server(t, expired), "expired"},
		"one that is not for a server's": {ours.server(t, forClients), "incompatible key usage"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := get(client(), c.server.URL)
			var refused *tls.CertificateVerificationError
			require.ErrorAs(t, err, &refused)
			require.ErrorContains(t, err, c.says)
			require.NotEmpty(t, refused.UnverifiedCertificates)

			pool := x509.NewCertPool()
			pool.AddCert(ours.root)
			_, err = get(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, c.server.URL)
			require.ErrorContains(t, err, c.says, "as crypto/tls says")
		})
	}
}

// A second connection resumes the first's session, and is verified all the same.
func TestResumed(t *testing.T) {
	ours := newAuthority(t, "Ours")
	trust(t, ours)
	s, c := ours.server(t, loopback()), client()
	first, err := get(c, s.URL)
	require.NoError(t, err)
	require.Empty(t, first)
	second, err := get(c, s.URL)
	require.NoError(t, err)
	require.Equal(t, "resumed", second)

	trust(t)
	_, err = get(c, s.URL)
	require.ErrorContains(t, err, "unknown authority")
}

func TestHandshakeHasItsTime(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	_, err = (&Dialer{Net: new(net.Dialer), Handshake: time.Millisecond}).DialTLS(context.Background(), "tcp", silent.Addr().String())
	require.EqualError(t, err, "TLS handshake timeout")
}

// Every certificate of this machine's own bundle is found by its name.
func TestReadsAllOfABundle(t *testing.T) {
	file := files[0]
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			file = f
			break
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skip("this machine has no bundle")
	}
	all, n := read(file), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		pool := all.issuers([]*x509.Certificate{{RawIssuer: c.RawSubject}})
		require.NotNil(t, pool, c.Subject)
		n++
	}
	require.Greater(t, n, 1)
}

func FuzzSubject(f *testing.F) {
	f.Add([]byte("MIIB\nMIIB"))
	f.Add([]byte("MIIDQTCCAimgAwIBAgITBmyfz5m/jAo54vB4ikPmljZbyjANBgkqhkiG9w0BAQsF\nADA5MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6"))
	f.Fuzz(func(_ *testing.T, text []byte) { subject(text, make([]byte, 512)) })
}

// BenchmarkFirst is what the first connection of a process costs it beside the
// handshake: to know the roots, and to verify by them.
func BenchmarkFirst(b *testing.B) {
	file := files[0]
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			read(file)
		}
	})
	b.Run("crypto/x509, the bundle alone", func(b *testing.B) {
		for b.Loop() {
			text, err := os.ReadFile(file)
			require.NoError(b, err)
			x509.NewCertPool().AppendCertsFromPEM(text)
		}
	})
}
