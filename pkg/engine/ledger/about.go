package ledger

import (
	"context"
	"errors"
	"iter"
	"math"
)

// About lists the decisions on an instance that are on record, in no order, and reads
// none of others that have ended: the instance's audit trail names those that were
// settled, and the index of what is due those that were not. Where there is no trail,
// as versions without them left it, it reads what [Ledger.All] does. Followed jobs are
// no decisions; they are not listed.
func About(ctx context.Context, l Ledger, project, instance string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		in, err := l.Instance(ctx, project, instance)
		if err != nil {
			yield(Record{}, err)
			return
		}
		if in.Head.Seq == 0 && len(in.Marks) > 0 {
			l.All(ctx, instance)(yield)
			return
		}
		told := make(map[Key]bool)
		tell := func(key Key) (more bool) {
			if told[key] {
				return true
			}
			told[key] = true
			d, err := l.Get(ctx, key)
			if errors.Is(err, ErrNotFound) || err == nil && (d.Project != project || d.Instance != instance) {
				return true
			}
			return yield(d, err)
		}
		for a, err := range l.Trail(ctx, project, instance, 1) {
			if err != nil && !yield(Record{}, err) || err == nil && !tell(a.Key) {
				return
			}
		}
		if in.Hold != nil && !tell(in.Hold.Key) { // the index may lag
			return
		}
		pending, err := l.Due(ctx, endless, math.MaxInt)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, due := range pending {
			if !tell(due.Key) {
				return
			}
		}
	}
}
