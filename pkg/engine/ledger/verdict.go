package ledger

var verdicts = [...]string{"none", "new", "resumed", "done", "superseded", "held", "reused", "spent"}

// String is the verdict's name in logs.
func (v Verdict) String() string { return verdicts[v] }
