package proof

const (
	chains   = "pkg/engine/chain.go"
	steps    = "pkg/engine/decision/chain.go"
	follows  = "pkg/engine/follow.go"
	contents = "pkg/engine/decision/content.go"
	decodes  = "pkg/engine/decision/decode.go"
)

// chainMutants are the rules of chains, each taken out.
func chainMutants() []mutant {
	one := func(without, file, old, new string) mutant { return mutant{without, []edit{{file, old, new}}} }
	return []mutant{
		// What a step's end makes due
		one("storing what is next in the write that makes it due", outcome, "\to.Events = jsonOf(all)\n\treturn o, all", "\to.Events = jsonOf(all[:1])\n\treturn o, all"),
		one("publishing what is next", outcome, "\to.Events = jsonOf(all)\n\treturn o, all", "\to.Events = jsonOf(all)\n\treturn o, all[:1]"),
		one("storing what is next with the end of a job", follows, "\to.Events = jsonOf(all)\n", "\to.Events = jsonOf(all[:1])\n"),
		one("going on after the end of a job", follows, `all = append(all, next...)`, `_ = next`),
		one("waiting for the end of a job", chains, `v.closed || v.took == events.Accepted:`, `v.closed:`),
		one("unchanged as in effect", chains, `return stepEnd{state: events.StepUnchanged}, true`, `return stepEnd{state: events.StepFailed}, true`),
		one("a failed job as the end of its chain", chains, `if job.State == JobSucceeded {`, `if job.State != JobOpen {`),
		one("a job that was lost sight of as a failed one", chains, "return stepEnd{state: events.StepFailed, jobID: o.JobID, why: new(problem(v))}", "return stepEnd{state: events.StepDone, jobID: o.JobID, why: new(problem(v))}"),
		one("stopping where a step fails", chains, `case !c.Undo && !failed && c.At+1 < len(c.Steps):`, `case !c.Undo && c.At+1 < len(c.Steps):`),
		one("the end of a chain that has come through", chains, `case !c.Undo && !failed:`, `case false:`),
		// Where nothing is to be undone, no step looks whether it changes anything.
		{"leaving what was done, unless it is to be undone", []edit{
			{chains, `case c.Undo && failed, c.OnFailure != events.Undo:`, `case c.Undo && failed:`},
			{attempt, `a.d.Chain != nil && a.d.Chain.OnFailure == events.Undo`, `a.d.Chain != nil`},
		}},
		one("an end where the way back fails", chains, `case c.Undo && failed, c.OnFailure != events.Undo:`, `case c.OnFailure != events.Undo:`),
		one("flipping back last first", chains, "for c.At--; c.At >= 0; c.At-- {", "for c.At = 0; c.At < len(c.Steps)-1; c.At++ {"),
		one("leaving what lay so before", chains, `s.State == events.StepDone && s.Changed {`, `(s.State == events.StepDone && s.Changed || s.State == events.StepUnchanged) {`),
		one("leaving what cannot be told to have changed", chains, `s.State == events.StepDone && s.Changed {`, `s.State == events.StepDone {`),
		one("saying what cannot be told to have changed", chains, `if c.OnFailure == events.Undo && typ == events.TypeChainFailed && s.State`, `if false && s.State`),
		one("doubt of whose doing it is that a switch lies as wanted", attempt, `v.untold = true`, ``),
		one("flipping it back, and not on", chains, `Enabled: s.Enabled != c.Undo,`, `Enabled: s.Enabled,`),
		one("the options of a step", chains, `Target: s.Target, Options: s.Options, Ticket:`, `Target: s.Target, Ticket:`),
		one("no options on the way back", chains, "\tif c.Undo {\n\t\tr.Options = nil", "\tif false {\n\t\tr.Options = nil"),
		one("an id of its own for each step", chains, `out.SetID(eventID(decision.KeyOf(c.Root), "chain", strconv.Itoa(next.Step())))`, `out.SetID(eventID(decision.KeyOf(c.Root), "chain", strconv.Itoa(0)))`),
		one("what a step is on the way back in its place", steps, `return 2*len(d.Chain.Steps) - 1 - d.Chain.At`, `return d.Chain.At`),
		one("how the step before stands", chains, "step.State, step.Changed, step.JobID, step.Error = end.state, end.changed, end.jobID, end.why", "step.State, step.JobID, step.Error = end.state, end.jobID, end.why"),
		one("what a step has changed", attempt, `v.changed = v.changed || a.other && a.called`, `v.changed = v.changed || a.called`),
		one("keeping what a step has changed until its job has ended", outcome, `o.By, o.Changed, o.Final = v.by, v.changed,`, `o.By, o.Final = v.by,`),
		one("looking first at what may be flipped back", attempt, `a.d.Chain != nil && a.d.Chain.OnFailure == events.Undo`, `false`),
		one("one correlation id", chains, `CorrelationID: d.CorrelationID, TraceParent`, `TraceParent`),
		one("the ticket in a request", chains, `Ticket: ticketAsGiven(d), Chain: c}`, `Chain: c}`),

		// What is believed
		one("believing none but the ledger", engines, "if r, ok := e.believed(ctx, d, ev); !ok {", "if r, ok := e.believed(ctx, d, ev); false && !ok {"),
		one("the content of what is believed", chains, `wrong == nil && same.Content() == d.Content() {`, `wrong == nil && same != nil {`),
		one("the id of what is believed", chains, `stored.ID() != ev.ID() || stored.Source() != ev.Source()`, `false`),
		one("the chain in a decision's content", contents, `Options: d.Options, Chain: d.Chain}`, `Options: d.Options}`),
		one("the digest of the whole", decodes, `r.decision.Digest = c.Digest // the ticket was approved for the whole`, `_ = c.Digest`),
		one("a repeat where what it follows has expired", chains, "if own, err := e.Ledger.Get(ctx, d.Key()); err == nil && own.Content == d.Content() {", "if own, err := e.Ledger.Get(ctx, d.Key()); err == nil && own.Content == \"\" {"),
		one("having on record what nobody delivers again", chains, "\tif err := e.Ledger.Wait(ctx, e.claim(ctx, d, stored, now), w); err != nil {\n", "\tif err := ctx.Err(); err != nil || w.Due.IsZero() || stored == nil {\n"),

		// Order, tickets, ends
		one("the root's order", decides, `return d.Chain.Order // the root's`, `return received`),
		one("the root's order after a job", follows, `jobEnd(rec.Outcome, job, v), j.Key(), rec.Order, now)`, `jobEnd(rec.Outcome, job, v), j.Key(), now, now)`),
		one("the root's use of the ticket for all", approval, `e.ReusableTickets || d.IsStep() {`, `e.ReusableTickets {`),
		one("a ticket spent on all steps", decide, `if c.Ticket != "" && d.Chain != nil {`, `if false {`),
		one("further slots of a ticket", tickets, "d.Also = slots[1:]", "d.Also = nil"),
		one("a failure that is the end of more", outcome, `o.Failed && d.Chain != nil`, `false`),
		one("leaving alone what failed for good", ledgers, `d.Outcome.Failed && !d.Outcome.Final && !d.Emitted.IsZero()`, `d.Outcome.Failed && !d.Emitted.IsZero()`),
		one("resolving what failed for good", ledgers, `case d.State == Settled && !d.open() && !(c.Reopen && d.final()):`, `case d.State == Settled && !d.open():`),
		one("resolving it only by a word of its own", ledgers, `!(c.Reopen && d.final()):`, `!d.final():`),
		one("an ended chain's job as nobody's", outcome, "\t\tof.Chain = nil // nothing goes on by the end of its job\n", ""),
		one("an end that was told already", chains, `case d.Chain == nil || v.closed ||`, `case d.Chain == nil ||`),
	}
}
