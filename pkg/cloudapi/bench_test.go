package cloudapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func BenchmarkSign(b *testing.B) {
	key := &AKSK{AccessKey: "the-access-key", SecretKey: "the-secret-key"}
	req := httptest.NewRequest(http.MethodPut, "https://gaussdb.cn-north-4.myhuaweicloud.com"+altURI, nil)
	call := Call{Operation: "Op", ProjectID: project, Body: []byte(`{"alt_enabled":"on"}`), Now: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if err := key.Authorize(context.Background(), req, call); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall is a whole call but for the network.
func BenchmarkCall(b *testing.B) {
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(newAnswer())}, nil
	})
	benchmarkCall(b, &Client{GaussDB: "https://cloud.invalid", HTTP: &http.Client{Transport: transport}})
}

// BenchmarkCallLoopback is one over a loopback connection.
func BenchmarkCallLoopback(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.Copy(w, newAnswer())
	}))
	defer server.Close()
	benchmarkCall(b, &Client{GaussDB: server.URL})
}

func newAnswer() io.Reader { return &oneRead{`{"job_id":"` + job + `"}`} }

type oneRead struct{ rest string }

func (r *oneRead) Read(p []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func benchmarkCall(b *testing.B, c *Client) {
	c.Auth = &AKSK{AccessKey: "the-access-key", SecretKey: "the-secret-key"}
	b.ReportAllocs()
	for b.Loop() {
		if err := flip(context.Background(), c); err != nil {
			b.Fatal(err)
		}
	}
}
