package ledger

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// NewMemory is a ledger that forgets when its process ends. It is for tests,
// and for trying things out.
func NewMemory() *Transactional {
	return On(&memory{
		decisions: make(map[Key]*Record),
		instances: make(map[[2]string]Instance),
		owners:    make(map[[2]string]Key),
		uses:      make(map[[2]string]Use),
		trails:    make(map[[2]string][]AuditRecord),
	})
}

// memory is a store in maps. Instances are replaced, never changed.
type memory struct {
	mu        sync.Mutex
	decisions map[Key]*Record
	instances map[[2]string]Instance
	owners    map[[2]string]Key
	uses      map[[2]string]Use
	trails    map[[2]string][]AuditRecord
	expiring  []Key // in the order in which they were marked
	halted    bool
	arrivals  []arrived // the oldest first
}

// Update needs no undoing: [put] begins with all that can fail here.
func (m *memory) Update(ctx context.Context, fn func(Records) (bool, error)) error {
	return m.View(ctx, func(r Records) error {
		_, err := fn(r)
		return err
	})
}

func (m *memory) View(ctx context.Context, fn func(Records) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return fn(m)
}

func (m *memory) Close() error { return nil }

func (m *memory) Record(k Key) (*Record, error) {
	if d := m.decisions[k]; d != nil {
		return d.Clone(), nil
	}
	return nil, nil
}

func (m *memory) Instance(project, instance string) (Instance, error) {
	return m.instances[[2]string{project, instance}], nil
}

func (m *memory) Owner(project, job string) (*Key, error) {
	if k, ok := m.owners[[2]string{project, job}]; ok {
		return &k, nil
	}
	return nil, nil
}

func (m *memory) Due(now time.Time, limit int, but ...func(Due) bool) ([]Due, error) {
	var all []Due
	for _, d := range m.decisions {
		if due, ok := d.Asks(); ok && due.By(now) && !due.In(but) {
			all = append(all, due)
		}
	}
	slices.SortFunc(all, func(a, b Due) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Key.Digest(), b.Key.Digest()))
	})
	return all[:min(limit, len(all))], nil
}

func (m *memory) Page(string, []string) ([]*Record, string, error) {
	var all []*Record
	for _, d := range m.decisions {
		all = append(all, d.Clone())
	}
	return all, "", nil
}

func (m *memory) Halted() (bool, error) { return m.halted, nil }

func (m *memory) Use(ticket, slot string) (*Use, error) {
	if u, ok := m.uses[[2]string{ticket, slot}]; ok {
		return &u, nil
	}
	return nil, nil
}

func (m *memory) Instances(string) ([]Instance, string, error) {
	return slices.Collect(maps.Values(m.instances)), "", nil
}

func (m *memory) Trail(project, instance string, from int64) ([]AuditRecord, error) {
	var list []AuditRecord
	for _, a := range m.trails[[2]string{project, instance}] {
		if a.Seq >= from {
			a.Body = bytes.Clone(a.Body)
			list = append(list, a)
		}
	}
	return list, nil
}

func (m *memory) PutUse(u Use) error {
	m.uses[[2]string{u.Ticket, u.Slot}] = u
	return nil
}

func (m *memory) PutAudit(a AuditRecord) error {
	at := [2]string{a.Project, a.Instance}
	if trail := m.trails[at]; len(trail) > 0 && trail[len(trail)-1].Seq >= a.Seq {
		return ErrTrail
	}
	m.trails[at] = append(m.trails[at], a)
	return nil
}

// arrived is an arrival with its digest, for each that comes is compared with all.
type arrived struct {
	digest string
	Arrival
}

func (m *memory) Arrivals() (list []Arrival, _ error) {
	for _, a := range m.arrivals {
		list = append(list, a.Arrival)
	}
	return list, nil
}

func (m *memory) PutArrival(a Arrival) error {
	digest := a.Digest()
	m.arrivals = slices.DeleteFunc(m.arrivals, func(b arrived) bool { return b.digest == digest || !b.Expire.After(a.At) })
	m.arrivals = append(m.arrivals, arrived{digest, a})
	m.arrivals = slices.Delete(m.arrivals, 0, max(0, len(m.arrivals)-MostArrivals))
	return nil
}

func (m *memory) PutRecord(_, after *Record) error {
	m.decisions[after.Key] = after.Clone()
	if !after.Expire.IsZero() {
		m.expiring = append(m.expiring, after.Key)
	}
	return nil
}

func (m *memory) PutInstance(in Instance) error {
	m.instances[[2]string{in.Project, in.ID}] = in
	return nil
}

func (m *memory) PutOwner(project, job string, owner Key) error {
	m.owners[[2]string{project, job}] = owner
	return nil
}

func (m *memory) PutHalted(halted bool) error {
	m.halted = halted
	return nil
}

func (m *memory) Purge(now time.Time, limit int) error {
	for ; limit > 0 && len(m.expiring) > 0; limit-- {
		d := m.decisions[m.expiring[0]]
		if d != nil && d.Expire.After(now) {
			return nil
		}
		m.expiring = m.expiring[1:]
		if d != nil && !d.Expire.IsZero() { // else it was taken up again since
			delete(m.decisions, d.Key)
			if d.Outcome.JobID != "" {
				delete(m.owners, [2]string{d.Project, d.Outcome.JobID})
			}
		}
	}
	return nil
}
