package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Digest is the key as a short name that no other key has: the switch, and a
// hash over the length-prefixed source and id, which may be long and may hold
// any character.
func (k Key) Digest() string {
	return k.Switch + "#" + digest(k.Source, k.ID)
}

// stampLayout has a fixed width, so that stamps sort as their times do.
const stampLayout = "2006-01-02T15:04:05.000000000Z"

// Stamp is a time as a string that sorts like the time, exact to the
// nanosecond.
func Stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// ParseStamp reads what Stamp wrote.
func ParseStamp(s string) (time.Time, error) { return time.Parse(stampLayout, s) }

// Encode is JSON that leaves the JSON inside it as it is: an event's bytes are
// those that were published, not the same with other escapes.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Plain are those of the texts that stand in a record just as they are, however
// its JSON is written: of letters, digits and a few signs. See [Ledger.All].
func Plain(texts []string) (plain []string) {
	for _, text := range texts {
		special := strings.ContainsFunc(text, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-._:", r)
		})
		if text != "" && !special {
			plain = append(plain, text)
		}
	}
	return plain
}

// DecodeRecord reads a decision's record. Of one with a later format only
// the format is sure, and the key if it is where it is now.
func DecodeRecord(b []byte) (*Record, error) {
	d := new(Record)
	err := json.Unmarshal(b, d)
	if newer, ok := later(b, err, d.Format); ok {
		return &Record{Format: newer, Key: d.Key}, nil
	}
	if err == nil && d.State == Settled && d.Outcome == nil {
		err = errors.New("settled without an outcome")
	}
	return d, err
}

// DecodeInstance reads an instance's record, and of one with a later format
// the format.
func DecodeInstance(b []byte) (Instance, error) {
	var in Instance
	err := json.Unmarshal(b, &in)
	if newer, ok := later(b, err, in.Format); ok {
		return Instance{Format: newer}, nil
	}
	return in, err
}

// later tells whether a record has a later format; one that does not fit our
// form may have.
func later(b []byte, err error, format int) (int, bool) {
	if err != nil {
		var only struct {
			Format int `json:"format"`
		}
		if json.Unmarshal(b, &only) == nil {
			format = only.Format
		}
	}
	return format, format > Format
}
