package dynamodb

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// value is an attribute's value: a string or a number.
type value struct {
	S string `json:",omitempty"`
	N string `json:",omitempty"`
}

type item map[string]value

func text(s string) value { return value{S: s} }

func number(n int64) value { return value{N: strconv.FormatInt(n, 10)} }

// seconds is a time as a number of seconds, exact to the nanosecond. What lies
// before 1970 is due as much as what lies there.
func seconds(t time.Time) value {
	if t.Unix() < 0 {
		return number(0)
	}
	return value{N: fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())}
}

func decisionKey(k ledger.Key) string { return "d#" + k.Digest() }

// instanceKey and jobKey are unambiguous: no id of a project holds a slash.
func instanceKey(project, instance string) string { return "i#" + project + "/" + instance }

func jobKey(project, job string) string { return "j#" + project + "/" + job }

func useKey(ticket, slot string) string { return "t#" + ledger.UseKey(ticket, slot) }

func auditKey(project, instance string, seq int64) string {
	return fmt.Sprintf("a#%s/%s#%d", project, instance, seq)
}

// arrivalKey is one of 65,536.
func arrivalKey(a *ledger.Arrival) string {
	h := fnv.New32a()
	h.Write([]byte(a.Digest()))
	sum := h.Sum32()
	return fmt.Sprintf("n#%d", (sum>>16^sum)&0xffff)
}

// shards is how many partitions the index work has, so that none is busier than
// the table.
const shards = 8

func shard(pk string) int64 {
	h := fnv.New32a()
	h.Write([]byte(pk))
	return int64(h.Sum32() % shards)
}

// mostRecord bounds a record: an item has room for 400 KiB, with its names.
const mostRecord = 380 << 10

// decisionItem is a decision's item. One whose outcome leaves no room for what
// was asked does without that: it is settled, and a claim that takes up a
// failed one brings it again.
func decisionItem(d *ledger.Record, revision int64) (item, error) {
	rec, err := ledger.Encode(d)
	if err != nil {
		return nil, err
	}
	if len(rec) > mostRecord && d.State == ledger.Settled {
		short := *d
		short.Stored = nil
		if rec, err = ledger.Encode(short); err != nil {
			return nil, err
		}
	}
	pk := decisionKey(d.Key)
	i := item{"pk": text(pk), "v": number(revision), "f": number(ledger.Format), "s": text(string(d.State)), "rec": text(string(rec))}
	if a, ok := d.Asks(); ok {
		i["wq"], i["due"] = number(shard(pk)), seconds(a.At)
	}
	if !d.Expire.IsZero() {
		i["ttl"] = number(d.Expire.Unix() + 1)
	}
	return i, nil
}

// seen reads a decision's item; none is one that is not there.
func (i item) seen() (seen, error) {
	if i == nil {
		return seen{}, nil
	}
	d, err := ledger.DecodeRecord([]byte(i["rec"].S))
	if format, ok := i.newer(); ok {
		return seen{decision: &ledger.Record{Format: format}}, nil
	}
	if err != nil {
		return seen{}, fmt.Errorf("ledger: item %s: %w", i["pk"].S, err)
	}
	v, err := strconv.ParseInt(i["v"].N, 10, 64)
	if err != nil {
		return seen{}, fmt.Errorf("ledger: item %s: revision: %w", i["pk"].S, err)
	}
	return seen{d, v}, nil
}

// newer tells whether a later version wrote the item.
func (i item) newer() (int, bool) {
	f, err := strconv.Atoi(i["f"].N)
	return f, err == nil && f > ledger.Format
}

// Prefixes of an instance's attributes for each slot.
const markOf, tagOf = "m#", "t#"

// Further attributes of an instance: when a job last became a decision's, and
// the number and the hash of the last audit record.
const lastJob, headSeq, headHash = "j", "aq", "ah"

// instance reads an instance's item; none is one that nobody worked on.
func (i item) instance() (ledger.Instance, error) {
	var in ledger.Instance
	if format, ok := i.newer(); ok {
		return ledger.Instance{Format: format}, nil
	}
	in.Project, in.ID, _ = strings.Cut(strings.TrimPrefix(i["pk"].S, "i#"), "/")
	in.Marks, in.Tags = make(map[string]time.Time), make(map[string]string)
	for name, v := range i {
		var err error
		if slot, ok := strings.CutPrefix(name, markOf); ok {
			in.Marks[slot], err = ledger.ParseStamp(v.S)
		} else if slot, ok := strings.CutPrefix(name, tagOf); ok {
			in.Tags[slot] = v.S
		} else if name == lastJob {
			in.LastJob, err = ledger.ParseStamp(v.S)
		} else if name == "h" {
			err = json.Unmarshal([]byte(v.S), &in.Hold)
		} else if name == headHash {
			in.Head.Hash = v.S
		} else if name == headSeq {
			in.Head.Seq, err = strconv.ParseInt(v.N, 10, 64)
		}
		if err != nil {
			return in, fmt.Errorf("ledger: item %s: %s: %w", i["pk"].S, name, err)
		}
	}
	return in, nil
}

// use reads a ticket's item; false if there is none.
func (i item) use() (u ledger.Use, ok bool, err error) {
	if i == nil {
		return u, false, nil
	}
	if format, ok := i.newer(); ok {
		return ledger.Use{Format: format}, true, nil
	}
	if u, err = ledger.DecodeUse([]byte(i["rec"].S)); err != nil {
		err = fmt.Errorf("ledger: item %s: %w", i["pk"].S, err)
	}
	return u, true, err
}

// auditItem is the item of an audit record.
func auditItem(a *ledger.AuditRecord) (item, error) {
	rec, err := ledger.Encode(a)
	return item{"pk": text(auditKey(a.Project, a.Instance, a.Seq)), "f": number(ledger.Format), "rec": text(string(rec))}, err
}

// audit reads the item of an audit record.
func (i item) audit() (ledger.AuditRecord, error) {
	a, err := ledger.DecodeAudit([]byte(i["rec"].S))
	if err == nil && i["pk"].S != auditKey(a.Project, a.Instance, a.Seq) {
		err = errors.New("it is another one's")
	}
	return a, err
}

// owner reads a job's item; nil if there is none.
func (i item) owner() (*ledger.Key, error) {
	if i == nil {
		return nil, nil
	}
	k := new(ledger.Key)
	if err := json.Unmarshal([]byte(i["k"].S), k); err != nil {
		return nil, fmt.Errorf("ledger: item %s: %w", i["pk"].S, err)
	}
	return k, nil
}
