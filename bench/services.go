package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// services stands for AWS and the cloud on loopback: it says yes to everything
// and counts, so that what is measured is the caller alone. Each is a host of its
// own, to which a caller opens a connection of its own.
type services struct {
	hosts map[string]*httptest.Server // by the variable of its address
	mu    sync.Mutex
	seen  map[string]int
	jobs  int
}

// addresses are the variables that say where the services are. GaussDB and DBSS
// are the same host: one switch calls but one.
var addresses = []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_EVENTBRIDGE", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "INTERLOCK_GAUSSDB_ENDPOINT"}

// newServices starts them, over TLS if an authority vouches for them.
func newServices(a *authority) (*services, error) {
	s := &services{hosts: map[string]*httptest.Server{}, seen: map[string]int{}}
	for _, name := range addresses {
		host := httptest.NewUnstartedServer(s)
		s.hosts[name] = host
		if a == nil {
			host.Start()
			continue
		}
		certificate, err := a.host()
		if err != nil {
			return nil, err
		}
		host.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		host.StartTLS()
	}
	return s, nil
}

// environment says where the services are.
func (s *services) environment() (env []string) {
	for name, host := range s.hosts {
		env = append(env, name+"="+host.URL)
	}
	cloud := s.hosts["INTERLOCK_GAUSSDB_ENDPOINT"].URL
	return append(env, "INTERLOCK_DBSS_ENDPOINT="+cloud, "CLOUD_ENDPOINT="+cloud)
}

func (s *services) Close() {
	for _, host := range s.hosts {
		host.Close()
	}
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
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
