// Package account tells people what a ledger's records say: what was asked for,
// how it stands, what happened when, who approved it, and where a chain is. The
// commands print it and the page shows it, in the same words.
package account

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Entry is a record of the ledger with what it asks for.
type Entry struct {
	ledger.Record
	Asks   decision.Decision
	Target events.Target
}

// Of reads what a record asks for.
func Of(rec ledger.Record) (Entry, error) {
	e := Entry{Record: rec}
	if len(rec.Stored) == 0 {
		return e, nil // left out of a record that was too large for its table
	}
	if err := json.Unmarshal(rec.Stored, &e.Asks); err != nil {
		return e, fmt.Errorf("record of %s %s: %w", rec.Key.Switch, rec.Key.ID, err)
	}
	if len(e.Asks.Target) > 0 {
		if err := e.Asks.Decode(&e.Target, nil); err != nil {
			return e, fmt.Errorf("record of %s %s: %w", rec.Key.Switch, rec.Key.ID, err)
		}
	}
	e.Asks.Place = huawei.Place(e.Target)
	return e, nil
}

// Followed tells a job that is followed from a decision.
func (e *Entry) Followed() bool { return e.Key.Switch == engine.JobFollow }

// Is tells whether a text names the target, or an id of it.
func (e *Entry) Is(target string) bool {
	t := e.Target
	return slices.Contains([]string{e.Asks.Place.Subject, t.InstanceID, t.ProxyID, t.DatabaseID}, target)
}

// TicketID is the id of its ticket; empty where there is none.
func (e *Entry) TicketID() string { return e.Asks.Cause.Ticket }

// Position is what it asks for: on or off.
func (e *Entry) Position() string { return OnOff(e.Asks.Enabled) }

// OnOff is a position in a word.
func OnOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }

// Words says in a few words how it stands.
func (e *Entry) Words() string {
	switch o := e.Outcome; {
	case o != nil && o.Code != "":
		return o.Result + ": " + o.Code
	case o != nil:
		return o.Result
	case e.Followed():
		return "following"
	case e.Doubt || e.Quiet:
		return "in doubt"
	case e.State == ledger.Waiting && e.Last.Code != "":
		return "waiting: " + e.Last.Code
	}
	return string(e.State)
}

// States are those that a [Filter] knows.
var States = []string{"waiting", "claimed", "doubt", "settled", "accepted", "applied", "unchanged", "rejected", "failed"}

// JobStates are those of the jobs that are followed; the end of one that was not
// seen to end is job-unknown.
var JobStates = []string{"following", "job-succeeded", "job-failed", "job-unknown"}

// InState tells whether it is in one of the [States], or [JobStates].
func (e *Entry) InState(state string) bool {
	switch {
	case state == "doubt":
		return e.Doubt || e.Quiet
	case state == "following":
		return e.Followed() && e.Outcome == nil
	case e.Outcome != nil && state == e.Outcome.Result:
		return true
	}
	return state == string(e.State)
}

// Filter is which decisions are wanted; what is zero does not matter.
type Filter struct {
	Switch, Target, Ticket, State, Chain string
	Since, Until                         time.Time
	// Limit is how many are wanted at most, the newest; 0: all.
	Limit int
}

// Texts stand in the record of each decision that is wanted: see [ledger.Ledger.All].
func (f *Filter) Texts() []string {
	return []string{f.Switch, f.Target[strings.LastIndex(f.Target, "/")+1:], f.Ticket}
}

// Lister lists a ledger's decisions.
type Lister interface {
	// Decisions lists those in whose records the texts stand, as [ledger.Ledger.All]
	// does, and About those on an instance, as [ledger.About] does.
	Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error]
	About(ctx context.Context, project, instance string) iter.Seq2[ledger.Record, error]
}

// In returns the decisions that are wanted, as Find does, and reads no more than it
// takes: of a target in full those of its instance.
func (f *Filter) In(ctx context.Context, l Lister) ([]Entry, error) {
	parts := strings.Split(f.Target, "/")
	if len(parts) >= 4 && parts[0] == "projects" && parts[2] == "instances" && f.Switch != engine.JobFollow {
		return f.Find(l.About(ctx, parts[1], parts[3]))
	}
	return f.Find(l.Decisions(ctx, f.Texts()...))
}

// Wants tells whether a decision is wanted.
func (f *Filter) Wants(e *Entry) bool {
	return (f.Switch == e.Key.Switch || f.Switch == "" && !e.Followed()) &&
		(f.Target == "" || e.Is(f.Target)) &&
		(f.Ticket == "" || f.Ticket == e.TicketID()) &&
		(f.State == "" || e.InState(f.State)) &&
		(f.Chain == "" || e.InChain(f.Chain)) &&
		(f.Since.IsZero() || !e.First.Before(f.Since)) &&
		(f.Until.IsZero() || e.First.Before(f.Until))
}

// Find returns the decisions that are wanted, the oldest first, and an error
// where records could not be read. It holds no more of them than twice the limit.
func (f *Filter) Find(all iter.Seq2[ledger.Record, error]) ([]Entry, error) {
	return pick(all, f.Limit, f.Wants)
}

// Pick returns the records that are wanted, as Find does.
func Pick(all iter.Seq2[ledger.Record, error], wants func(*Entry) bool) ([]Entry, error) {
	return pick(all, 0, wants)
}

func pick(all iter.Seq2[ledger.Record, error], limit int, wants func(*Entry) bool) (found []Entry, err error) {
	newest := func() {
		slices.SortStableFunc(found, func(a, b Entry) int { return a.First.Compare(b.First) })
		if limit > 0 && len(found) > limit {
			found = slices.Delete(found, 0, len(found)-limit)
		}
	}
	unread := 0
	var first error
	for rec, err := range all {
		var e Entry
		if err == nil {
			e, err = Of(rec)
		}
		if err != nil {
			unread++
			first = cmp.Or(first, err)
		} else if wants(&e) {
			found = append(found, e)
		}
		if limit > 0 && len(found) == 2*limit {
			newest()
		}
	}
	newest()
	if unread > 0 {
		return found, fmt.Errorf("%d records could not be read, the first: %w", unread, first)
	}
	return found, nil
}

// Stamp is a time as people and programs may read it: RFC 3339, UTC, whole seconds.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Narrowest names a target by its narrowest id.
func Narrowest(t events.Target) string {
	switch {
	case t.ProxyID != "":
		return "proxy " + t.ProxyID
	case t.DatabaseID != "":
		return "database " + t.DatabaseID
	}
	return "instance " + t.InstanceID
}
