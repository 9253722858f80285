package config

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
)

// Sink is what Knative's SinkBinding puts into the environment: the URL, extensions
// that each event is to have, and certificates in PEM of further authorities to
// trust.
type Sink struct {
	URL                    string
	Extensions             map[string]string
	CertificateAuthorities string
}

// attributes are those of CloudEvents 1.0, which are no extensions.
var attributes = []string{"id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema", "data"}

// sink may be reached over plain HTTP: it is the cluster's own, and the cluster says
// where it is.
func (r *reader) sink() Sink {
	s := Sink{URL: r.get(sinkURL), CertificateAuthorities: r.get(sinkCAs)}
	if s.URL == "" {
		r.fail("%s: not set; expected the URL that a SinkBinding sets, for %s is sink:", sinkURL, busVar)
	} else {
		r.absolute(sinkURL, s.URL)
	}
	if s.CertificateAuthorities != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.CertificateAuthorities)) {
		r.fail("%s: found no certificate, expected some in PEM", sinkCAs)
	}
	if text := r.get(sinkOverrides); text != "" {
		var o struct {
			Extensions map[string]string `json:"extensions"`
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			r.fail("%s: found %q, expected JSON like {\"extensions\":{\"name\":\"value\"}}", sinkOverrides, shown(text))
		}
		for name := range o.Extensions {
			if name == "" || len(name) > 20 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || slices.Contains(attributes, name) {
				r.fail("%s: found the extension %q, expected at most 20 lower-case letters and digits, and no attribute's name", sinkOverrides, shown(name))
			}
		}
		s.Extensions = o.Extensions
	}
	return s
}
