package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// services stands for AWS and the cloud on loopback: it says yes to everything
// and counts, so that what is measured is the caller alone.
type services struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
	jobs int
}

// newServices also returns the certificate of the authority to trust.
func newServices(overTLS bool) (s *services, authority []byte) {
	s = &services{seen: map[string]int{}}
	if !overTLS {
		s.Server = httptest.NewServer(s)
		return s, nil
	}
	s.Server = httptest.NewTLSServer(s)
	return s, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok {
		operation = "cloud"
	}
	s.mu.Lock()
	s.seen[operation]++
	s.jobs++
	job := s.jobs
	s.mu.Unlock()
	switch operation {
	case "cloud":
		fmt.Fprintf(w, `{"job_id":"%08x-2d5b-4c1e-9e0f-0d6c5a1b2c3d"}`, job)
	case "PutEvents":
		_, _ = io.WriteString(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"}]}`)
	case "GetSecretValue":
		_, _ = io.WriteString(w, `{"SecretString":"{\"HUAWEICLOUD_SDK_AK\":\"SIMULATEDACCESSKEY00\",\"HUAWEICLOUD_SDK_SK\":\"simulated-secret-key\"}"}`)
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

// take returns how often each operation was called, and forgets it.
func (s *services) take() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = map[string]int{}
	return seen
}
