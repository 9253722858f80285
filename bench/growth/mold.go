package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// What stands in the one decision that all others are made after, and is replaced.
const (
	ticket   = "CHG0031337"
	instance = "096c0fc43e804757b59946b80dc27f8bin07"
	proxy    = "2ec617ba62da4eafb921b69438beed3cpo01"
	project  = "056538411200d4cd2f79c003c7606412"
)

// mold is a decision as the engine makes it, from which others are made.
type mold struct {
	record ledger.Record
	audit  []byte
}

// settings are those of a program on a ledger, beside a simulated cloud.
func settings(place config.Place) config.Config {
	return config.Config{
		Endpoints:   cloudapi.EndpointSet{GaussDB: "https://cloud.test", DBSS: "https://cloud.test"},
		Credentials: config.Credentials{Token: cloudsim.DefaultToken}, Ledger: place,
	}
}

// learn has the engine apply one ticket.
func learn() (*mold, error) {
	sim := cloudsim.New(cloudsim.Options{Simulations: simulations.All()})
	h, err := local.Open(settings(config.Place{Kind: "memory"}), functions.All(), local.Options{
		Cloud: &http.Client{Transport: sim.RoundTripper()}, Bus: new(bus.Memory),
	})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	var ev event.Event
	err = json.Unmarshal(fmt.Appendf(nil, `{"specversion":"1.0","type":"dev.interlock.ticket.approved.v1","id":"%[1]s-1","source":"https://tickets.example.com/changes",
		"subject":"%[1]s","time":%[5]q,"datacontenttype":"application/json","data":{"switch":"proxy-ssl","enabled":true,
		"target":{"project_id":"%[2]s","instance_id":"%[3]s","proxy_id":"%[4]s"},
		"ticket":{"id":"%[1]s","requested_by":"requester@example.com","approved_by":["approver@example.com"]}}}`,
		ticket, project, instance, proxy, time.Now().UTC().Format(time.RFC3339)), &ev)
	if err != nil {
		return nil, err
	}
	if r := h.Handle(context.Background(), "proxyssl", ev); r.Event == nil {
		return nil, fmt.Errorf("the decision to begin with is %s", r.Kind)
	}
	m := new(mold)
	for rec, err := range h.Ledger.All(context.Background()) {
		if err != nil {
			return nil, err
		}
		if rec.Key.Switch == "proxy-ssl" {
			m.record = rec
		}
	}
	for a, err := range h.Ledger.Trail(context.Background(), project, instance, 1) {
		if err != nil {
			return nil, err
		}
		m.audit = a.Body
	}
	if m.record.Outcome == nil || m.audit == nil {
		return nil, errors.New("the decision to begin with is not settled")
	}
	return m, nil
}

// one is the n-th decision: its claim, and how it ends.
type one struct {
	claim   ledger.Claim
	outcome ledger.Outcome
}

func instanceOf(n int) string { return fmt.Sprintf("%032xin07", n) }

func ticketOf(n int) string { return fmt.Sprintf("CHG%07d", n) }

func jobOf(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n) }

func nonceOf(n int) string { return fmt.Sprintf("NONCE%021d", n) }

func proxyOf(n int) string { return fmt.Sprintf("%032xpo01", n) }

// target names the n-th decision's in full.
func target(n int) string {
	return "projects/" + project + "/instances/" + instanceOf(n) + "/proxies/" + proxyOf(n)
}

func keyOf(n int) ledger.Key {
	return ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com/changes", ID: ticketOf(n) + "-1"}
}

func (m *mold) make(n int) one {
	job := jobOf(n)
	r := strings.NewReplacer(ticket, ticketOf(n), instance, instanceOf(n), proxy, proxyOf(n), m.record.Outcome.JobID, job)
	of := func(text []byte) []byte { return []byte(r.Replace(string(text))) }
	d, now := m.record, m.record.First
	o := ledger.Outcome{
		Result: d.Outcome.Result, At: now, JobID: job, JobExpire: now.AddDate(0, 3, 0), Effective: true, Audit: of(m.audit),
	}
	for _, ev := range d.Outcome.Events {
		o.Events = append(o.Events, of(ev))
	}
	return one{ledger.Claim{
		Key: keyOf(n), Content: d.Content, Project: project, Instance: instanceOf(n), Slot: r.Replace(d.Slot), Ticket: ticketOf(n),
		Order: now.Add(time.Duration(n)), Stored: of(d.Stored), Nonce: nonceOf(n), Now: now, Lease: now.Add(time.Minute),
	}, o}
}

// put takes a decision from claim to mark.
func (m *mold) put(ctx context.Context, l ledger.Ledger, n int) error {
	d := m.make(n)
	a, err := l.Claim(ctx, d.claim)
	if err == nil && a.Verdict != ledger.New {
		err = fmt.Errorf("claim of %s: verdict %s", d.claim.Key.ID, a.Verdict)
	}
	if err == nil {
		err = l.Settle(ctx, d.claim.Key, d.claim.Nonce, d.outcome)
	}
	if err == nil {
		err = l.Mark(ctx, d.claim.Key, d.claim.Nonce, d.claim.Now, d.claim.Now.AddDate(0, 3, 0))
	}
	return err
}

// names are those of the n-th decision, each as long as another's.
func (m *mold) names(n int) []string {
	slot := strings.NewReplacer(instance, instanceOf(n), proxy, proxyOf(n)).Replace(m.record.Slot)
	return []string{
		keyOf(n).Digest(), ledger.UseKey(ticketOf(n), slot), ticketOf(n), instanceOf(n), proxyOf(n), jobOf(n), nonceOf(n),
	}
}

// form is a text of the first decision, of which others' are made. A ledger that is
// filled so holds what it would if it had taken each decision itself, but for the
// hashes of audit records, and that all came at one time; it takes minutes instead of
// hours.
type form struct {
	text []byte
	at   [][]int // where each name stands
}

func (m *mold) form(text []byte) *form {
	f := &form{text: text}
	for _, name := range m.names(0) {
		var at []int
		for from := 0; ; from += len(name) {
			i := bytes.Index(text[from:], []byte(name))
			if i < 0 {
				break
			}
			from += i
			at = append(at, from)
		}
		f.at = append(f.at, at)
	}
	return f
}

// with is the text with other names.
func (f *form) with(names []string) []byte {
	text := bytes.Clone(f.text)
	for i, name := range names {
		for _, at := range f.at[i] {
			copy(text[at:], name)
		}
	}
	return text
}

// together does something n times, many at once.
func together(n, atOnce int, do func(int) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, atOnce)
	for worker := range atOnce {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && errs[worker] == nil; i = next.Add(1) - 1 {
				errs[worker] = do(int(i))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// middle is the median.
func middle[T cmp.Ordered](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
