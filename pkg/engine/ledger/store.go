package ledger

import (
	"context"
	"iter"
	"math"
	"time"
)

// Store keeps records in transactions.
type Store interface {
	// Update runs fn alone. What fn put is kept, durably, when it returns
	// true and no error, and only then.
	Update(ctx context.Context, fn func(Records) (bool, error)) error
	// View runs fn, which puts nothing.
	View(ctx context.Context, fn func(Records) error) error
	Close() error
}

// Records are what a transaction of a [Store] reads and puts. What is read is
// the reader's own.
type Records interface {
	// Record is nil if there is none.
	Record(Key) (*Record, error)
	Instance(project, instance string) (Instance, error)
	// Owner is nil if the job belongs to nobody.
	Owner(project, job string) (*Key, error)
	// Due is as in [Ledger].
	Due(now time.Time, limit int, but ...func(Due) bool) ([]Due, error)
	// Page lists some decisions after a place in the list, and the place to
	// go on from, "" at the end. The list begins at "". Those in whose records
	// not all the texts stand, which are [Plain], may be left out.
	Page(after string, texts []string) (list []*Record, next string, err error)
	Halted() (bool, error)
	// Use is nil if nobody has used the ticket on the slot.
	Use(ticket, slot string) (*Use, error)
	// Instances lists some as Page does decisions.
	Instances(after string) (list []Instance, next string, err error)
	// Trail lists some records of an instance's audit trail in order, from the
	// number from on; none at its end. With an error it lists those before.
	Trail(project, instance string, from int64) ([]AuditRecord, error)
	// Arrivals are all that are kept. With an error it lists those that can be read.
	Arrivals() ([]Arrival, error)

	PutRecord(before, after *Record) error
	PutInstance(Instance) error
	PutOwner(project, job string, owner Key) error
	PutHalted(bool) error
	PutUse(Use) error
	// PutAudit fails with [ErrTrail] if there is a record with this number.
	PutAudit(AuditRecord) error
	// PutArrival puts it in the place of the one with its digest, and forgets
	// the oldest beyond [MostArrivals] and some that have expired when it came.
	PutArrival(Arrival) error
	// Purge forgets at most limit decisions that have expired, with their
	// jobs.
	Purge(now time.Time, limit int) error
}

// On is the ledger on a store: every method is a rule, run in a transaction.
func On(s Store) *Transactional { return &Transactional{store: s} }

// Transactional is a ledger on a store.
type Transactional struct{ store Store }

// Claim is as in [Ledger].
func (l *Transactional) Claim(ctx context.Context, c Claim) (answer Claimed, err error) {
	err = l.step(ctx, about{c.Key, c.Project, c.Instance, "", c.Ticket, c.Slots()}, func(f Facts) (ch *Change, err error) {
		answer, ch, err = f.Claim(c)
		return ch, err
	})
	if err != nil {
		return Claimed{}, err
	}
	return answer, nil
}

// Settle is as in [Ledger].
func (l *Transactional) Settle(ctx context.Context, key Key, nonce string, o Outcome) error {
	return l.step(ctx, about{key: key, job: o.JobID}, func(f Facts) (*Change, error) { return f.Settle(nonce, o) })
}

// Reject is as in [Ledger].
func (l *Transactional) Reject(ctx context.Context, c Claim, o Outcome) error {
	return l.step(ctx, about{key: c.Key, project: c.Project, instance: c.Instance}, func(f Facts) (*Change, error) { return f.Reject(c, o) })
}

// Release is as in [Ledger].
func (l *Transactional) Release(ctx context.Context, key Key, nonce string, w Wait) error {
	return l.step(ctx, about{key: key}, func(f Facts) (*Change, error) { return f.Release(nonce, w) })
}

// Lapse is as in [Ledger].
func (l *Transactional) Lapse(ctx context.Context, key Key, nonce string, until time.Time, known bool, last Note) error {
	return l.step(ctx, about{key: key}, func(f Facts) (*Change, error) { return f.Lapse(nonce, until, known, last) })
}

