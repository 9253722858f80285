//go:build prove

package proof

const (
	attempt  = "engine/attempt.go"
	decide   = "engine/decide.go"
	doubt    = "engine/doubt.go"
	verdicts = "engine/verdict.go"
	outcome  = "engine/outcome.go"
	decides  = "decision/decision.go"
	ledgers  = "ledger/rules.go"
)

// mutants are the rules of the protocol, each taken out.
func mutants() []mutant {
	one := func(without, file, old, new string) mutant { return mutant{without, []edit{{file, old, new}}} }
	return []mutant{
		// Claiming
		one("a nonce of its own for each claim", decide, `Nonce: e.Nonce(), Now`, `Nonce: "the same", Now`),
		one("the event's own date", decide, `Order: d.Order(began)`, `Order: began`),
		one("taking a date in the future for now", decides, `if !ok || order.After(received) {`, `if !ok {`),
		one("counting from the opening of the window", decides, `start != nil && start.After(order)`, `false && start.After(order)`),
		one("finishing a lapsed hold of another", decide, `&& e.finish(ctx, claimed.Holder.Key) {`, `&& false {`),
		one("noting what waits for another", decide, `if err := e.Ledger.Wait(ctx, c, w); err != nil {`, `if err := ctx.Err(); err != nil || w.Due.IsZero() {`),
		one("giving up what is held off for too long", decide, `if claimed.Decision.State != ledger.Settled && e.tooOld(claimed.Decision.Pursued, c.Now) {`, `if false {`),
		one("content in the identity of an event", ledgers, "case d.Content != c.Content:\n\t\treturn Claimed", "case false:\n\t\treturn Claimed"),
		one("waiting for the lease to run out", ledgers, `case !d.Due.Before(c.Now):`, `case false:`),
		one("holding an instance", ledgers, `case f.Instance.Hold != nil:`, `case false:`),
		one("leaving a lapsed hold to its decision", ledgers, `case f.Instance.Hold != nil:`, `case f.Instance.Hold != nil && !f.Instance.Hold.Until.Before(c.Now):`),
		one("doubt of what was left", ledgers, "\td.Doubt = true\n\treturn f.work(d, c)", "\treturn f.work(d, c)"),
		one("refusing what is superseded", ledgers, `case !d.Doubt && !f.inOrder(d):`, `case false:`),
		one("looking up what is superseded but in doubt", ledgers, `case !d.Doubt && !f.inOrder(d):`, `case !f.inOrder(d):`),
		one("equals side by side", ledgers, `return !f.Instance.Marks[d.Slot].After(d.Order)`, `m, ok := f.Instance.Marks[d.Slot]; return !ok || m.Before(d.Order)`),
		one("the order of the first claim", ledgers, "\treturn f.take(*d, c)", "\td.Order = c.Order\n\treturn f.take(*d, c)"),
		one("taking up what failed", ledgers, `return d.State == Waiting || d.State == Settled && d.Outcome.Failed && !d.Emitted.IsZero()`, `return d.State == Waiting`),
		one("publishing a failure before it is taken up again", ledgers, `d.Outcome.Failed && !d.Emitted.IsZero()`, `d.Outcome.Failed`),

		one("claiming before the guard is asked", decide, "\tfor range rounds {\n", "\tfirst := attempt{Engine: e, d: d, rec: ledger.Record{Order: d.Order(e.Now())}}\n\tif v, ok := first.guard(ctx); !ok {\n\t\treturn e.later(ctx, d, v.code, time.Minute, nil)\n\t}\n\tfor range rounds {\n"),

		// Settling and letting go
		one("settling before the event is published", attempt, "\terr := a.Ledger.Settle(", "\t_, _ = a.emit(ctx, a.d, a.rec.Key, a.nonce, &o)\n\terr := a.Ledger.Settle("),
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
		one("keeping the hold of a resumed attempt", attempt, `if a.doubt || v.effect != none {`, `if v.effect != none {`),
		one("keeping the hold after a possible effect", attempt, `if a.doubt || v.effect != none {`, `if a.doubt {`),
		one("the quiet time after an attempt", attempt, `now.Add(a.Quiet), v.effect == known, note)`, `now, v.effect == known, note)`),
		one("telling that an effect is known", attempt, `now.Add(a.Quiet), v.effect == known, note)`, `now.Add(a.Quiet), false, note)`),
		one("going on with an attempt that may have sent something", attempt, `if v.effect == none && !v.patient && a.tooOld`, `if !v.patient && a.tooOld`),
		one("giving up", attempt, `if v.effect == none && !v.patient && a.tooOld(a.rec.Pursued, now) {`, `if false {`),
		one("short waits for what ends by itself", attempt, "\t\tif !v.patient {\n", "\t\tif true {\n"),
		{"patience with halts and windows", []edit{
			{attempt, `if v.effect == none && !v.patient && a.tooOld`, `if v.effect == none && a.tooOld`},
			{attempt, `Detail: v.detail, Patient: v.patient}`, `Detail: v.detail}`},
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
		one("never sending a known effect again", doubt, `if (f.state == absent || f.state == repeatable) && a.rec.Known {`, `if false {`),
		one("telling that an answer without job has had an effect", verdicts, `return inDoubt(ce, true)`, `return inDoubt(ce, false)`),
		one("doubt about options", doubt, "if a.sw.State == nil || len(a.d.Options) > 0 {\n\t\treturn finding{state: repeatable}", "if a.sw.State == nil {\n\t\treturn finding{state: repeatable}"),
		one("doubt about a state that may not be read", doubt, "case err == nil || refused(err):\n", "case refused(err):\n\t\treturn finding{state: absent}\n\tcase err == nil:\n"),
		one("doubt about a state that others have moved on", doubt, `case err == nil && len(a.rec.Earlier) == 0:`, `case err == nil:`),
		one("doubt about a state that cannot be read", doubt, "\t\treturn doubtful(\"reading the state: %w\", err)\n\tcase on == a.d.Enabled:", "\t\treturn finding{state: absent}\n\tcase on == a.d.Enabled:"),
		one("doubt about jobs that cannot be listed", doubt, `return doubtful("listing jobs: %w", err)`, `return finding{state: absent}`),
		one("looking for jobs", doubt, "if a.sw.Creates {\n\t\tf = a.lookUpJob(ctx)", "if false {\n\t\tf = a.lookUpJob(ctx)"),
		one("several candidates as a doubt", doubt, `case n == 1:`, `case n >= 1:`),
		one("another's open job as a doubt", doubt, "case jobs.open != \"\":\n\t\treturn doubtful", "case false:\n\t\treturn doubtful"),
		one("an open job as a reason to call", doubt, `case jobs.open != "" || len(jobs.candidates) > 0:`, `case jobs.open == "?":`),
		one("the owners of jobs", doubt, `if _, owned := owners[j.ID]; !owned {`, `if _, owned := owners[j.ID]; !owned || true {`),
		one("the names of other jobs", doubt, ` || cloudapi.IsOtherJob(j.Name):`, `:`),
		one("the instance of a job", doubt, `return j.InstanceID != "" && j.InstanceID != a.d.Target.InstanceID`, `return false`),
		one("the time of a job", doubt, `return !at.Before(cloud(a.rec.Since))`, `return true`),
		one("the end of a span", doubt, ` && at.Before(cloud(s.To)) {`, ` {`),
		one("the spans", doubt, `range a.rec.Earlier {`, `range a.rec.Earlier[:0] {`),
		one("allowing for clocks that differ", doubt, `moment.Add(offset - skew)`, `moment.Add(offset)`),
		one("the cloud's own clock", doubt, `offset = date.Sub(a.Now())`, ``),

		// The call
		one("the guard", attempt, "\tif v, go_ := a.guard(ctx); !go_ {\n\t\treturn a.end(ctx, v)\n\t}\n\tnow, left", "\tnow, left"),
		one("halts", verdicts, `if a.Halted(ctx) {`, `if false {`),
		one("halts of look-ups", attempt, `case a.Halted(ctx):`, `case false:`),
		one("refusing the future", verdicts, `case dated && decided.After(now.Add(tolerance)):`, `case false:`),
		one("refusing the far past", verdicts, `case dated && a.rec.Order.Before(now.Add(-a.Retention)):`, `case false:`),
		one("approval", verdicts, `case !d.Approved():`, `case false:`),
		one("the end of a window", verdicts, `case end != nil && !now.Before(*end):`, `case false:`),
		one("the opening of a window", verdicts, `if start != nil && now.Before(*start) {`, `if false {`),
		one("doubt after a cut", verdicts, "case ce.Effect == cloudapi.MayHave:\n\t\treturn inDoubt(ce, false)", "case ce.Effect == cloudapi.MayHave:\n\t\treturn waiting(events.Unavailable, cloudWait, ce)"),
		one("telling busy from refused", verdicts, `case ce.Busy():`, `case false:`),
		one("telling throttled from refused", verdicts, `case ce.Throttled():`, `case false:`),
		one("telling denied from refused", verdicts, `case ce.Denied():`, `case false:`),
		one("telling unreached from refused", verdicts, `case ce.Status == 0:`, `case false:`),
		one("time to settle", attempt, `return a.deadline.Sub(a.Now()) - a.Reserve }`, `return a.deadline.Sub(a.Now()) }`),
		one("time to look up", attempt, `case a.left() < leastCall:`, `case false:`),
		one("an end to the call", attempt, `call, cancel := context.WithTimeout(ctx, left)`, `call, cancel := context.WithCancel(ctx)`),
		one("looking first for tags", attempt, `case there:`, `case false && there:`),

		// Publishing
		one("publishing before the acknowledgement", attempt, `if r, ok := a.emit(ctx, a.d, a.rec.Key, a.nonce, &o); !ok {`, `if r, ok := (Result{}), true; !ok {`),
		one("publishing before the mark", decide, "\tif err := e.publish(ctx, d, out); err != nil {\n\t\treturn e.later(ctx, d, events.Unavailable, busWait, err), false", "\t_ = e.Ledger.Mark(ctx, key, nonce, e.Now(), e.Now().Add(e.Retention+tolerance))\n\tif err := e.publish(ctx, d, out); err != nil {\n\t\treturn e.later(ctx, d, events.Unavailable, busWait, err), false"),
		one("publishing what nobody marked", decide, `if rec.Emitted.IsZero() {`, `if false {`),
		one("marking what is published", decide, `if err := e.Ledger.Mark(ctx, key, nonce, now, now.Add(e.Retention+tolerance)); err != nil {`, `if err := ctx.Err(); err != nil || now.IsZero() {`),
		one("keeping outcomes longer than decisions are taken", decide, `now.Add(e.Retention+tolerance)`, `now.Add(e.Retention)`),
		one("an id for each failure", outcome, `distinct = append(distinct, nonce)`, ``),
		one("effect as a condition of the order", outcome, `Effective: v.result == Completed`, `Effective: v.result != Failed`),

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
			{attempt, "if v, go_ := a.guard(ctx); !go_ {\n\t\t\treturn a.end(ctx, v)\n\t\t}\n\t\t//", "//"},
			{attempt, "\tif v, go_ := a.guard(ctx); !go_ {\n\t\treturn a.end(ctx, v)\n\t}\n\tnow, left", "\tnow, left"},
		}},
		{"a hold, nor a nonce to settle", []edit{
			{ledgers, `case f.Instance.Hold != nil:`, `case f.Instance.Hold != nil && !f.Instance.Hold.Until.Before(c.Now):`},
			{ledgers, "case d.State != Working || d.Nonce != nonce:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\tcase f.Owner", "case d.State != Working:\n\t\treturn nil, ErrLost\n\tcase f.Instance.Format > Format:\n\t\treturn nil, ErrNewer\n\tcase f.Owner"},
		}},
		{"owners, neither read nor kept apart", []edit{
			{doubt, `if _, owned := owners[j.ID]; !owned {`, `if _, owned := owners[j.ID]; !owned || true {`},
			{ledgers, `case f.Owner != nil && *f.Owner != d.Key:`, `case false:`},
		}},
	}
}
