// Package roots verifies the certificates of servers as crypto/tls does, for less
// at the first connection: it parses only those of the system's roots that may
// have issued what a server shows.
//
// To trust the system's roots costs crypto/tls most of a first connection: it
// reads the bundle and then every file of the certificate directories, which are
// mostly the same again, and parses each certificate of both (docs/benchmarks.md).
// Of those hundred and fifty one is needed.
//
// Nothing is trusted that crypto/tls would not trust: the roots are a part of the
// same bundle, SSL_CERT_FILE included, and a chain that does not lead to them is
// verified by all of the system's, SSL_CERT_DIR included, before it is refused.
package roots

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Dialer opens TLS connections. Its DialTLS is for [net/http.Transport.DialTLSContext],
// which a proxy's connections do not go by: those are crypto/tls's own.
type Dialer struct {
	// Net opens the connection that lies below.
	Net *net.Dialer
	// Handshake is how long the handshake may take.
	Handshake time.Duration

	mu       sync.Mutex
	sessions map[string]tls.ClientSessionCache
}

// DialTLS connects to a host and shakes hands. A certificate that does not verify
// is a [*tls.CertificateVerificationError].
func (d *Dialer) DialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	conn, err := d.Net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.Handshake, errors.New("TLS handshake timeout"))
	defer cancel()
	secured := tls.Client(conn, &tls.Config{
		ServerName:         host,
		ClientSessionCache: d.session(host),
		// What is skipped here is done by VerifyConnection, which crypto/tls calls for
		// every connection, a resumed one too, before it is used.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(host, s.PeerCertificates) },
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return secured, nil
}

// session is where a host's session is kept for the next connection to it, which
// is spared the certificate. One host's is never shown to another.
func (d *Dialer) session(host string) tls.ClientSessionCache {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions == nil {
		d.sessions = make(map[string]tls.ClientSessionCache)
	}
	if d.sessions[host] == nil {
		d.sessions[host] = tls.NewLRUClientSessionCache(1)
	}
	return d.sessions[host]
}

// verify is what crypto/tls does where it is not told to skip it.
func verify(host string, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("roots: the server shows no certificate")
	}
	o := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	var first error
	if o.Roots = bundle().issuers(chain); o.Roots != nil {
		if _, first = chain[0].Verify(o); first == nil {
			return nil
		}
	}
	o.Roots = nil // the system's
	_, err := chain[0].Verify(o)
	if err == nil {
		return nil
	}
	if unknown := (x509.UnknownAuthorityError{}); first != nil && errors.As(err, &unknown) {
		err = first // where the first knew the authority, it knows better
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
}

// bundled are the certificates of a bundle by what they certify, which is the name
// that those they issued bear: each the text from its first line on.
type bundled map[string][][]byte

// issuers are the certificates that bear the name of an issuer in the chain; nil
// if none does.
func (all bundled) issuers(chain []*x509.Certificate) (pool *x509.CertPool) {
	for _, c := range chain {
		for _, text := range all[string(c.RawIssuer)] {
			block, _ := pem.Decode(text)
			if block == nil {
				continue
			}
			if root, err := x509.ParseCertificate(block.Bytes); err == nil {
				if pool == nil {
					pool = x509.NewCertPool()
				}
				pool.AddCert(root)
			}
		}
	}
	return pool
}

// files is where crypto/x509 looks for the bundle on Linux. The first that is
// there counts. Amazon Linux's is the second.
var files = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// bundle is the system's, read once; empty where the system has another way to say
// what it trusts.
var bundle = sync.OnceValue(func() bundled {
	if runtime.GOOS != "linux" {
		return nil
	}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		return read(file)
	}
	for _, file := range files {
		if all := read(file); all != nil {
			return all
		}
	}
	return nil
})

// The line that a certificate follows.
var begin = []byte("-----BEGIN CERTIFICATE-----\n")

// read finds the certificates of a file by their names; nil if there are none. One
// that it cannot read is passed over: encoding/pem and crypto/x509 may read it yet.
func read(file string) bundled {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	all, room := make(bundled, 160), make([]byte, 4<<10)
	for {
		at := bytes.Index(text, begin)
		if at < 0 {
			break
		}
		text = text[at:]
		if name, ok := subject(text[len(begin):], room); ok {
			all[string(name)] = append(all[string(name)], text)
		}
		text = text[len(begin):]
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// subject is the name in a certificate in base64, of which it decodes no more than
// that takes, into room.
func subject(text, room []byte) (name []byte, ok bool) {
	read := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if read+len(line) > len(room) {
			return nil, false
		}
		n, err := base64.StdEncoding.Decode(room[read:], line)
		over := err != nil || n == 0
		// Few names end sooner.
		if read += n; read < 300 && !over {
			continue
		}
		if name, ok := subjectOf(room[:read]); ok || over {
			return name, ok
		}
	}
	return nil, false
}

// subjectOf is the name in the beginning of a certificate (RFC 5280, 4.1); false if
// it is not in there.
func subjectOf(der cryptobyte.String) (name []byte, ok bool) {
	var subject cryptobyte.String
	ok = enter(&der)          // Certificate
	ok = ok && enter(&der) && // TBSCertificate
		der.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) && // version
		der.SkipASN1(asn1.INTEGER) && // serialNumber
		der.SkipASN1(asn1.SEQUENCE) && // signature
		der.SkipASN1(asn1.SEQUENCE) && // issuer
		der.SkipASN1(asn1.SEQUENCE) && // validity
		der.ReadASN1Element(&subject, asn1.SEQUENCE)
	return subject, ok
}

// enter goes into a sequence of which not all need be there.
func enter(der *cryptobyte.String) bool {
	var tag, long uint8
	return der.ReadUint8(&tag) && tag == uint8(asn1.SEQUENCE) && der.ReadUint8(&long) && (long < 0x80 || der.Skip(int(long-0x80)))
}
