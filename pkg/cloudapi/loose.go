package cloudapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// text is a JSON string, number or boolean; anything else reads as empty.
type text string

// UnmarshalJSON never fails: an error's body is read as far as possible.
func (t *text) UnmarshalJSON(raw []byte) error {
	*t = ""
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null":
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err == nil {
			*t = text(s)
		}
	default:
		*t = text(raw)
	}
	return nil
}

// flag is a boolean as the services send it: true, "true", "on", "ON", 1, "1"
// and their opposites all occur. It remembers whether it was there at all.
type flag struct{ known, on bool }

// UnmarshalJSON takes every form that occurs, and null as absent.
func (f *flag) UnmarshalJSON(raw []byte) error {
	var t text
	_ = t.UnmarshalJSON(raw)
	switch strings.ToLower(strings.TrimSpace(string(t))) {
	case "true", "on", "1":
		*f = flag{known: true, on: true}
	case "false", "off", "0":
		*f = flag{known: true}
	case "":
		*f = flag{}
	default:
		return fmt.Errorf("found %s, expected on or off", brief(string(raw), 64))
	}
	return nil
}

// check makes a flag that must be there an error where it is not.
func (f flag) check(name string) (Effect, error) {
	if !f.known {
		return NoEffect, fmt.Errorf("answer: %s is missing", name)
	}
	return NoEffect, nil
}

// stampLayout is how the services write a time: 2018-08-06T10:41:14+0800.
const stampLayout = "2006-01-02T15:04:05Z0700"

// stamp is a time. What names no zone could be off by hours, so it reads as
// zero, like everything that is no time.
type stamp struct{ time.Time }

// UnmarshalJSON never fails.
func (s *stamp) UnmarshalJSON(raw []byte) error {
	var t text
	_ = t.UnmarshalJSON(raw)
	for _, layout := range []string{stampLayout, time.RFC3339, "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05Z07:00"} {
		if at, err := time.Parse(layout, strings.TrimSpace(string(t))); err == nil {
			s.Time = at.UTC()
			return nil
		}
	}
	s.Time = time.Time{}
	return nil
}
