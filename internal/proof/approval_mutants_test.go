package proof

const (
	approval   = "pkg/engine/approval.go"
	trails     = "pkg/engine/ledger/audit.go"
	principals = "pkg/engine/decision/principal.go"
	writes     = "internal/dynamodb/write.go"
)

// approvalMutants are the rules of approval, each taken out.
func approvalMutants() []mutant {
	one := func(without, file, old, new string) mutant { return mutant{without, []edit{{file, old, new}}} }
	return []mutant{
		// Spent once
		one("a claim to the ticket", decide, `Instance: d.Place.Instance, Ticket: e.ticketOf(d),`, `Instance: d.Place.Instance,`),
		one("refusing for a spent ticket", decide, `return e.reject(ctx, d, c, spent(c.Ticket, claimed.Owner))`, `return e.held(ctx, d, c, claimed)`),
		one("waiting for a ticket in use", ledgers, `return Claimed{Verdict: Held, Record: known, Holder: Holder{Key: use.Owner, Until: c.Lease}, Owner: use.Owner}, nil, nil`, `return Claimed{Verdict: Spent, Record: known, Owner: use.Owner}, nil, nil`),
		one("an owner's word for its ticket", ledgers, `use := f.taken(d, c)`, `use := Use{}`),
		one("the owner of a ticket that is forgotten", tickets, `case u.State == UseSpent && f.Record == nil:`, `case false:`),
		one("keeping a ticket that another has from who is refused", ledgers, "\td.Nonce = c.Nonce\n\treturn f.end(d, o, Change{})", "\td.Nonce, d.Ticket = c.Nonce, c.Ticket\n\tif c.Ticket == \"\" {\n\t\td.Ticket = \"CHG0031337\"\n\t}\n\treturn f.end(d, o, Change{})"),
		one("a condition on who had the ticket", writes, `w.ConditionExpression, w.ExpressionAttributeValues = "rec = :was", item{":was": text(string(was))}`, `_ = was`),
		one("a condition on nobody having the ticket", writes, "case u.Was == nil:\n\t\tw.ConditionExpression = \"attribute_not_exists(pk)\"", "case u.Was == nil:"),
		one("one form for a ticket's spellings", approval, `return decision.Principal(d.Ticket.ID)`, `return d.Ticket.ID`),
		one("tickets that may be used again", approval, `if d.Ticket == nil || e.ReusableTickets || d.IsStep() {`, `if d.Ticket == nil || d.IsStep() {`),

		// Bound
		one("the digest", verdicts, `case d.Ticket != nil && d.Ticket.Digest != "" && !d.Bound():`, `case false:`),

		// Policy
		one("asking the policy", verdicts, `return a.permitted(ctx)`, `return verdict{}, true`),
		one("asking the policy again before a call is sent again", approval, `if a.Policy == nil {`, `if a.Policy == nil || a.doubt {`),
		one("leaving a repeat alone", decide, `return e.done(ctx, d, claimed.Record)`, "if v, ok := e.attempt(d, c, claimed).permitted(ctx); !ok {\n\t\t\t\treturn e.reject(ctx, d, c, v)\n\t\t\t}\n\t\t\treturn e.done(ctx, d, claimed.Record)"),
		one("looking up before the policy is asked", attempt, "\tbegan := a.Now()\n\tf := a.lookUp(ctx)", "\tif v, ok := a.permitted(ctx); !ok {\n\t\treturn a.end(ctx, v)\n\t}\n\tbegan := a.Now()\n\tf := a.lookUp(ctx)"),
		one("the policy's no", approval, `case !p.Granted:`, `case false:`),
		one("waiting for a policy that cannot be asked", approval, "case err != nil:\n\t\treturn waiting(events.Unavailable, cloudWait, err), false\n", "case err != nil:\n\t\treturn verdict{}, true\n"),
		one("telling a policy that cannot be asked from a no", approval, "case err != nil:\n\t\treturn waiting(events.Unavailable, cloudWait, err), false\n", ""),
		one("which rules said no", outcome, `return v.policies`, `return nil`),
		one("which rules let it be called", attempt, `v.policies, v.maybe = a.policies, !a.called`, `v.maybe = !a.called`),
		one("which rules had let it be called", attempt, `policies: claimed.Record.Last.Policies,`, ``),

		// Asked at the source
		one("asking the ticket's system", attempt, "\tif v, go_ := a.confirmed(ctx); !go_ {\n\t\treturn a.end(ctx, v)\n\t}\n", ""),
		one("waiting for a ticket system that is away", approval, "case err != nil:\n\t\treturn waiting(events.Unavailable, max(wait, cloudWait), err), false\n", "case err != nil && wait < 0:\n\t\treturn verdict{}, false\n"),
		one("the ticket system's no", approval, `case len(against) > 0:`, `case false:`),
		one("what the ticket system found", approval, `v.fields = against`, ``),
		one("the ticket system's word of how long to wait", approval, `max(wait, cloudWait)`, `max(min(wait, 0), cloudWait)`),
		one("an end to asking the ticket system", approval, `context.WithTimeout(ctx, max(a.left()-leastCall, 0))`, `context.WithCancel(ctx)`),
		one("the guard, after the ticket system has answered", approval, "\treturn a.guard(ctx)\n", "\treturn verdict{}, true\n"),

		// Principals
		one("composing letters and marks", principals, `norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))`, `cases.Fold().String(norm.NFKC.String("") + name)`),
		one("folding ASCII", principals, `name = strings.ToLower(name)`, ``),
		one("folding", principals, `norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))`, `norm.NFKC.String(cases.Fold().String("") + norm.NFKC.String(name))`),
		one("taking mailto: off", principals, `strings.HasPrefix(name, mailto)`, `false`),
		one("refusing what cannot be seen", principals, `strings.IndexFunc(name, unseen) < 0 && `, ``),
		one("a letter or digit in a name", principals, "return unicode.IsLetter(r) || unicode.IsDigit(r)\n", "return true\n"),

		// On record
		one("linking audit records", trails, `Prev: in.Head.hash()`, `Prev: NoHash`),
		one("numbering audit records", trails, `Seq: in.Head.Seq + 1`, `Seq: max(in.Head.Seq, 1)`),
		one("a hash over an audit record", trails, "\ta.Hash, err = a.sum()\n", "\ta.Hash = a.Prev\n"),
		one("an audit record of who is refused", ledgers, "\td.Nonce = c.Nonce\n\treturn f.end(d, o, Change{})", "\td.Nonce, o.Audit = c.Nonce, nil\n\treturn f.end(d, o, Change{})"),
		one("an audit record of an end", ledgers, `if ch.Audit, err = f.Instance.entry(d, o); err != nil {`, `if f.Record == nil || o.Failed {
		o.Audit = nil
	}
	if ch.Audit, err = f.Instance.entry(d, o); err != nil {`),
		one("the end of the trail", ledgers, "\tif c.Audit != nil {\n\t\tin.Head = c.Audit.head()\n\t}\n", ""),
		one("the call on record", attempt, "\t\tv.call = a.calling(ctx, a.d)\n", "\t\t_ = a.calling(ctx, a.d)\n"),
		one("a call on record only where it may have been sent", attempt, `if a.called || a.doubt && !a.absent {
		v.call`, `if true {
		v.maybe = false
		v.call`),
		one("the outcome on record", approval, `Result: o.Result, Code: v.code,`, `Code: v.code,`),
		one("the ticket on record", approval, `Signer: d.Signer, Ticket: d.Ticket, Bound`, `Signer: d.Signer, Bound`),
	}
}
