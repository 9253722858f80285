// Othervendor has Interlock's engine flip a switch of an API that is not Huawei
// Cloud's: the beacons of devices on sites, which are set and read over HTTP.
//
// beacon.go is all that there is to say of the switch. This file is a program
// that takes one event through it, and main_test.go lets that program die at
// every call.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

func main() {
	// Run again, it finds in the ledger that all is done, and says the same.
	if err := run(os.Stdout, "othervendor.db", time.Now); err != nil {
		log.Fatal(err)
	}
}

// run takes one event through the switch, and prints the event that comes out.
func run(w io.Writer, file string, now func() time.Time) error {
	vendor := httptest.NewServer(&sites{moves: map[string]int{}})
	defer vendor.Close()
	ledger, err := bolt.Open(file, now(), time.Minute)
	if err != nil {
		return err
	}
	defer ledger.Close()
	out := &bus.Memory{} // or bus.HTTP, or one of your own
	e := &engine.Engine{
		Switches: []engine.Registered{api{vendor.URL, vendor.Client()}.beacon().Register()},
		Ledger:   ledger, Bus: out, Now: now,
	}
	if err := e.Init(); err != nil {
		return err
	}
	r := e.Handle(context.Background(), "beacon", approved(device{"north", "mast-7"}))
	if r.Kind != engine.Completed {
		return fmt.Errorf("%s: %+v", r.Kind, r.Error)
	}
	raw, err := json.MarshalIndent(r.Event, "", "  ")
	fmt.Fprintf(w, "%s\n", raw)
	return err
}

// approved is the event of an approved change: the beacon of a device on.
func approved(d device) event.Event {
	ev := event.New()
	ev.SetType(events.TypeTicketApproved)
	ev.SetSource("https://tickets.example.com/changes")
	ev.SetID("CHG0031337-1")
	_ = ev.SetData(event.ApplicationJSON, events.TicketApprovedOf[device]{
		Switch: "beacon", Enabled: new(true), Target: &d,
		Ticket: &events.Ticket{ID: "CHG0031337", RequestedBy: "requester@example.com", ApprovedBy: []string{"approver@example.com"}},
	})
	return ev
}

// sites stands in for the vendor: devices whose beacons are off at first.
type sites struct {
	mu sync.Mutex
	// moves counts how often each was moved.
	moves map[string]int
}

func (s *sites) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := position{s.moves[r.URL.Path]%2 == 1}
	if r.Method == http.MethodPut {
		var to position
		if err := json.NewDecoder(r.Body).Decode(&to); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if to != now {
			s.moves[r.URL.Path]++
		}
		now = to
	}
	_ = json.NewEncoder(w).Encode(now)
}

func (s *sites) moved(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moves[path]
}
