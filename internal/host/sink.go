package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

// sinkBus posts to where Knative's SinkBinding says.
func sinkBus(s config.Sink) (bus.Bus, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("K_SINK: expected an absolute URL")
	}
	client := busClient()
	if s.CertificateAuthorities != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("K_CA_CERTS: %w", err)
		}
		pool.AppendCertsFromPEM([]byte(s.CertificateAuthorities))
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
		client.Transport = t
	}
	post := &bus.HTTP{URL: u, Client: client}
	if len(s.Extensions) == 0 {
		return post, nil
	}
	return &extended{post, s.Extensions}, nil
}

// extended adds extensions to each event.
type extended struct {
	next       bus.Bus
	extensions map[string]string
}

func (x *extended) Publish(ctx context.Context, out ...bus.Event) error {
	all := make([]bus.Event, len(out))
	for i := range out {
		ev := out[i].Event.Clone()
		for name, value := range x.extensions {
			ev.SetExtension(name, value)
		}
		var err error
		if all[i], err = bus.New(ev); err != nil {
			return err
		}
	}
	return x.next.Publish(ctx, all...)
}
