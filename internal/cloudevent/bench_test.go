package cloudevent

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

// approved is the event that most functions get to see.
const approved = `{"specversion":"1.0","type":"dev.interlock.ticket.approved.v1","id":"CHG0031337-1",
 "source":"https://tickets.example.com/changes","subject":"CHG0031337","time":"2026-11-22T09:00:00Z",
 "datacontenttype":"application/json",
 "data":{"switch":"proxy-ssl","enabled":true,
  "target":{"project_id":"056538411200d4cd2f79c003c7606412","instance_id":"096c0fc43e804757b59946b80dc27f8bin07","proxy_id":"2ec617ba62da4eafb921b69438beed3cpo01"},
  "ticket":{"id":"CHG0031337","requested_by":"requester@example.com","approved_by":["approver@example.com"],"approved_at":"2026-11-22T08:59:30Z",
   "window":{"start":"2026-11-22T09:00:00Z","end":"2026-11-22T11:00:00Z"}}}}`

// BenchmarkDecode compares, in one run, with the SDK's fastest reader, which
// checks little, and with what it takes to have it check more.
func BenchmarkDecode(b *testing.B) {
	text := []byte(approved)
	for _, bench := range []struct {
		name string
		run  func() error
	}{
		{"strict", func() error { _, err := DecodeJSON(text); return err }},
		{"sdk-ReadJson", func() error { var ev event.Event; return event.ReadJson(&ev, bytes.NewReader(text)) }},
		{"sdk-ReadJson-Validate", func() error {
			var ev event.Event
			if err := event.ReadJson(&ev, bytes.NewReader(text)); err != nil {
				return err
			}
			return ev.Validate()
		}},
		{"sdk-Unmarshal", func() error { var ev event.Event; return json.Unmarshal(text, &ev) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := bench.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	ev, err := DecodeJSON([]byte(approved))
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name string
		run  func() error
	}{
		{"strict", func() error { _, err := EncodeJSON(ev); return err }},
		{"sdk-MarshalJSON", func() error { _, err := ev.MarshalJSON(); return err }},
		{"sdk-Marshal", func() error { _, err := json.Marshal(ev); return err }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeHTTPBinary(b *testing.B) {
	ev, err := DecodeJSON([]byte(approved))
	if err != nil {
		b.Fatal(err)
	}
	var header http.Header
	var body []byte
	if header, body, err = EncodeHTTPBinary(ev); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := DecodeHTTP(header, body); err != nil {
			b.Fatal(err)
		}
	}
}
