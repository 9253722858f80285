package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// repeats tells of a tag event whether it asks for nothing: its value is the
// one that was settled last, and nothing says that it was another in between.
//
// Some producers tell all tags of a resource at every change of any of them. A
// value that they tell again is no news, even where a ticket has flipped the
// switch since: it must not flip it back. So it is not "unchanged" either, which
// would claim the switch's position, and would raise the order past tickets that
// were approved before and come late. It is ignored, before it is claimed.
//
// An event that the ledger knows is never ignored: a repeat of it gets what its
// first delivery got. The value is read first: what is settled between the two
// reads is found by the second.
func (e *Engine) repeats(ctx context.Context, d *decision.Decision) (bool, error) {
	told, err := e.told(ctx, d)
	if err != nil || !told {
		return false, err
	}
	switch _, err := e.Ledger.Get(ctx, d.Key()); {
	case errors.Is(err, ledger.ErrNotFound):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("ledger: %w", err)
	}
	return false, nil
}

// told tells whether a tag event's value was told before.
func (e *Engine) told(ctx context.Context, d *decision.Decision) (bool, error) {
	if d.Tag == "" || !e.mayRepeat(d) {
		return false, nil
	}
	in, err := e.Ledger.Instance(ctx, d.Place.Project, d.Place.Instance)
	if err != nil {
		return false, fmt.Errorf("ledger: %w", err)
	}
	return sameTag(in.Tags[d.Slot()], d.Tag), nil
}

// mayRepeat: a snapshot says how a tag is, not that it changed. Any other tag
// event tells of a change, of a new tag where it has no old value, and is looked
// at by the position that it asks for; where that cannot be read, it asks for
// nothing only if by its own word nothing changed.
func (e *Engine) mayRepeat(d *decision.Decision) bool {
	if d.Snapshot {
		return true
	}
	return e.byName[d.Switch].read == nil && d.TagOld != nil && sameTag(*d.TagOld, d.Tag)
}

// sameTag compares values by what they ask for: on and true are one.
func sameTag(a, b string) bool {
	meaning := map[string]string{"true": "on", "false": "off"}
	for _, v := range []*string{&a, &b} {
		if m, ok := meaning[*v]; ok {
			*v = m
		}
	}
	return a == b
}
