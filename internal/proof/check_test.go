package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// history is what happened in a world, and what of it was wrong.
type history struct {
	mu       sync.Mutex
	sends    []*send
	releases []release
	outcomes map[ledger.Key]*ledger.Outcome
	// ends are all the outcomes that a decision ever had, in order.
	ends map[ledger.Key][]end
	// spent says who has spent a ticket, on what.
	spent map[use]ledger.Key
	// refused are those that have met a ticket that another had spent.
	refused map[ledger.Key]bool
	// givenUp are the decisions that ever failed in doubt.
	givenUp  map[ledger.Key]bool
	bus      map[string][]byte
	arrivals map[string]int
	wrongs   []string
	story    []string
	// steps counts what was done, seen the steps' results.
	steps int
	seen  map[string]int

	// numbering is held while a call to a switch is under way to the cloud,
	// which tells its number by numbered.
	numbering sync.Mutex
	current   *send
}

// send is one request that flips a switch.
type send struct {
	key      ledger.Key
	nonce    string
	instance string
	number   int // at the cloud
	began    time.Time
	ended    time.Time // answered, cut off, or, of a dead process, arrived
	// by is who sent it, and waited until when: until it ended or he died.
	by     *invocation
	waited time.Time
	// harmless: it was answered so that it certainly had no effect.
	harmless bool
}

type release struct {
	key ledger.Key
	at  time.Time
	// after is how many calls had been sent before.
	after int
}

func (h *history) start() {
	h.outcomes, h.bus = map[ledger.Key]*ledger.Outcome{}, map[string][]byte{}
	h.ends, h.spent = map[ledger.Key][]end{}, map[use]ledger.Key{}
	h.givenUp, h.refused = map[ledger.Key]bool{}, map[ledger.Key]bool{}
	h.arrivals, h.seen = map[string]int{}, map[string]int{}
}

func (h *history) wrong(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wrongs) < 20 {
		h.wrongs = append(h.wrongs, fmt.Sprintf(format, args...))
	}
}

