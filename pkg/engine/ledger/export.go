package ledger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// AuditLine is one of the exported audit trails, as JSON one line. Each trail
// begins with where it begins and ends, and its records follow in order; behind
// the last trail comes the end. One of the members is set.
type AuditLine struct {
	Trail  *Trail       `json:"trail,omitempty"`
	Record *AuditRecord `json:"record,omitempty"`
	End    *AuditEnd    `json:"end,omitempty"`
}

// Trail says which records of an instance follow: those behind After, which is
// left out where that is the beginning, up to Head.
type Trail struct {
	Project  string `json:"project"`
	Instance string `json:"instance"`
	After    *Head  `json:"after,omitempty"`
	Head     Head   `json:"head"`
}

// AuditEnd says how many trails there were.
type AuditEnd struct {
	Trails int `json:"trails"`
}

// Export lists the audit trails of all instances: all that is on them, or what
// is from the first record on that is not before since.
func Export(ctx context.Context, l Ledger, since time.Time) iter.Seq2[AuditLine, error] {
	return func(yield func(AuditLine, error) bool) {
		end := new(AuditEnd)
		for in, err := range l.Instances(ctx) {
			if err == nil && in.Format > Format {
				err = ErrNewer
			}
			if err != nil {
				yield(AuditLine{}, err)
				return
			}
			if in.Head.Seq == 0 {
				continue
			}
			end.Trails++
			for line, err := range exportTrail(ctx, l, in, since) {
				if !yield(line, err) || err != nil {
					return
				}
			}
		}
		yield(AuditLine{End: end}, nil)
	}
}

func exportTrail(ctx context.Context, l Ledger, in Instance, since time.Time) iter.Seq2[AuditLine, error] {
	return func(yield func(AuditLine, error) bool) {
		last, begun := Head{}, false
		begin := func() bool {
			t := Trail{Project: in.Project, Instance: in.ID, Head: in.Head}
			if last.Seq > 0 {
				after := last
				t.After = &after
			}
			begun = true
			return yield(AuditLine{Trail: &t}, nil)
		}
		for a, err := range l.Trail(ctx, in.Project, in.ID, 1) {
			if err == nil && a.Seq > in.Head.Seq { // written meanwhile, or by somebody else
				var now Instance
				if now, err = l.Instance(ctx, in.Project, in.ID); err == nil && a.Seq <= now.Head.Seq {
					break
				}
			}
			if err != nil {
				yield(AuditLine{}, err)
				return
			}
			if !begun && !a.At.Before(since) && !begin() || begun && !yield(AuditLine{Record: &a}, nil) {
				return
			}
			last = a.head()
		}
		if !begun {
			begin()
		}
	}
}

