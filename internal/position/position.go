// Package position compares how switches were decided with how they lie in the
// cloud.
package position

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Cloud is the cloud's client, and the switches by name that read by it.
type Cloud struct {
	Client   *cloudapi.Client
	Switches map[string]engine.Registered
}

// At is the cloud that a client calls.
func At(client *cloudapi.Client) *Cloud {
	own := &Cloud{client, map[string]engine.Registered{}}
	for _, sw := range huawei.Bind(functions.All(), own.Client) {
		own.Switches[sw.Name] = sw
	}
	return own
}

// Position is one switch on one target, as decided and as the cloud has it.
type Position struct {
	Target string `json:"target"`
	Switch string `json:"switch"`
	// Decided is the position that was last decided and took effect; missing
	// where nothing is on record.
	Decided *bool         `json:"decided,omitempty"`
	At      time.Time     `json:"at,omitzero"`
	Result  string        `json:"result,omitempty"`
	JobID   string        `json:"job_id,omitempty"`
	Cause   *events.Cause `json:"cause,omitempty"`
	// Now is what the cloud says; missing where it does not.
	Now *bool `json:"now,omitempty"`
	// Verdict says how they compare, and Note what else there is to know.
	Verdict Verdict `json:"verdict"`
	Note    string  `json:"note,omitempty"`

	asks decision.Decision
	last ledger.Record
	// failed is a decision that failed since then.
	failed string
}

// Verdict says how what was decided and what is compare.
type Verdict string

// Verdicts.
const (
	AsDecided  Verdict = "as decided"
	ByHand     Verdict = "changed by hand"
	JobFailed  Verdict = "its job failed"
	AtWork     Verdict = "at work"
	NotDecided Verdict = "nothing on record"
	NoRead     Verdict = "cannot be read"
	NotRead    Verdict = "not read"
)

// Differs tells whether the cloud has it otherwise than decided.
func (v Verdict) Differs() bool { return v == ByHand || v == JobFailed }

// Of are the switches of the targets: those with decisions among the found, and all
// that a target in full can have. A target of which nothing is known is an error.
func Of(targets []string, found []account.Entry) ([]*Position, error) {
	all := bySlot{}
	for _, target := range targets {
		before := len(all)
		for _, e := range found {
			if e.Is(target) {
				all.take(&e)
			}
		}
		for _, asks := range InFull(target) {
			all.add(asks)
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: nothing on record; give the target in full, as projects/P/instances/I/proxies/X", target)
		}
	}
	return all.sorted(), nil
}

// Decided are the switches of the decisions that were found.
func Decided(found []account.Entry) []*Position {
	all := bySlot{}
	for _, e := range found {
		all.take(&e)
	}
	return all.sorted()
}

// bySlot are positions by switch and target.
type bySlot map[string]*Position

func (all bySlot) add(asks decision.Decision) *Position {
	p := all[asks.Slot()]
	if p == nil {
		if !slices.ContainsFunc(functions.All(), func(sw huawei.Switch) bool { return sw.Name == asks.Switch }) {
			return nil // a switch of another version
		}
		p = &Position{Target: asks.Place.Subject, Switch: asks.Switch, asks: asks}
		all[asks.Slot()] = p
	}
	return p
}

func (all bySlot) take(e *account.Entry) {
	if p := all.add(e.Asks); p != nil {
		p.take(e)
	}
}

func (all bySlot) sorted() []*Position {
	return slices.SortedFunc(maps.Values(all), func(a, b *Position) int { return strings.Compare(a.Target+" "+a.Switch, b.Target+" "+b.Switch) })
}

// InFull are the switches that a target, named in full, can have.
func InFull(target string) (all []decision.Decision) {
	parts := strings.Split(target, "/")
	if len(parts) != 4 && len(parts) != 6 || parts[0] != "projects" || parts[2] != "instances" {
		return nil
	}
	t, kind := events.Target{ProjectID: parts[1], InstanceID: parts[3]}, huawei.OnInstance
	if len(parts) == 6 {
		switch parts[4] {
		case "proxies":
			t.ProxyID, kind = parts[5], huawei.OnProxy
		case "databases":
			t.DatabaseID, kind = parts[5], huawei.OnDatabase
		default:
			return nil
		}
	}
	raw, _ := json.Marshal(t) // a struct of texts
	for _, sw := range functions.All() {
		if sw.Kind == kind {
			all = append(all, decision.Decision{Switch: sw.Name, Target: raw, Place: huawei.Place(t)})
		}
	}
	return all
}

// take takes a decision into account: the last that took effect counts, and one
// that is not at its end is noted.
func (p *Position) take(e *account.Entry) {
	o := e.Outcome
	word := e.Words() + ": " + e.Position() + ", event " + e.Key.ID
	switch {
	case o == nil:
		p.add(word)
		return
	case o.Failed:
		p.failed = word
		return
	}
	later := e.Order.After(p.last.Order) || e.Order.Equal(p.last.Order) && p.last.Outcome != nil && o.At.After(p.last.Outcome.At)
	if !o.Effective || p.last.Outcome != nil && !later {
		return
	}
	p.last, p.asks, p.failed = e.Record, e.Asks, ""
	p.Decided, p.At, p.Result, p.JobID, p.Cause = &e.Asks.Enabled, o.At, o.Result, o.JobID, &e.Asks.Cause
}

// Read reads the position from the cloud, and compares.
func (p *Position) Read(ctx context.Context, c *Cloud) {
	if p.failed != "" {
		p.add(p.failed)
	}
	sw := c.Switches[p.Switch]
	if !sw.Reads() {
		p.Verdict = NoRead
		p.add("the API has no such read")
		return
	}
	on, err := sw.Read(ctx, &p.asks)
	if err != nil {
		p.Verdict = NotRead
		p.add(err.Error())
		return
	}
	p.Now = &on
	switch {
	case p.Decided == nil:
		p.Verdict = NotDecided
	case on == *p.Decided:
		p.Verdict = AsDecided
	default:
		p.Verdict = ByHand
		p.askJob(ctx, c)
	}
}

// fresh is how long a job may take to be shown, and to change something: until then
// nobody is said to have done so by hand.
const fresh = 10 * time.Minute

// askJob looks whether the job of a decision says why its position is another.
func (p *Position) askJob(ctx context.Context, c *Cloud) {
	if p.JobID == "" {
		return
	}
	job, err := c.Client.ShowJob(ctx, p.asks.Place.Project, p.JobID)
	switch {
	case err != nil:
		if time.Since(p.At) < fresh {
			p.Verdict = AtWork
		}
		p.add("its job could not be asked: " + err.Error())
	case job.Status.Open():
		p.Verdict = AtWork
		p.add("job " + p.JobID + " is " + string(job.Status))
	case job.Status != cloudapi.JobCompleted:
		p.Verdict = JobFailed
		p.add(strings.TrimSpace("job " + p.JobID + " " + string(job.Status) + " " + job.FailReason))
	}
}

func (p *Position) add(note string) {
	p.Note = strings.TrimPrefix(p.Note+"; "+note, "; ")
}
