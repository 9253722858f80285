package cloudsim

// On tells whether a position of a target is on.
func (q *Request) On(t Target, position string) bool { return q.cloud.world.on[lie{t, position}] }

// Proxies lists the proxies of the request's instance, oldest first.
func (q *Request) Proxies() []Target {
	return q.with(func(t Target) bool { return t.ProxyID != "" })
}

// Databases lists the audited databases of the request's instance, oldest first.
func (q *Request) Databases() []Target {
	return q.with(func(t Target) bool { return t.DatabaseID != "" })
}

func (q *Request) with(what func(Target) bool) (all []Target) {
	for _, t := range q.cloud.world.targets[q.Target.instance()] {
		if what(t) {
			all = append(all, t)
		}
	}
	return all
}

// Loose writes a boolean in the first form, that of the SDKs' models, or where
// the cloud is loose in all of them in turn; each has what is written for false
// and for true.
func (q *Request) Loose(on bool, forms ...[2]any) any {
	if !q.cloud.Loose {
		return forms[0][index(on)]
	}
	q.cloud.world.rotation++
	return forms[q.cloud.world.rotation%len(forms)][index(on)]
}

// LooseBool writes a boolean in the forms that most reads have.
func (q *Request) LooseBool(on bool) any {
	return q.Loose(on, [2]any{false, true}, [2]any{"false", "true"}, [2]any{"OFF", "ON"}, [2]any{"off", "on"})
}

// index is where, of two words, the one for true stands.
func index(on bool) int {
	if on {
		return 1
	}
	return 0
}