func (inv *invocation) saw(s engine.Step) {
	h := &inv.world.history
	id := "an event"
	if s.Decision != nil {
		id = s.Decision.Cause.ID
	}
	h.tell("  %s: %s %s %s (%v)", id, s.Name, s.Result, s.JobID, s.Err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[s.Name+" "+s.Result]++
	if s.Name == "lookup" && (s.Result == "absent" || s.Result == "repeatable") {
		delete(inv.doubted, s.Decision.Key())
	}
}

// tell keeps what happened, for whoever has to understand a finding.
func (h *history) tell(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.story = append(h.story, clock(time.Now())+" "+fmt.Sprintf(format, args...))
}

// records are all decisions that the ledger holds.
func (w *world) records() []ledger.Record {
	var all []ledger.Record
	for d, err := range w.ledger.All(context.Background()) {
		if err != nil {
			w.wrong("ledger: %v", err)
			continue
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b ledger.Record) int { return strings.Compare(a.Key.Digest(), b.Key.Digest()) })
	return all
}

func decoded(rec ledger.Record) *decision.Decision {
	d := new(decision.Decision)
	if err := json.Unmarshal(rec.Stored, d); err != nil {
		panic(err)
	}
	d.Place = decision.Place{Project: rec.Project, Instance: rec.Instance, Subject: strings.TrimPrefix(rec.Slot, d.Switch+" ")}
	return d
}

func (w *world) claimed(inv *invocation, c ledger.Claim, got ledger.Claimed) {
	if got.Verdict == ledger.New || got.Verdict == ledger.Resumed {
		w.mu.Lock()
		inv.nonces[c.Nonce] = true
		inv.doubted[c.Key] = got.Verdict == ledger.Resumed
		w.mu.Unlock()
	}
	if got.Verdict == ledger.Spent {
		w.foundSpent(c)
	}
}

// sending holds a call to a switch against the rules, at the moment at which
// it leaves.
func (w *world) sending(inv *invocation, r *http.Request, body []byte) *send {
	s := &send{instance: instanceIn(r.URL.Path), by: inv, began: time.Now(), ended: never, waited: time.Now()}
	holder := w.holder(s.instance)
	if holder == nil {
		w.wrong("%s sends a call on %s, which nobody holds", inv.name, s.instance)
		return s
	}
	s.key, s.nonce = holder.Key, holder.Nonce
	w.mu.Lock()
	own := inv.nonces[holder.Nonce]
	w.mu.Unlock()
	d := decoded(*holder)
	switch {
	case !own:
		w.wrong("%s sends a call on an instance held by %s of another", inv.name, holder.Key.ID)
	case !holder.Due.After(inv.now()) || !holder.Due.After(time.Now()):
		w.wrong("%s sends the call of %s, whose lease ended at %s; it is %s", inv.name, holder.Key.ID, clock(holder.Due), clock(inv.now()))
	case !w.isCallOf(d, r, body):
		w.wrong("%s sends %s %s %s, which is not the call of %s", inv.name, r.Method, r.URL.Path, body, holder.Key.ID)
	}
	if why := w.forbidden(d, *holder, inv); why != "" {
		w.wrong("%s sends the call of %s although %s", inv.name, holder.Key.ID, why)
	}
	if why := w.unapproved(d, *holder, inv); why != "" {
		w.wrong("%s sends the call of %s although %s", inv.name, holder.Key.ID, why)
	}
	if time.Until(inv.deadline) < reserve {
		w.wrong("%s sends the call of %s with no time left to settle it", inv.name, holder.Key.ID)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, earlier := range w.sends {
		if earlier.key == s.key && !earlier.harmless && s.began.Sub(earlier.waited) < quiet-2*skew {
			w.wrongs = append(w.wrongs, fmt.Sprintf("%s sends the call of %s again %s after one that may have taken effect", inv.name, s.key.ID, s.began.Sub(earlier.waited)))
		}
	}
	return s
}

// leaves notes that a call is on its way.
func (w *world) leaves(s *send) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sends = append(w.sends, s)
}

// numbered is told by the cloud of each call as it arrives.
func (w *world) numbered(c cloudsim.Call) bool {
	if c.Method != http.MethodGet {
		w.number(c.Number)
		if c.Overlaps > 0 {
			w.wrong("call %d overlaps %d others on its instance", c.Number, c.Overlaps)
		}
	}
	return false
}

// number gives the call that is under way its number, 0 if it never arrived.
func (h *history) number(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != nil {
		h.current.number, h.current = n, nil
		h.numbering.Unlock()
	}
}

// watch has the cloud tell of each call. It must be called again whenever
// faults were cleared.
func (w *world) watch() {
	if err := w.cloud.Inject(cloudsim.Fault{Kind: cloudsim.Delay, Match: w.numbered}); err != nil {
		panic(err)
	}
}

func (w *world) sent(s *send, res *http.Response, err error) {
	if s == nil {
		return
	}
	w.mu.Lock()
	never := w.current == s
	w.mu.Unlock()
	if never {
		w.number(0)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.ended = time.Now()
	if !s.by.adrift.Load() {
		s.waited = s.ended
	}
	s.harmless = errors.Is(err, syscall.ECONNREFUSED) || err == nil && harmless(res)
}

// harmless tells of an answer by which the call certainly had no effect,
// whatever its status says.
func harmless(res *http.Response) bool {
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), cut{err}))
	refused := res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusRequestTimeout
	return refused || bytes.Contains(body, []byte("APIG.0308")) || bytes.Contains(body, []byte("DBS.05000084"))
}

// cut is where an answer ended.
type cut struct{ err error }

func (c cut) Read([]byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	return 0, io.EOF
}

// never is later than any time that a world comes to.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func instanceIn(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts[:len(parts)-1] {
		if p == "instances" || p == "audit" {
			return parts[i+1]
		}
	}
	return ""
}

func (w *world) holder(instance string) *ledger.Record {
	for _, d := range w.records() {
		if d.Instance == instance && d.State == ledger.Working {
			return &d
		}
	}
	return nil
}

// isCallOf tells whether a request is what the decision asks for.
func (w *world) isCallOf(d *decision.Decision, r *http.Request, body []byte) bool {
	on := map[string][2]string{
		"proxy-alt":      {`"alt_enabled":"on"`, `"alt_enabled":"off"`},
		"proxy-ssl":      {`"ssl_option":true`, `"ssl_option":false`},
		"access-control": {`"open_access_control":true`, `"open_access_control":false`},
		"multi-tenancy":  {`"multi_tenant_switch":true`, `"multi_tenant_switch":false`},
		"database-audit": {`"status":"ON"`, `"status":"OFF"`},
	}[d.Switch]
	want := on[1]
	if d.Enabled {
		want = on[0]
	}
	return bytes.Contains(body, []byte(want)) && strings.Contains(r.URL.Path, d.Place.Instance) && strings.Contains(r.URL.Path, targetIn(d).ProxyID)
}