// Wait is as in [Ledger].
func (l *Transactional) Wait(ctx context.Context, c Claim, w Wait) error {
	return l.step(ctx, about{key: c.Key, project: c.Project, instance: c.Instance}, func(f Facts) (*Change, error) { return f.Wait(c, w) })
}

// purged is how many expired decisions each mark sweeps out: more than the one
// that it will add to them, so that they do not pile up.
const purged = 4

// Mark is as in [Ledger]. It also forgets some decisions that have expired.
func (l *Transactional) Mark(ctx context.Context, key Key, nonce string, now, expire time.Time) error {
	return l.store.Update(ctx, func(r Records) (bool, error) {
		wrote, err := apply(r, about{key: key}, func(f Facts) (*Change, error) { return f.Mark(nonce, now, expire) })
		if !wrote || err != nil {
			return wrote, err
		}
		return true, r.Purge(now, purged)
	})
}

// about is what a rule needs the facts of. A recorded decision says itself
// which instance is its own.
type about struct {
	key               Key
	project, instance string
	job               string
	ticket            string
	slots             []string
}

// step runs a rule in a transaction.
func (l *Transactional) step(ctx context.Context, a about, rule func(Facts) (*Change, error)) error {
	return l.store.Update(ctx, func(r Records) (bool, error) { return apply(r, a, rule) })
}

// apply runs a rule on the facts and puts what it asks for.
func apply(r Records, a about, rule func(Facts) (*Change, error)) (bool, error) {
	f, err := a.facts(r)
	if err != nil {
		return false, err
	}
	ch, err := rule(f)
	if ch == nil || err != nil {
		return false, err
	}
	return true, put(r, f, ch)
}

func (a about) facts(r Records) (f Facts, err error) {
	if f.Record, err = r.Record(a.key); err != nil {
		return f, err
	}
	if f.Record != nil {
		a.project, a.instance = f.Record.Project, f.Record.Instance
	}
	if f.Instance, err = r.Instance(a.project, a.instance); err != nil {
		return f, err
	}
	if a.job != "" {
		if f.Owner, err = r.Owner(a.project, a.job); err != nil {
			return f, err
		}
	}
	f.Uses = make(map[string]Use, len(a.slots))
	for _, slot := range a.slots {
		u, err := r.Use(a.ticket, slot)
		if err != nil {
			return f, err
		}
		if u != nil {
			f.Uses[slot] = *u
		}
	}
	return f, nil
}

// put puts first what may be refused: where nothing is undone, nothing is half
// done.
func put(r Records, f Facts, ch *Change) error {
	if ch.Audit != nil {
		if err := r.PutAudit(*ch.Audit); err != nil {
			return err
		}
	}
	if err := r.PutRecord(ch.Before, &ch.After); err != nil {
		return err
	}
	for _, u := range ch.Uses {
		if err := r.PutUse(u.Use); err != nil {
			return err
		}
	}
	if ch.OnInstance() {
		if err := r.PutInstance(ch.Instance(f.Instance)); err != nil {
			return err
		}
	}
	if ch.Listed {
		if err := r.PutOwner(ch.After.Project, Listed, ch.After.Key); err != nil {
			return err
		}
	}
	if ch.Job != "" {
		return r.PutOwner(ch.After.Project, ch.Job, ch.After.Key)
	}
	return nil
}

