package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// AuditRecord is one settled decision in the audit trail of its instance. It
// never expires and is never changed: each names the one before it by a hash
// over all of it.
type AuditRecord struct {
	Format   int    `json:"format"`
	Project  string `json:"project"`
	Instance string `json:"instance"`
	// Seq counts the instance's records from 1 on.
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	Key Key       `json:"key"`
	// Body is what [Outcome.Audit] said.
	Body json.RawMessage `json:"body"`
	// Prev is the hash of the record before; [NoHash] for the first.
	Prev string `json:"prev"`
	// Hash is SHA-256 over the record's JSON up to here, from the brace on and
	// without the comma, in hexadecimal.
	Hash string `json:"hash"`
}

// Head is the end of a trail; zero if nothing is on it.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// NoHash stands for the record before the first.
var NoHash = strings.Repeat("0", 2*sha256.Size)

// ErrTrail says that there is a record where the next one belongs. The trail is
// only ever added to: who put it there has to be found out first.
var ErrTrail = errors.New("ledger: the audit trail goes on past its end: somebody has written to it")

// mostBody bounds what a record says. Of more, only the hash is kept.
const mostBody = 64 << 10

// entry is the record that an outcome adds to the instance's trail; nil if none.
func (in Instance) entry(d Record, o Outcome) (*AuditRecord, error) {
	if o.Audit == nil {
		return nil, nil
	}
	var body bytes.Buffer
	if err := json.Compact(&body, o.Audit); err != nil {
		return nil, fmt.Errorf("ledger: outcome's audit: %w", err)
	}
	if body.Len() > mostBody {
		sum := sha256.Sum256(body.Bytes())
		size := body.Len()
		body.Reset()
		fmt.Fprintf(&body, `{"left_out":{"bytes":%d,"sha256":"%x"}}`, size, sum)
	}
	a := &AuditRecord{
		Format: Format, Project: d.Project, Instance: d.Instance, Seq: in.Head.Seq + 1,
		At: instant(o.At), Key: d.Key, Body: body.Bytes(), Prev: in.Head.hash(),
	}
	var err error
	a.Hash, err = a.sum()
	return a, err
}

// sum is what the record's hash should be.
func (a AuditRecord) sum() (string, error) {
	a.Hash = ""
	b, err := Encode(a)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(bytes.TrimSuffix(b, []byte(`,"hash":""}`)))
	return hex.EncodeToString(sum[:]), nil
}

func (a AuditRecord) head() Head { return Head{a.Seq, a.Hash} }

func (h Head) hash() string {
	if h.Seq == 0 {
		return NoHash
	}
	return h.Hash
}

// DecodeAudit reads a record, which must be written as [Encode] would, to the
// byte: its hash says nothing of what it was not taken over.
func DecodeAudit(b []byte) (AuditRecord, error) {
	var a AuditRecord
	err := json.Unmarshal(b, &a)
	if newer, ok := later(b, err, a.Format); ok {
		return AuditRecord{Format: newer}, ErrNewer
	}
	return a, exactly(a, b, err)
}

// exactly is an error unless b is how v is written.
func exactly(v any, b []byte, err error) error {
	if err != nil {
		return err
	}
	if again, err := Encode(v); err != nil || !bytes.Equal(again, b) {
		return errors.Join(errors.New("it is not as it was written"), err)
	}
	return nil
}