// forbidden is the guard, told a second time.
func (w *world) forbidden(d *decision.Decision, rec ledger.Record, inv *invocation) string {
	now := inv.now()
	if w.halted.Load() {
		return "calls are halted"
	}
	for _, other := range w.ever(w.records()) {
		if o := other.Outcome; o != nil && o.Effective && other.Slot == rec.Slot && other.Order.After(rec.Order) {
			return "the newer " + other.Key.ID + " is effective"
		}
	}
	if at, ok := d.DecidedAt(); ok && (at.After(now.Add(5*time.Minute)) || rec.Order.Before(now.Add(-retention))) {
		return "it was decided too early or too late"
	}
	if d.Ticket == nil {
		return ""
	}
	if !slices.ContainsFunc(d.Ticket.ApprovedBy, func(by string) bool { return by != d.Ticket.RequestedBy }) {
		return "nobody approved it"
	}
	if win := d.Ticket.Window; win != nil && (win.Start != nil && now.Before(*win.Start) || win.End != nil && !now.Before(*win.End)) {
		return "its window is not open"
	}
	return ""
}

// settled holds the stored outcome of a decision against the one that was there
// before.
func (w *world) settled(key ledger.Key) {
	rec, err := w.ledger.Get(context.Background(), key)
	if err != nil || rec.State != ledger.Settled {
		return
	}
	w.mu.Lock()
	before := w.outcomes[key]
	anew := before != nil && w.afresh(rec)
	if key.Switch == engine.JobFollow {
		w.outcomes[key] = rec.Outcome
		w.mu.Unlock()
		if !anew {
			w.endedOnce(key, before, rec.Outcome)
		}
		return
	}
	if !w.anEnd(rec) {
		w.mu.Unlock()
		return
	}
	w.outcomes[key] = rec.Outcome
	if anew {
		w.seen["settle forgotten"]++
	}
	if rec.Outcome.Failed && rec.Outcome.Doubt {
		w.givenUp[key] = true
	}
	w.mu.Unlock()
	if before != nil && !before.Failed && !anew {
		w.wrong("the outcome of %s changes from %s to %s", key.ID, before.Result, rec.Outcome.Result)
	}
	if anew && rec.Outcome.Result == "rejected" {
		return // what it had come to before stands: its ticket stays spent
	}
	d := decoded(rec)
	w.spends(d, rec)
	if on, open := w.positionOf(d); rec.Outcome.Result == "unchanged" && switchNamed(d.Switch).Creates {
		if open != "" {
			w.wrong("%s is unchanged while job %s is open", key.ID, open)
		}
		if on != d.Enabled {
			w.wrong("%s is unchanged, but the switch lies the other way", key.ID)
		}
	}
}

// afresh tells of a decision that came again after it was forgotten: its record
// is a new one, from a time when what it had come to had expired.
func (h *history) afresh(rec ledger.Record) bool {
	ends := h.ends[rec.Key]
	if len(ends) == 0 {
		return rec.First.Sub(h.outcomes[rec.Key].At) > retention-2*skew // a job's
	}
	last := ends[len(ends)-1]
	return rec.First.After(last.First) && rec.First.Sub(last.Outcome.At) > retention-2*skew
}