// Owners is as in [Ledger].
func (l *Transactional) Owners(ctx context.Context, project string, jobs []string) (map[string]Key, error) {
	owners := make(map[string]Key)
	err := l.store.View(ctx, func(r Records) error {
		for _, job := range jobs {
			k, err := r.Owner(project, job)
			if err != nil {
				return err
			}
			if k != nil {
				owners[job] = *k
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return owners, nil
}

// Use is as in [Ledger].
func (l *Transactional) Use(ctx context.Context, ticket, slot string) (u Use, err error) {
	err = l.store.View(ctx, func(r Records) error {
		kept, err := r.Use(ticket, slot)
		if kept != nil {
			u = *kept
		}
		return err
	})
	if err == nil && u.Format > Format {
		return Use{}, ErrNewer
	}
	return u, err
}

// Instance is as in [Ledger].
func (l *Transactional) Instance(ctx context.Context, project, instance string) (in Instance, err error) {
	err = l.store.View(ctx, func(r Records) (err error) {
		if in, err = r.Instance(project, instance); err == nil && in.Format > Format {
			return ErrNewer
		}
		return err
	})
	return in, err
}

// Get is as in [Ledger].
func (l *Transactional) Get(ctx context.Context, key Key) (d Record, err error) {
	err = l.store.View(ctx, func(r Records) error {
		var f Facts
		var err error
		if f.Record, err = r.Record(key); err != nil {
			return err
		}
		d, err = f.recorded()
		return err
	})
	return d, err
}

// Due is as in [Ledger].
func (l *Transactional) Due(ctx context.Context, now time.Time, limit int, but ...func(Due) bool) (due []Due, err error) {
	err = l.store.View(ctx, func(r Records) error {
		var err error
		due, err = r.Due(instant(now), limit, but...)
		return err
	})
	return due, err
}

// All is as in [Ledger]. It reads page by page: whoever ranges over it may use
// the ledger meanwhile.
func (l *Transactional) All(ctx context.Context, texts ...string) iter.Seq2[Record, error] {
	texts = Plain(texts)
	return func(yield func(Record, error) bool) {
		for after, more := "", true; more; more = after != "" {
			var list []*Record
			err := l.store.View(ctx, func(r Records) (err error) {
				list, after, err = r.Page(after, texts)
				return err
			})
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, d := range list {
				d, err := Facts{Record: d}.recorded()
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

// Instances is as in [Ledger]. It reads page by page.
func (l *Transactional) Instances(ctx context.Context) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		for after, more := "", true; more; more = after != "" {
			var list []Instance
			err := l.store.View(ctx, func(r Records) (err error) {
				list, after, err = r.Instances(after)
				return err
			})
			if err != nil {
				yield(Instance{}, err)
				return
			}
			for _, in := range list {
				var err error
				if in.Format > Format {
					err = ErrNewer
				}
				if !yield(in, err) {
					return
				}
			}
		}
	}
}

// Trail is as in [Ledger]. It reads page by page.
func (l *Transactional) Trail(ctx context.Context, project, instance string, from int64) iter.Seq2[AuditRecord, error] {
	return func(yield func(AuditRecord, error) bool) {
		for {
			var list []AuditRecord
			err := l.store.View(ctx, func(r Records) (err error) {
				list, err = r.Trail(project, instance, from)
				return err
			})
			for _, a := range list {
				if !yield(a, nil) {
					return
				}
				from = a.Seq + 1
			}
			if err != nil {
				yield(AuditRecord{}, err)
			}
			if err != nil || len(list) == 0 {
				return
			}
		}
	}
}

// Halted is as in [Halter].
func (l *Transactional) Halted(ctx context.Context) (halted bool, err error) {
	err = l.store.View(ctx, func(r Records) error {
		var err error
		halted, err = r.Halted()
		return err
	})
	return halted, err
}

// SetHalt is as in [Halter].
func (l *Transactional) SetHalt(ctx context.Context, halt bool) error {
	return l.store.Update(ctx, func(r Records) (bool, error) { return true, r.PutHalted(halt) })
}

// endless is later than any time that a decision is due at.
var endless = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Orphan shortens the lease of every hold to until. It is for a ledger that no
// other process can use any more, so that whoever held is known to be dead.
func (l *Transactional) Orphan(ctx context.Context, until time.Time) error {
	return l.store.Update(ctx, func(r Records) (wrote bool, err error) {
		held, err := r.Due(endless, math.MaxInt, func(d Due) bool { return d.Why != Lapsed || !d.At.After(until) })
		if err != nil {
			return false, err
		}
		for _, due := range held {
			if wrote, err = apply(r, about{key: due.Key}, func(f Facts) (*Change, error) { return f.Orphan(until) }); err != nil {
				return false, err
			}
		}
		return wrote, nil
	})
}

// Close is as in [Ledger].
func (l *Transactional) Close() error { return l.store.Close() }
