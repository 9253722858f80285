package ledger

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