// ever adds to the decisions on record what those had come to that are forgotten.
func (w *world) ever(recs []ledger.Record) []ledger.Record {
	type life struct {
		key   ledger.Key
		first int64
	}
	known := map[life]bool{}
	for _, rec := range recs {
		known[life{rec.Key, rec.First.UnixNano()}] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(recs)
	for key, ends := range w.ends {
		for _, e := range slices.Backward(ends) {
			if l := (life{key, e.First.UnixNano()}); !known[l] {
				known[l], all = true, append(all, e.Record)
			}
		}
	}
	return all
}

// since are the effects that a decision has had since it is on record.
func since(rec ledger.Record, effects []cloudsim.Effect) []cloudsim.Effect {
	return slices.DeleteFunc(slices.Clone(effects), func(e cloudsim.Effect) bool { return e.Time.Before(rec.First.Add(-retention / 2)) })
}

// marked holds a decision that is marked emitted against the bus.
func (w *world) marked(key ledger.Key, before ledger.Record) {
	rec, err := w.ledger.Get(context.Background(), key)
	if err != nil || rec.Emitted.IsZero() || !before.Emitted.IsZero() {
		return
	}
	for _, raw := range rec.Outcome.Events {
		var ev event.Event
		if err := json.Unmarshal(raw, &ev); err != nil || !w.onBus(ev.ID()) {
			w.wrong("%s is marked emitted, but its event is not on the bus (%v)", key.ID, err)
		}
	}
	if rec.Expire.Before(rec.Emitted.Add(retention)) {
		w.wrong("%s expires %s after it was emitted", key.ID, rec.Expire.Sub(rec.Emitted))
	}
}

func (h *history) onBus(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bus[id] != nil
}

func (w *world) released(key ledger.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releases = append(w.releases, release{key, time.Now(), len(w.sends)})
}

// published takes an event on the bus: one id, one content.
func (w *world) published(ev *event.Event) {
	raw, err := ev.MarshalJSON()
	if err != nil {
		w.wrong("event %s: %v", ev.ID(), err)
		return
	}
	w.mu.Lock()
	was := w.bus[ev.ID()]
	w.bus[ev.ID()] = raw
	w.arrivals[ev.ID()]++
	w.mu.Unlock()
	if was != nil && !bytes.Equal(was, raw) {
		w.wrong("event %s has two contents:\n%s\n%s", ev.ID(), was, raw)
	}
}

// ended holds the answer to a delivery against the bus: what is acknowledged
// has been published.
func (w *world) ended(inv *invocation) {
	if time.Until(inv.deadline) < 0 {
		w.wrong("%s ends %s after its deadline", inv.name, -time.Until(inv.deadline))
	}
	r := inv.result
	switch r.Kind {
	case engine.Completed, engine.Rejected, engine.Failed:
		if w.disowned(inv, r) {
			return
		}
		raw, err := r.Event.MarshalJSON()
		if err != nil {
			w.wrong("%s: %v", inv.name, err)
		}
		w.mu.Lock()
		on := w.bus[r.Event.ID()]
		w.mu.Unlock()
		if !bytes.Equal(raw, on) {
			w.wrong("%s is acknowledged with an event that was not published:\n%s\n%s", inv.name, raw, on)
		}
	case engine.Later:
		if r.RetryAfter <= 0 || r.Error == nil {
			w.wrong("%s is to be sent again, but nobody knows when or why", inv.name)
		}
	case engine.Rehearsed:
	case engine.Ignored: // a tag that says what it said before
	default:
		w.wrong("%s ends as %q", inv.name, r.Kind)
	}
}

// disowned tells of a completion event whose decision is forgotten: its job is
// nobody's any more, which is for its sender alone to know.
func (w *world) disowned(inv *invocation, r engine.Result) bool {
	w.mu.Lock()
	raw := w.bus[strings.TrimPrefix(inv.name, "delivery of ")]
	w.mu.Unlock()
	var data events.Completed
	if r.Kind != engine.Rejected || r.Error.Code != events.NotApproved || raw == nil {
		return false
	}
	ev := parsed(raw)
	if ev.Type() != events.TypeSwitchCompleted || ev.DataAs(&data) != nil {
		return false
	}
	rec, err := w.ledger.Get(context.Background(), ledger.Key{Switch: data.Switch, Source: data.Cause.Source, ID: data.Cause.ID})
	return errors.Is(err, ledger.ErrNotFound) || err == nil && (rec.Outcome == nil || rec.Outcome.JobID != data.JobID)
}

// verify checks a world that has come to rest against everything that is
// promised.
func (w *world) verify() {
	w.landing.Wait()
	var (
		recs    = w.records()
		effects = w.cloud.Effects()
		byCall  = map[int]*send{}
		of      = map[ledger.Key][]cloudsim.Effect{}
	)
	for _, s := range w.sends {
		byCall[s.number] = s
	}
	for _, e := range effects {
		s := byCall[e.Call]
		if s == nil {
			w.wrong("effect of call %d, which nobody sent", e.Call)
			continue
		}
		of[s.key] = append(of[s.key], e)
		if at := e.Time.Add(-w.ahead); at.After(s.ended) {
			s.ended = at
		}
	}
	w.verifyFlights()
	for _, rec := range recs {
		if rec.Key.Switch == engine.JobFollow {
			w.verifyJob(rec)
			continue
		}
		w.verifyDecision(rec, since(rec, of[rec.Key]))
	}
	ever := w.ever(recs)
	w.verifyPositions(ever, of)
	w.verifyTickets(ever, of)
	w.verifyTrail()
}

// verifyFlights: at most one call is in flight for an instance, and a release
// leaves nothing in flight.
func (w *world) verifyFlights() {
	for i, a := range w.sends {
		for _, b := range w.sends[:i] {
			if a.instance == b.instance && a.began.Before(b.ended) && b.began.Before(a.ended) {
				w.wrong("calls %d and %d are in flight at once", b.number, a.number)
			}
		}
		for _, r := range w.releases {
			if r.key == a.key && i < r.after && r.at.Before(a.ended) {
				w.wrong("%s is released at %s with call %d in flight until %s", r.key.ID, clock(r.at), a.number, clock(a.ended))
			}
		}
	}
}

// verifyDecision: it is settled and published; it took effect once, if it
// says so, and never if it says so.
func (w *world) verifyDecision(rec ledger.Record, effects []cloudsim.Effect) {
	id := rec.Key.Switch + " " + rec.Key.ID
	o := rec.Outcome
	if rec.State != ledger.Settled || rec.Emitted.IsZero() {
		w.wrong("%s has not come to an end: %s, %s", id, rec.State, rec.Last.Code)
		return
	}
	creates := switchNamed(rec.Key.Switch).Creates
	if len(effects) > 1 && creates {
		w.wrong("%s took effect %d times", id, len(effects))
	}
	switch o.Result {
	case "accepted":
		if len(effects) == 0 || effects[0].JobID != o.JobID {
			w.wrong("%s is accepted with job %s, which is not its own: %+v", id, o.JobID, effects)
		}
	case "applied":
		if len(effects) == 0 {
			w.wrong("%s is applied, but had no effect", id)
		}
	case "rejected":
		if len(effects) > 0 {
			w.wrong("%s is rejected (%s), but had an effect", id, o.Code)
		}
	case "failed":
		if len(effects) > 0 && !o.Doubt {
			w.wrong("%s failed without doubt, but had an effect", id)
		}
	}
}

// verifyPositions: each switch lies as the newest of the effective decisions on
// it asks for.
func (w *world) verifyPositions(recs []ledger.Record, of map[ledger.Key][]cloudsim.Effect) {
	newest := map[string][]ledger.Record{}
	for _, rec := range recs {
		if rec.Outcome == nil || !rec.Outcome.Effective {
			continue
		}
		best := newest[rec.Slot]
		switch {
		case best == nil || rec.Order.After(best[0].Order):
			newest[rec.Slot] = []ledger.Record{rec}
		case rec.Order.Equal(best[0].Order):
			newest[rec.Slot] = append(best, rec)
		}
	}
	for slot, best := range newest {
		d := decoded(best[0])
		if len(best) > 1 || w.unsettles(recs, slot, of) || w.jobFailed(best[0]) {
			continue // neither of equals is the newer one
		}
		if on, _ := w.positionOf(d); on != d.Enabled {
			w.wrong("%s lies %t, but the newest decision, %s, asks for %t", slot, on, best[0].Key.ID, d.Enabled)
		}
	}
}

// unsettles tells whether a decision on the switch was ever given up in doubt,
// and so let others go before it, though it had taken effect.
func (w *world) unsettles(recs []ledger.Record, slot string, of map[ledger.Key][]cloudsim.Effect) bool {
	return slices.ContainsFunc(recs, func(rec ledger.Record) bool {
		return rec.Slot == slot && w.givenUp[rec.Key] && len(of[rec.Key]) > 0
	})
}

// jobFailed tells whether a decision's job failed, or may have, as the cloud has
// forgotten it: it was accepted, and counts for the order all the same.
func (w *world) jobFailed(rec ledger.Record) bool {
	if rec.Outcome.JobID == "" {
		return false
	}
	job, err := w.observer().ShowJob(context.Background(), rec.Project, rec.Outcome.JobID)
	return err != nil || job.FailReason != ""
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
