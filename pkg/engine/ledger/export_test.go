package ledger

import "slices"

// Tamper puts an audit record of a memory ledger in the place of another.
func Tamper(l *Transactional, project, instance string, seq int64, a *AuditRecord) {
	m, at := l.store.(*memory), [2]string{project, instance}
	trail := slices.Clone(m.trails[at])
	i := int(seq) - 1 // where it is, whatever it says
	if missing := len(trail) < int(seq) && a == nil; missing {
		return
	}
	switch {
	case a == nil:
		m.trails[at] = slices.Delete(trail, i, i+1)
	case i >= len(trail):
		m.trails[at] = append(trail, *a)
	default:
		trail[i] = *a
		m.trails[at] = trail
	}
}

// Age makes records of a memory ledger those of a later version.
func Age(l *Transactional, key *Key, project, instance string) {
	m := l.store.(*memory)
	if key != nil {
		m.decisions[*key].Format = Format + 1
		return
	}
	in := m.instances[[2]string{project, instance}]
	in.Format = Format + 1
	m.instances[[2]string{project, instance}] = in
}
