package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// page is how many records are read at a time.
const page = 128

// one reads a single text, nil if there is none.
func (r *records) one(lock string, query string, args ...any) (text []byte, err error) {
	err = r.read(lock, query, args, func(rows pgx.Rows) error { return rows.Scan(&text) })
	return text, err
}

func (r *records) Record(k ledger.Key) (*ledger.Record, error) {
	digest := k.Digest()
	b, err := r.one(r.lockName("decision", digest), "SELECT record FROM decisions WHERE digest = $1", digest)
	if b == nil || err != nil {
		return nil, err
	}
	return decision(digest, b)
}

func decision(digest string, b []byte) (*ledger.Record, error) {
	d, err := ledger.DecodeRecord(b)
	if err != nil {
		return nil, fmt.Errorf("decision %s: %w", digest, err)
	}
	return d, nil
}

// instances reads instances with the ends of their trails.
const instances = "SELECT i.record, coalesce(h.seq, 0), coalesce(h.hash, '') FROM instances i LEFT JOIN heads h ON h.project = i.project AND h.instance = i.id "

func instance(rows pgx.Rows) (ledger.Instance, error) {
	var b []byte
	var head ledger.Head
	if err := rows.Scan(&b, &head.Seq, &head.Hash); err != nil {
		return ledger.Instance{}, err
	}
	in, err := ledger.DecodeInstance(b)
	in.Head = head
	return in, err
}

func (r *records) Instance(project, id string) (in ledger.Instance, err error) {
	err = r.read(r.lockName("instance", project, id), instances+"WHERE i.project = $1 AND i.id = $2", []any{project, id}, func(rows pgx.Rows) (err error) {
		if in, err = instance(rows); err != nil {
			return fmt.Errorf("instance %s: %w", id, err)
		}
		return nil
	})
	return in, err
}

func (r *records) Instances(after string) (list []ledger.Instance, next string, err error) {
	project, id, _ := strings.Cut(after, "/") // no id of a project holds a slash
	err = r.read("", instances+"WHERE (i.project, i.id) > ($1, $2) ORDER BY i.project, i.id LIMIT $3", []any{project, id, page}, func(rows pgx.Rows) error {
		in, err := instance(rows)
		if err == nil {
			list = append(list, in)
		}
		return err
	})
	if err != nil || len(list) < page {
		return list, "", err
	}
	last := list[page-1]
	return list, last.Project + "/" + last.ID, nil
}

func (r *records) Owner(project, job string) (*ledger.Key, error) {
	b, err := r.one(r.lockName("job", project, job), "SELECT owner FROM jobs WHERE project = $1 AND job = $2", project, job)
	if b == nil || err != nil {
		return nil, err
	}
	k := new(ledger.Key)
	if err := json.Unmarshal(b, k); err != nil {
		return nil, fmt.Errorf("job %s: %w", job, err)
	}
	return k, nil
}

// why says by a decision's state what it asks for, where it is due.
var why = map[ledger.State]ledger.Why{ledger.Working: ledger.Lapsed, ledger.Waiting: ledger.Waited, ledger.Settled: ledger.Unemitted}

