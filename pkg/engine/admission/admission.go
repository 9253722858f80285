// Package admission is how an event was let in: by which door, and signed by
// whom. A door says so in the context in which it has an event handled; what
// asks a policy reads it there. An event that the process makes by itself, or
// takes up from its ledger, has come in by none.
package admission

import "context"

// Doors that events come in by.
const (
	// URL: a function URL or an HTTP API, behind its authorizer or signed.
	URL = "url"
	// Bus: EventBridge, SNS or EventGrid.
	Bus = "bus"
	// Queue: SQS.
	Queue = "queue"
	// Direct: a direct invocation.
	Direct = "direct"
	// Local: the local program's HTTP address.
	Local = "local"
)

// Admission is how an event was let in. Zero: by no door.
type Admission struct {
	// Door is one of the doors above.
	Door string `json:"door,omitempty"`
	// Signer is the name of the webhook key that signed it; empty where none
	// did, or one that has no name.
	Signer string `json:"signer,omitempty"`
}

type key struct{}

// With returns a context that says how the events handled in it were let in.
func With(ctx context.Context, a Admission) context.Context {
	return context.WithValue(ctx, key{}, a)
}

// From is what [With] said; zero where it said nothing.
func From(ctx context.Context) Admission {
	a, _ := ctx.Value(key{}).(Admission)
	return a
}
