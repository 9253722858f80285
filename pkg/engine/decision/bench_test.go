package decision

import (
	"testing"

	"github.com/interlock-functions/interlock/events"
)

const benchTicket = `{"switch":"proxy-alt","enabled":true,"target":` + onProxy + `,"options":{"alt_for_readonly":true},
	"ticket":{"id":"CHG0031337","requested_by":"requester@example.com","approved_by":["approver@example.com"],"approved_at":"2026-11-22T08:59:30Z",
	"window":{"start":"2026-11-22T09:00:00Z","end":"2026-11-22T11:00:00Z"}}}`

func BenchmarkDecode(b *testing.B) {
	d := decoder(b)
	for name, c := range map[string]struct {
		data  string
		taken bool
	}{
		"ticket":  {benchTicket, true},
		"invalid": {request("proxy-alt", `"yes"`, `{`+instance+`}`, ""), false},
	} {
		ev := eventOf(b, events.TypeTicketApproved, c.data)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, problem := d.Decode("proxy-alt", ev); (problem == nil) != c.taken {
					b.Fatal(problem)
				}
			}
		})
	}
}

func BenchmarkContent(b *testing.B) {
	dec := decided(b, "proxy-alt", events.TypeTicketApproved, benchTicket)
	b.ReportAllocs()
	for b.Loop() {
		_ = dec.Content()
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(specs(), ourRegion); err != nil {
			b.Fatal(err)
		}
	}
}
