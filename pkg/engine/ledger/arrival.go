package ledger

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// MostArrivals is how many arrivals a ledger on a [Store] keeps. Another may keep
// more, but none grows without bound.
const MostArrivals = 4096

// Arrivals keeps, for a while, what came and became no decision, with the reason:
// so that there is an answer to why an event was not applied. It is apart from
// the decisions, and nothing rests on it. Every ledger here is one.
type Arrivals interface {
	// Arrive notes one, in one write that depends on nothing. It takes the place
	// of the one before of the same event and switch; of others it may make older
	// ones be forgotten.
	Arrive(ctx context.Context, a Arrival) error
	// Arrived lists those that have not expired at now, in no order. One that
	// cannot be read comes as an error, and the list goes on where it can.
	Arrived(ctx context.Context, now time.Time) iter.Seq2[Arrival, error]
}

// Arrival is what came to a function and became no decision.
type Arrival struct {
	// Format is the version of its form, 1.
	Format int `json:"format"`
	// Switch is the one to whose function it came.
	Switch string `json:"switch"`
	// Source, ID and Type are the event's, as far as they could be read.
	Source string `json:"source,omitempty"`
	ID     string `json:"id,omitempty"`
	Type   string `json:"type,omitempty"`
	// Door is the one by which it came in, and Signer whose key signed it.
	Door   string `json:"door,omitempty"`
	Signer string `json:"signer,omitempty"`
	// Code and Detail say why it was not applied.
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// At is when it came, and Expire when it may be forgotten.
	At     time.Time `json:"at"`
	Expire time.Time `json:"expire"`
}

// Digest is a short name of the event and the switch, by which an arrival takes
// the place of another. What has no id is known by its reason.
func (a *Arrival) Digest() string {
	if a.ID == "" {
		return a.Switch + "#" + digest(a.Source, a.ID, a.Code, a.Detail)
	}
	return Key{Switch: a.Switch, Source: a.Source, ID: a.ID}.Digest()
}

// DecodeArrival reads an arrival, or fails with [ErrNewer].
func DecodeArrival(b []byte) (Arrival, error) {
	var a Arrival
	err := json.Unmarshal(b, &a)
	if _, newer := later(b, err, a.Format); newer {
		return Arrival{}, ErrNewer
	}
	return a, err
}

// Arrive is as in [Arrivals].
func (l *Transactional) Arrive(ctx context.Context, a Arrival) error {
	a.Format = Format
	return l.store.Update(ctx, func(r Records) (bool, error) { return true, r.PutArrival(a) })
}

// Arrived is as in [Arrivals]. All that a store keeps are few.
func (l *Transactional) Arrived(ctx context.Context, now time.Time) iter.Seq2[Arrival, error] {
	return func(yield func(Arrival, error) bool) {
		var all []Arrival
		err := l.store.View(ctx, func(r Records) (err error) {
			all, err = r.Arrivals()
			return err
		})
		for _, a := range all {
			if a.Expire.After(now) && !yield(a, nil) {
				return
			}
		}
		if err != nil {
			yield(Arrival{}, err)
		}
	}
}