// Due reads the index of what is due, page by page, and of each decision what names
// it. What a later version has written asks for nothing of this one.
func (r *records) Due(now time.Time, limit int, but ...func(ledger.Due) bool) (list []ledger.Due, err error) {
	const query = `SELECT due, digest, state, record->'key' FROM decisions
		WHERE due <= $1 AND (due < $1 OR state <> $2) AND format <= $3 AND (due, digest) > ($4, $5) ORDER BY due, digest LIMIT $6`
	var due, digest string
	for n := page; n == page && len(list) < limit; {
		n = 0
		args := []any{ledger.Stamp(now), string(ledger.Working), ledger.Format, due, digest, page}
		err := r.read("", query, args, func(rows pgx.Rows) error {
			var state ledger.State
			var a ledger.Due
			if err := rows.Scan(&due, &digest, &state, &a.Key); err != nil {
				return err
			}
			var err error
			a.At, err = ledger.ParseStamp(due)
			if a.Why = why[state]; err == nil && !a.In(but) && len(list) < limit {
				list = append(list, a)
			}
			n++
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func scanDecision(rows pgx.Rows) (*ledger.Record, error) {
	var digest string
	var b []byte
	if err := rows.Scan(&digest, &b); err != nil {
		return nil, err
	}
	return decision(digest, b)
}

func (r *records) Page(after string, texts []string) (list []*ledger.Record, next string, err error) {
	sql, args := "SELECT digest, record FROM decisions WHERE digest > $1", []any{after, page}
	for _, text := range texts {
		args = append(args, text)
		sql += fmt.Sprintf(" AND strpos(record::text, $%d) > 0", len(args))
	}
	err = r.read("", sql+" ORDER BY digest LIMIT $2", args, func(rows pgx.Rows) error {
		d, err := scanDecision(rows)
		if err == nil {
			list = append(list, d)
			next = string(rows.RawValues()[0])
		}
		return err
	})
	if err != nil || len(list) < page {
		return list, "", err
	}
	return list, next, nil
}

func (r *records) Halted() (halted bool, err error) {
	err = r.read("", "SELECT EXISTS (SELECT FROM halt)", nil, func(rows pgx.Rows) error { return rows.Scan(&halted) })
	return halted, err
}

func (r *records) Use(ticket, slot string) (*ledger.Use, error) {
	name := ledger.UseKey(ticket, slot)
	b, err := r.one(r.lockName("use", name), "SELECT record FROM uses WHERE name = $1", name)
	if b == nil || err != nil {
		return nil, err
	}
	u, err := ledger.DecodeUse(b)
	if err != nil {
		return nil, fmt.Errorf("use of ticket %s: %w", ticket, err)
	}
	return &u, nil
}

func (r *records) Trail(project, instance string, from int64) (list []ledger.AuditRecord, err error) {
	const query = "SELECT seq, record FROM audit WHERE project = $1 AND instance = $2 AND seq >= $3 ORDER BY seq LIMIT $4"
	err = r.read("", query, []any{project, instance, from, page}, func(rows pgx.Rows) error {
		var seq int64
		var b []byte
		if err := rows.Scan(&seq, &b); err != nil {
			return err
		}
		a, err := ledger.DecodeAudit(b)
		if err == nil && (a.Project != project || a.Instance != instance || a.Seq != seq) {
			err = errors.New("it is another one's")
		}
		if err != nil {
			return &ledger.AuditError{Project: project, Instance: instance, Seq: seq, Problem: fmt.Sprintf("cannot be read: %v", err)}
		}
		list = append(list, a)
		return nil
	})
	return list, err
}

func (r *records) Arrivals() (list []ledger.Arrival, err error) {
	var wrong []error
	err = r.read("", "SELECT digest, record FROM arrivals", nil, func(rows pgx.Rows) error {
		var digest string
		var b []byte
		if err := rows.Scan(&digest, &b); err != nil {
			return err
		}
		a, err := ledger.DecodeArrival(b)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("arrival %q: %w", digest, err))
		} else {
			list = append(list, a)
		}
		return nil
	})
	return list, errors.Join(append(wrong, err)...)
}

// encode is what a column of json takes.
func encode(v any) (string, error) {
	b, err := ledger.Encode(v)
	return string(b), err
}

func (r *records) put(v any, query string, args ...any) error {
	text, err := encode(v)
	if err == nil {
		r.writes.Queue(query, append([]any{text}, args...)...)
	}
	return err
}

func (r *records) PutRecord(_, after *ledger.Record) error {
	var due, expire *string
	if a, ok := after.Asks(); ok {
		due = new(ledger.Stamp(a.At))
	}
	if !after.Expire.IsZero() {
		expire = new(ledger.Stamp(after.Expire))
	}
	return r.put(after, `INSERT INTO decisions (record, digest, format, state, due, expire) VALUES ($1::json, $2, $3::integer, $4, $5, $6)
		ON CONFLICT (digest) DO UPDATE SET record = excluded.record, format = excluded.format, state = excluded.state,
			due = excluded.due, expire = excluded.expire, shared_by = NULL, shared_until = NULL`,
		after.Key.Digest(), after.Format, string(after.State), due, expire)
}

func (r *records) PutInstance(in ledger.Instance) error {
	return r.put(in, `INSERT INTO instances (record, project, id) VALUES ($1::json, $2, $3)
		ON CONFLICT (project, id) DO UPDATE SET record = excluded.record`, in.Project, in.ID)
}

func (r *records) PutOwner(project, job string, owner ledger.Key) error {
	return r.put(owner, `INSERT INTO jobs (owner, project, job) VALUES ($1::json, $2, $3)
		ON CONFLICT (project, job) DO UPDATE SET owner = excluded.owner`, project, job)
}

func (r *records) PutHalted(halted bool) error {
	if halted {
		r.writes.Queue("INSERT INTO halt VALUES (true) ON CONFLICT DO NOTHING")
	} else {
		r.writes.Queue("DELETE FROM halt")
	}
	return nil
}

func (r *records) PutUse(u ledger.Use) error {
	return r.put(u, `INSERT INTO uses (record, name) VALUES ($1::json, $2)
		ON CONFLICT (name) DO UPDATE SET record = excluded.record`, ledger.UseKey(u.Ticket, u.Slot))
}

// PutAudit adds the record, or the transaction fails with what [trouble] makes of it.
func (r *records) PutAudit(a ledger.AuditRecord) error {
	r.writes.Queue(`INSERT INTO heads (project, instance, seq, hash) VALUES ($1, $2, $3::bigint, $4)
		ON CONFLICT (project, instance) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`, a.Project, a.Instance, a.Seq, a.Hash)
	return r.put(a, "INSERT INTO audit (record, project, instance, seq) VALUES ($1::json, $2, $3, $4::bigint)", a.Project, a.Instance, a.Seq)
}

func (r *records) PutArrival(a ledger.Arrival) error {
	err := r.put(a, `INSERT INTO arrivals (record, digest, at, expire) VALUES ($1::json, $2, $3, $4)
		ON CONFLICT (digest) DO UPDATE SET record = excluded.record, at = excluded.at, expire = excluded.expire`,
		a.Digest(), ledger.Stamp(a.At), ledger.Stamp(a.Expire))
	r.writes.Queue(`DELETE FROM arrivals WHERE digest IN
		(SELECT digest FROM arrivals WHERE expire <= $1 ORDER BY at LIMIT 8 FOR UPDATE SKIP LOCKED)`, ledger.Stamp(a.At))
	r.writes.Queue(`DELETE FROM arrivals WHERE (at, digest) <= (SELECT at, digest FROM arrivals ORDER BY at DESC, digest DESC OFFSET $1 LIMIT 1)`,
		ledger.MostArrivals)
	return err
}

// Purge leaves alone what another transaction has the lock on: that may be about to
// take the decision up again.
func (r *records) Purge(now time.Time, limit int) error {
	r.writes.Queue(`WITH expired AS MATERIALIZED (
			SELECT digest, record->>'project' AS project, record->'outcome'->>'job_id' AS job
			FROM decisions WHERE expire <= $1 AND format <= $2 ORDER BY expire LIMIT $3 FOR UPDATE SKIP LOCKED
		), free AS MATERIALIZED (
			SELECT * FROM expired WHERE pg_try_advisory_xact_lock(hashtextextended($4 || digest, 0))
		), gone AS (
			DELETE FROM decisions USING free WHERE decisions.digest = free.digest
		)
		DELETE FROM jobs USING free WHERE jobs.project = free.project AND jobs.job = free.job`,
		ledger.Stamp(now), ledger.Format, limit, r.lockName("decision", ""))
	return nil
}
