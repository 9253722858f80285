package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	attempt  = "pkg/engine/attempt.go"
	decide   = "pkg/engine/decide.go"
	doubt    = "pkg/engine/doubt.go"
	engines  = "pkg/engine/engine.go"
	failures = "pkg/engine/failure.go"
	switches = "pkg/engine/switch.go"
	verdicts = "pkg/engine/verdict.go"
	outcome  = "pkg/engine/outcome.go"
	decides  = "pkg/engine/decision/decision.go"
	ledgers  = "pkg/engine/ledger/rules.go"
	tickets  = "pkg/engine/ledger/ticket.go"
	meanings = "internal/huawei/failure.go"
	boards   = "pkg/engine/jobboard.go"
	lists    = "internal/huawei/jobs.go"
	starts   = "internal/lambdahost/lambdahost.go"
)

// mutant is a version of the source with a rule taken out.
type mutant struct {
	// without names the rule.
	without string
	edits   []edit
}

// edit replaces a text that stands exactly once in a file.
type edit struct{ file, old, new string }

// write writes the mutated files and an overlay that puts them in the place of
// the true ones.
func (m mutant) write(root, dir string) (overlay string, err error) {
	replace := map[string]string{}
	for i, e := range m.edits {
		path := filepath.Join(root, e.file)
		from := path
		if replace[path] != "" {
			from = replace[path]
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return "", fmt.Errorf("%s has %d times, not once: %s", e.file, n, e.old)
		}
		mutated := filepath.Join(dir, fmt.Sprint(i, ".go"))
		if err := os.WriteFile(mutated, bytes.Replace(text, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return "", err
		}
		replace[path] = mutated
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}

// mutants are the rules of the protocol, each taken out.
func mutants() []mutant {
	one := func(without, file, old, new string) mutant { return mutant{without, []edit{{file, old, new}}} }
	return []mutant{
		// Claiming
		one("a nonce of its own for each claim", decide, `Nonce: e.Nonce(), Now`, `Nonce: "the same", Now`),
		one("the event's own date", decide, `Order: d.Order(now)`, `Order: now`),
		one("taking a date in the future for now", decides, `if !ok || order.After(received) {`, `if !ok {`),
		one("counting from the opening of the window", decides, `start != nil && start.After(order)`, `false && start.After(order)`),
		one("finishing a lapsed hold of another", decide, `&& e.finish(ctx, claimed.Holder.Key) {`, `&& false {`),
		one("noting what waits for another", decide, `if err := e.Ledger.Wait(ctx, c, w); err != nil {`, `if err := ctx.Err(); err != nil || w.Due.IsZero() {`),
		one("giving up what is held off for too long", decide, `if claimed.Record.State != ledger.Settled && e.tooOld(claimed.Record.Pursued, c.Now) {`, `if false {`),
		one("content in the identity of an event", ledgers, "case d.Content != c.Content:\n\t\treturn Claimed", "case false:\n\t\treturn Claimed"),
		one("waiting for the lease to run out", ledgers, `case !d.Due.Before(c.Now):`, `case false:`),
		one("holding an instance", ledgers, `case f.Instance.Hold != nil:`, `case false:`),
		one("leaving a lapsed hold to its decision", ledgers, `case f.Instance.Hold != nil:`, `case f.Instance.Hold != nil && !f.Instance.Hold.Until.Before(c.Now):`),
		one("doubt of what was left", ledgers, "\td.Doubt = true\n\treturn f.work(d, c)", "\treturn f.work(d, c)"),
		one("refusing what is superseded", ledgers, `case !d.Doubt && !f.inOrder(d):`, `case false:`),
		one("looking up what is superseded but in doubt", ledgers, `case !d.Doubt && !f.inOrder(d):`, `case !f.inOrder(d):`),
		one("equals side by side", ledgers, `return !f.Instance.Marks[d.Slot].After(d.Order)`, `m, ok := f.Instance.Marks[d.Slot]; return !ok || m.Before(d.Order)`),
		one("the order of the first claim", ledgers, "\treturn f.take(*d, c)", "\td.Order = c.Order\n\treturn f.take(*d, c)"),
		one("taking up what failed", ledgers, `return d.State == Waiting || d.State == Settled && d.Outcome.Failed && !d.Outcome.Final && !d.Emitted.IsZero()`, `return d.State == Waiting`),
		one("publishing a failure before it is taken up again", ledgers, `d.Outcome.Failed && !d.Outcome.Final && !d.Emitted.IsZero()`, `d.Outcome.Failed`),

		one("claiming before the guard is asked", decide, "\tfor range rounds {\n", "\tfirst := attempt{Engine: e, d: d, rec: ledger.Record{Order: d.Order(e.Now())}}\n\tif v, ok := first.guard(ctx); !ok {\n\t\treturn e.later(ctx, d, v.code, haltWait, nil)\n\t}\n\tfor range rounds {\n"),

		// Tickets
		one("spending a ticket on one decision", ledgers, `case use.State == UseSpent:`, `case false:`),
		one("leaving a ticket to the decision that is at work with it", ledgers, `case use.State == UseOpen:`, `case false:`),
		{"what is spent, before what may come to be", []edit{
			{tickets, `u.Owner != d.Key && u.State == UseSpent:`, `u.Owner != d.Key && u.State == UseSpent && open.State == "":`},
			{tickets, `case u.State == UseSpent && f.Record == nil:`, `case u.State == UseSpent && f.Record == nil && open.State == "":`},
		}},
		one("a ticket that had no effect as one to be used", tickets, `uses := d.uses(UseVoid)`, `uses := d.uses(UseSpent)`),
		one("a failure in doubt as a use", tickets, `if o.Effective || o.Failed && o.Doubt {`, `if o.Effective {`),
		one("the ticket of what failed in doubt and is taken up again", tickets, `return d, d.uses(UseOpen)`, `return d, nil`),
		one("each switch and target that a ticket is for", tickets, `range append([]string{c.Slot}, c.Also...) {`, `range []string{c.Slot} {`),

		// Settling and letting go
		one("settling before the event is published", attempt, "\terr := a.settle(ctx, o)", "\t_ = a.emit(ctx, a.d, a.rec.Key, a.nonce, &o, out)\n\terr := a.settle(ctx, o)"),
		one("the nonce of settle", ledgers, "case d.State != Working || d.Nonce != nonce:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\tcase f.Owner", "case d.State != Working:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\tcase f.Owner"),
		one("success of a settle whose answer was lost", ledgers, "case d.State == Settled && d.Nonce == nonce:\n\t\treturn nil, nil\n\tcase d.State != Working", "case d.State != Working"),
		one("one owner for a job", ledgers, `case f.Owner != nil && *f.Owner != d.Key:`, `case false:`),
		one("effect as a condition of the mark", ledgers, `ordered, tag := o.Effective && f.inOrder(d), ""`, `ordered, tag := f.inOrder(d), ""`),
		one("a mark that only rises", ledgers, `ordered, tag := o.Effective && f.inOrder(d), ""`, `ordered, tag := o.Effective, ""`),
		one("a mark", ledgers, `ordered, tag := o.Effective && f.inOrder(d), ""`, `ordered, tag := false, ""`),
		one("the conditions of reject", ledgers, `case d.Content != c.Content || d.Doubt || !d.open():`, `case d.Content != c.Content:`),
		one("the nonce of release", ledgers, "case d.State != Working || d.Nonce != nonce:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\t}\n\tif w.Absent", "case d.State != Working:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\t}\n\tif w.Absent"),
		one("the nonce of lapse", ledgers, "case d.State != Working || d.Nonce != nonce:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\t}\n\td.Due, d.Quiet, d.Doubt", "case d.State != Working:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\t}\n\td.Due, d.Quiet, d.Doubt"),
		one("doubt after a lapse", ledgers, `d.Due, d.Quiet, d.Doubt = instant(until), true, true`, `d.Due, d.Quiet = instant(until), true`),
		one("keeping that an effect is known", ledgers, `d.Known = d.Known || known`, `d.Known = known`),
		one("the nonce of mark", ledgers, `d.State != Settled || d.Nonce != nonce || !d.Emitted.IsZero()`, `d.State != Settled || !d.Emitted.IsZero()`),
		one("keeping the doubt of what failed", ledgers, `if d.Doubt = o.Failed && o.Doubt; d.Doubt {`, `if d.Doubt = false; d.Doubt {`),
		one("the spans in which a decision held", ledgers, `d.Earlier = append(slices.Clip(d.Earlier), Span{d.Since, o.At})`, ``),
		one("doubt in a resumed attempt", attempt, `doubt: claimed.Verdict == ledger.Resumed`, `doubt: false`),
		one("keeping the hold of a resumed attempt", attempt, `if a.doubt || v.effect != None {`, `if v.effect != None {`),
		one("keeping the hold after a possible effect", attempt, `if a.doubt || v.effect != None {`, `if a.doubt {`),
		one("the quiet time after an attempt", attempt, `now.Add(a.Quiet), v.effect == Certain, note)`, `now, v.effect == Certain, note)`),
		one("telling that an effect is known", attempt, `now.Add(a.Quiet), v.effect == Certain, note)`, `now.Add(a.Quiet), false, note)`),
		one("going on with an attempt that may have sent something", attempt, `if v.effect == None && !v.patient && a.tooOld`, `if !v.patient && a.tooOld`),
		one("giving up", attempt, `if v.effect == None && !v.patient && a.tooOld(a.rec.Pursued, now) {`, `if false {`),
		one("short waits for what ends by itself", attempt, "\t\tif !v.patient {\n", "\t\tif true {\n"),
		{"patience with halts and windows", []edit{
			{attempt, `if v.effect == None && !v.patient && a.tooOld`, `if v.effect == None && a.tooOld`},
			{attempt, `Detail: v.detail, Patient: v.patient, `, `Detail: v.detail, `},
		}},
		one("giving up a cloud that never says yes or no", attempt, `if a.tooOld(a.rec.Pursued, a.Now()) {`, `if false {`),
		one("growing waits", attempt, `wait = grown(wait, a.rec.Attempts)`, ``),
		one("giving the hold back", attempt, `err = a.Ledger.Release(ctx, a.rec.Key, a.nonce, ledger.Wait{Due: now.Add(wait), Last: note})`, `err = nil`),

		// Doubt
		one("looking anything up", attempt, "\tf := a.lookUp(ctx)", "\tf := finding{state: absent}"),
		one("adopting the job", attempt, "\tcase adopted:\n", "\tcase adopted:\n\t\treturn a.send(ctx)\n"),
		one("believing the state", attempt, "\tcase asWanted:\n", "\tcase asWanted:\n\t\treturn a.send(ctx)\n"),
		one("sparing what was overtaken", attempt, "if a.superseded {", "if false {"),
		one("an end to doubt", attempt, `if a.Now().Sub(a.rec.Since) < a.Unresolved {`, `if true {`),
		one("an hour of doubt", attempt, `if a.Now().Sub(a.rec.Since) < a.Unresolved {`, `if false {`),
		one("doubt of what is unresolved", attempt, "a.Unresolved, why))\n\tv.doubt = true", "a.Unresolved, why))"),
		one("sparing what may have had an effect from rejection", attempt, `if v.result == Rejected && a.doubt && !a.absent {`, `if false {`),
		one("waiting for hidden jobs", doubt, `if a.Now().Sub(in.LastJob) < a.Quiet {`, `if a.Now().Sub(in.LastJob) < 0 {`),
		one("the end of the list of jobs", doubt, `a.Now().Sub(a.first()) > kept {`, `false {`),
		one("never sending a known effect again", doubt, `if (f.state == absent || f.state == repeatable) && a.rec.Known {`, `if false {`),
		one("telling that an answer without job has had an effect", verdicts, `return inDoubt(f, true)`, `return inDoubt(f, false)`),
		one("doubt about options", doubt, "if a.sw.read == nil || len(a.d.Options) > 0 {\n\t\treturn finding{state: repeatable}", "if a.sw.read == nil {\n\t\treturn finding{state: repeatable}"),
		one("doubt about a state that may not be read", doubt, "case err == nil || refused(err):\n", "case refused(err):\n\t\treturn finding{state: absent}\n\tcase err == nil:\n"),
		one("doubt about a state that others have moved on", doubt, `case err == nil && len(a.rec.Earlier) == 0:`, `case err == nil:`),
		one("doubt about a state that cannot be read", doubt, "\t\treturn doubtful(\"reading the state: %w\", err)\n\tcase on == a.d.Enabled:", "\t\treturn finding{state: absent}\n\tcase on == a.d.Enabled:"),
		one("doubt about jobs that cannot be listed", doubt, `return doubtful("listing jobs: %w", err)`, `return finding{state: absent}`),
		one("looking for jobs", doubt, "if a.sw.Creates() {\n\t\tf = a.lookUpJob(ctx)", "if false {\n\t\tf = a.lookUpJob(ctx)"),
		one("several candidates as a doubt", doubt, `case n == 1 && jobs.unclear == "":`, `case n >= 1 && jobs.unclear == "":`),
		one("another's open job as a doubt", doubt, "case jobs.open != \"\":\n\t\treturn doubtful", "case false:\n\t\treturn doubtful"),
		one("an open job as a reason to call", doubt, `case jobs.open != "" || jobs.unclear != "" || len(jobs.candidates) > 0:`, `case jobs.open == "?":`),
		one("the owners of jobs", doubt, `switch _, owned := owners[j.ID]; {`, `switch _, owned := owners["?"]; {`),
		one("the names of other jobs", doubt, `, a.sw.foreign(j.Name):`, `:`),
		one("the instance of a job", doubt, `case j.Instance != "" && j.Instance != a.d.Place.Instance:`, `case false:`),
		one("the time of a job", doubt, `return !at.Before(onClock(a.rec.Since, offset))`, `return true`),
		one("the end of a span", doubt, ` && at.Before(onClock(s.To, offset)) {`, ` {`),
		one("the spans", doubt, `range a.rec.Earlier {`, `range a.rec.Earlier[:0] {`),
		one("allowing for clocks that differ", doubt, `moment.Add(offset - skew)`, `moment.Add(offset)`),
		one("the cloud's own clock", doubt, `offset = list.Date.Sub(a.Now())`, ``),
		one("doubt where no job of ours was ever listed", doubt, `if !f.listed {`, `if false {`),
		one("what cannot be read of a job as a doubt", doubt, "case jobs.unclear != \"\":\n", "case false:\n"),
		one("the end of a job that began nobody knows when", doubt, `, a.over(j.Ended, offset)`, ``),
		one("asking by id for what the list lacks", boards, `early := l.err == nil &&`, `early := true ||`),
		one("asking by id only for what should be listed", boards, `early := l.err == nil &&`, `early := false &&`),
		one("the price of asking by id", boards, `!early && l.afford(now), l.err`, `!early, l.err`),
		one("sparing a cloud in trouble", boards, `l.paid = l.until`, `_ = l.until`),
		one("asking by id before a job is given up", follows, `if age >= f.patience() && job.State == JobOpen {`, `if false {`),
		one("the form of a job's id", verdicts, `case a.sw.Creates() && !plainID(jobID):`, `case false:`),
		one("lists whose offsets count jobs", lists, `p.byJobs = slices.Contains(ids, p.second)`, `_ = slices.Contains(ids, p.second)`),
		one("lists that shift too far while they are read", lists, `case rush:`, `case false:`),
		one("lists that are not whole", lists, `case len(seen) < expected:`, `case false:`),

		// The call
		one("the guard", attempt, "\tif v, go_ := a.guard(ctx); !go_ {\n\t\treturn a.end(ctx, v)\n\t}\n\tif v, go_ := a.confirmed", "\tif v, go_ := a.confirmed"),
		one("halts", verdicts, `if a.Halted(ctx) {`, `if false {`),
		one("halts of look-ups", attempt, `case a.Halted(ctx):`, `case false:`),
		one("refusing the future", verdicts, `case dated && decided.After(now.Add(tolerance)):`, `case false:`),
		one("refusing the far past", verdicts, `case dated && a.rec.Order.Before(now.Add(-a.Retention)):`, `case false:`),
		one("approval", verdicts, `case !d.Approved():`, `case false:`),
		one("the end of a window", verdicts, `case end != nil && !now.Before(*end):`, `case false:`),
		one("the opening of a window", verdicts, `if start != nil && now.Before(*start) {`, `if false {`),
		one("doubt after a cut", verdicts, `return inDoubt(f, false)`, `return waiting(events.Unavailable, cloudWait, f)`),
		one("telling busy from refused", verdicts, `case Busy:`, `case -Busy:`),
		one("telling throttled from refused", verdicts, `case Throttled:`, `case -Throttled:`),
		one("telling denied from refused", verdicts, `case Denied:`, `case -Denied:`),
		one("telling unreached from refused", verdicts, `case Unreachable:`, `case -Unreachable:`),
		one("time to settle", attempt, `return a.deadline.Sub(a.Now()) - a.Reserve }`, `return a.deadline.Sub(a.Now()) }`),
		one("time to look up", attempt, `case a.left() < leastCall:`, `case false:`),
		one("an end to the call", attempt, `call, cancel := context.WithTimeout(ctx, left)`, `call, cancel := context.WithCancel(ctx)`),
		one("looking first for tags", attempt, `case there:`, `case false && there:`),

		// Publishing
		one("publishing before the acknowledgement", attempt, `return a.emit(ctx, a.d, a.rec.Key, a.nonce, &o, out)`, `return resultOf(a.d, &o, out)`),
		one("publishing before the mark", decide, "\tif err := e.publish(ctx, d, out); err != nil {\n", "\t_ = e.Ledger.Mark(ctx, key, nonce, e.Now(), e.Now().Add(e.Retention+tolerance))\n\tif err := e.publish(ctx, d, out); err != nil {\n"),
		one("publishing what nobody marked", decide, `case rec.Emitted.IsZero():`, `case false:`),
		one("marking what is published", decide, `if err := e.Ledger.Mark(ctx, key, nonce, now, now.Add(e.Retention+tolerance)); err != nil {`, `if err := ctx.Err(); err != nil || now.IsZero() {`),
		one("keeping outcomes longer than decisions are taken", decide, `now.Add(e.Retention+tolerance)`, `now.Add(e.Retention)`),
		one("an id for each end", outcome, `eventID(d.Key(), typ, d.Content(), nonce)`, `eventID(d.Key(), typ, d.Content())`),
		one("effect as a condition of the order", outcome, `Effective: v.result == Completed`, `Effective: v.result != Failed`),

		// What an error means
		one("doubt of an error that says nothing", verdicts, `return inDoubt(err, false)`, `return waiting(events.Unavailable, cloudWait, err)`),
		one("the cloud's word of how long to wait when busy", verdicts, `max(f.RetryAfter(), busyWait)`, `busyWait`),
		one("the cloud's word of how long to wait when throttled", verdicts, `max(f.RetryAfter(), cloudWait)`, `cloudWait`),
		one("the cloud's word of how long to wait when denied", verdicts, `max(f.RetryAfter(), deniedWait)`, `deniedWait`),
		one("what the cloud said", verdicts, `v.cloud = f.Cloud()`, `_ = f.Cloud()`),
		one("the reason of a failed read", failures, `return f.Reason()`, `return Unknown`),
		one("no effect of what our own fault kept from being sent", failures, `(unsent) Effect() Effect            { return None }`, `(unsent) Effect() Effect            { return Possible }`),
		one("another try of what our own fault kept from being sent", failures, `{ return Unreachable }`, `{ return Refused }`),
		one("the client's word for no effect", meanings, `return engine.None`, `return engine.Possible`),
		one("the client's word for an effect", meanings, `return engine.Certain`, `return engine.Possible`),
		one("the client's word for doubt", meanings, `return engine.Possible`, `return engine.None`),
		one("the client's word for busy", meanings, `return engine.Busy`, `return engine.Throttled`),
		one("the client's word for throttled", meanings, `return engine.Throttled`, `return engine.Busy`),
		one("the client's word for denied", meanings, `return engine.Denied`, `return engine.Refused`),
		one("the client's word for not found", meanings, `return engine.NotFound`, `return engine.Refused`),
		one("the client's word for unreached", meanings, `return engine.Unreachable`, `return engine.Unknown`),
		one("the client's word for refused", meanings, `return engine.Refused`, `return engine.Unknown`),
		one("the client's word for nothing of these", meanings, `return engine.Unknown`, `return engine.Refused`),
		one("the client's word of how long to wait", meanings, `{ return f.err.RetryAfter }`, `{ return 0 }`),
		one("nothing, where the cloud said nothing", meanings, `if said == (events.Cloud{}) {`, `if false {`),
		one("other errors as they are", meanings, "\t\treturn err\n", "\t\treturn nil\n"),

		// What a switch is
		one("a call that is not made where the target cannot be read", switches, "\t\t\t\treturn \"\", unsent{err}", "\t\t\t\treturn \"\", err"),
		one("a read that is not made where the target cannot be read", switches, `return false, unsent{err}`, `return false, err`),
		one("the wanted position in the call", switches, `return s.Flip(ctx, target, d.Enabled, options)`, `return s.Flip(ctx, target, !d.Enabled, options)`),
		one("the options in the call", switches, `d.Decode(&target, &options); err != nil {`, `d.Decode(&target, nil); err != nil {`),
		one("options that are none where a switch has none", switches, `if reflect.TypeFor[O]().NumField() > 0 {`, `if reflect.TypeFor[O]().NumField() >= 0 {`),
		one("options where a switch has some", switches, `if reflect.TypeFor[O]().NumField() > 0 {`, `if reflect.TypeFor[O]().NumField() > 99 {`),
		one("jobs as what disturbs a target", switches, `return r.jobs != nil`, `return false`),
		one("a flip without jobs as what disturbs nothing", switches, `return r.jobs != nil`, `return true`),
		one("the switch's own reading", switches, `if s.Read != nil {`, `if false {`),
		one("what is read", switches, `return s.Read(ctx, target)`, `_, err := s.Read(ctx, target); return d.Enabled, err`),
		one("the switch's own preview", switches, `if s.Preview != nil {`, `if false {`),
		one("any job as one that may be ours", switches, `r.foreign = func(string) bool { return false }`, `r.foreign = func(string) bool { return true }`),
		one("telling a blind switch from one that is read", switches, "\tr.read = nil\n", ""),
		one("keeping what is for a switch that there is not", engines, `return e.later(ctx, nil, events.Unavailable, haltWait, fmt.Errorf("there is no switch %q here", name))`, `return Result{Kind: Ignored}`),
		one("the time that an event has", engines, `return context.WithTimeout(ctx, invocation)`, `return context.WithCancel(ctx)`),
		one("refusing to start as no function that there is", starts, "if door == nil {", "if door == nil {\n\t\tdoor = h.Door(\"proxyssl\")\n\t}\n\tif door == nil {"),

		// Pairs that mask each other
		{"the quiet time in a lease, nor in the deadline", []edit{
			{decide, `Lease: e.deadline(ctx).Add(e.Quiet)`, `Lease: e.deadline(ctx)`},
			{attempt, `deadline: c.Lease.Add(-e.Quiet)`, `deadline: c.Lease`},
		}},
		{"doubt, whether it lapsed or was left", []edit{
			{ledgers, `d.Due, d.Quiet, d.Doubt = instant(until), true, true`, `d.Due, d.Quiet = instant(until), true`},
			{ledgers, "\td.Doubt = true\n\treturn f.work(d, c)", "\treturn f.work(d, c)"},
		}},
		{"the guard, first or last, for tags", []edit{
			{attempt, "if v, go_ := a.guard(ctx); !go_ {\n\t\t\treturn a.end(ctx, v)\n\t\t}\n\t\tswitch there", "switch there"},
			{attempt, "\tif v, go_ := a.guard(ctx); !go_ {\n\t\treturn a.end(ctx, v)\n\t}\n\tif v, go_ := a.confirmed", "\tif v, go_ := a.confirmed"},
		}},
		{"a hold, nor a nonce to settle", []edit{
			{ledgers, `case f.Instance.Hold != nil:`, `case f.Instance.Hold != nil && !f.Instance.Hold.Until.Before(c.Now):`},
			{ledgers, "case d.State != Working || d.Nonce != nonce:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\tcase f.Owner", "case d.State != Working:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\tcase f.Owner"},
		}},
		{"owners, neither read nor kept apart", []edit{
			{doubt, `switch _, owned := owners[j.ID]; {`, `switch _, owned := owners["?"]; {`},
			{ledgers, `case f.Owner != nil && *f.Owner != d.Key:`, `case false:`},
		}},
	}
}