// ReadExport reads what was exported, which must stand as it was written, to
// the byte.
func ReadExport(r io.Reader) iter.Seq2[AuditLine, error] {
	return func(yield func(AuditLine, error) bool) {
		lines := bufio.NewReader(r)
		for n := 1; ; n++ {
			text, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(text) == 0 {
				return
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(AuditLine{}, err)
				return
			}
			var l AuditLine
			text = bytes.TrimSuffix(text, []byte("\n"))
			if err := exactly(&l, text, json.Unmarshal(text, &l)); err != nil {
				yield(AuditLine{}, &AuditError{Problem: fmt.Sprintf("line %d: %v", n, err)})
				return
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// AuditError tells of the first wrong record of the audit trails.
type AuditError struct {
	// Project and Instance say whose trail it is on, and Seq where; they are
	// empty for what is on none.
	Project, Instance string
	Seq               int64
	// Problem is what is wrong with it.
	Problem string
}

func (e *AuditError) Error() string {
	if e.Instance == "" {
		return "audit trail: " + e.Problem
	}
	return fmt.Sprintf("audit trail of projects/%s/instances/%s: record %d %s", e.Project, e.Instance, e.Seq, e.Problem)
}

// VerifyAudit tells whether exported trails are whole: it fails with an
// [AuditError] for the first record that was changed, removed, inserted or put
// elsewhere since it was written. It takes what was exported at different
// times, too, one behind the other.
//
// It cannot tell whether somebody who can write to the ledger has written a
// trail, or its end, anew with all its hashes, or has taken an instance away
// whole: that takes an older export, kept where he cannot write.
func VerifyAudit(lines iter.Seq2[AuditLine, error]) error {
	v := verifier{}
	for l, err := range lines {
		if err == nil {
			err = v.line(l)
		}
		if err != nil {
			return err
		}
	}
	if !v.ended {
		return &AuditError{Problem: "the end is missing: the export was cut short"}
	}
	return nil
}

type verifier struct {
	trail  *Trail // nil before the first
	last   Head   // of the trail's records so far
	trails int
	ended  bool
}

func (v *verifier) line(l AuditLine) error {
	switch {
	case l.Record != nil && (l.Trail != nil || l.End != nil) || l.Trail != nil && l.End != nil:
		return &AuditError{Problem: "a line is two"}
	case l.Record != nil && v.trail != nil:
		return v.record(l.Record)
	case l.Record != nil:
		return &AuditError{l.Record.Project, l.Record.Instance, l.Record.Seq, "is on no trail"}
	}
	if err := v.close(); err != nil {
		return err
	}
	v.ended = l.Trail == nil
	if l.Trail != nil {
		v.trails++
		v.trail, v.last = l.Trail, Head{}
		if l.Trail.After != nil {
			v.last = *l.Trail.After
		}
		return nil
	}
	switch {
	case l.End == nil:
		return &AuditError{Problem: "a line is nothing"}
	case l.End.Trails != v.trails:
		word := map[bool]string{true: "is 1 trail", false: fmt.Sprintf("are %d trails", v.trails)}[v.trails == 1]
		return &AuditError{Problem: fmt.Sprintf("there %s, and the end names %d", word, l.End.Trails)}
	}
	v.trails = 0
	return nil
}

func (v *verifier) record(a *AuditRecord) error {
	sum, err := a.sum()
	next := v.last.Seq + 1
	switch {
	case err != nil:
		return err
	case a.Project != v.trail.Project || a.Instance != v.trail.Instance:
		return v.wrong(next, fmt.Sprintf("is missing: there is one of projects/%s/instances/%s in its place", a.Project, a.Instance))
	case a.Seq != next:
		return v.wrong(next, fmt.Sprintf("is missing: there is one with the number %d in its place", a.Seq))
	case a.Seq > v.trail.Head.Seq:
		return v.wrong(next, fmt.Sprintf("was inserted: the last is record %d", v.trail.Head.Seq))
	case a.Hash != sum:
		return v.wrong(next, fmt.Sprintf("was changed: its hash is %s and should be %s", a.Hash, sum))
	case a.Prev != v.last.hash():
		return v.wrong(next, fmt.Sprintf("does not follow the one before: it names the hash %s, and that has %s; one of them was put in another's place", a.Prev, v.last.hash()))
	}
	v.last = a.head()
	return nil
}

// close ends a trail: its last record must be the one that the instance names.
func (v *verifier) close() error {
	switch {
	case v.trail == nil:
	case v.last.Seq < v.trail.Head.Seq:
		return v.wrong(v.last.Seq+1, fmt.Sprintf("is missing: the last is record %d", v.trail.Head.Seq))
	case v.last != v.trail.Head:
		return v.wrong(v.last.Seq, fmt.Sprintf("is not the last that the instance names: its hash is %s and should be %s", v.last.Hash, v.trail.Head.Hash))
	}
	v.trail = nil
	return nil
}

func (v *verifier) wrong(seq int64, problem string) error {
	return &AuditError{v.trail.Project, v.trail.Instance, seq, problem}
}
