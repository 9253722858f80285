package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority issues certificates as those of the services' hosts are: RSA of 2048
// bits, by way of one between.
type authority struct {
	root    *x509.Certificate
	between *x509.Certificate
	key     *rsa.PrivateKey
}

func newAuthority() (*authority, error) {
	rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	a := new(authority)
	a.key = rootKey
	if a.root, err = a.issue("Benchmark Root CA", nil, &rootKey.PublicKey); err != nil {
		return nil, err
	}
	betweenKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	if a.between, err = a.issue("Benchmark RSA 2048 M01", a.root, &betweenKey.PublicKey); err != nil {
		return nil, err
	}
	a.key = betweenKey
	return a, nil
}

// issue signs a certificate of an authority, by itself if there is none above.
func (a *authority) issue(name string, by *x509.Certificate, key *rsa.PublicKey) (*x509.Certificate, error) {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Interlock"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key, a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// host is the certificate of a server on loopback.
func (a *authority) host() (tls.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.between, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{der, a.between.Raw}, PrivateKey: key}, err
}

// trust writes the authority's certificate behind those that this machine trusts,
// as many as a deployed function finds, and returns the variables by which each
// runtime finds it. Node.js brings its own and is told of this one alone.
func (a *authority) trust(dir string) (env []string, err error) {
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	var all []byte
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if text, err := os.ReadFile(file); err == nil {
			all = text
			break
		}
	}
	bundle, alone := filepath.Join(dir, "ca-bundle.crt"), filepath.Join(dir, "root.crt")
	return []string{"SSL_CERT_FILE=" + bundle, "AWS_CA_BUNDLE=" + bundle, "REQUESTS_CA_BUNDLE=" + bundle, "NODE_EXTRA_CA_CERTS=" + alone},
		errors.Join(os.WriteFile(bundle, append(all, root...), 0o600), os.WriteFile(alone, root, 0o600))
}
