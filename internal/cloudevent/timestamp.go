package cloudevent

import (
	"strings"
	"time"
)

// timestamp parses a date-time of RFC 3339, 5.6. [time.Parse] differs from its
// grammar: it takes a comma before the fraction, hours of one digit and
// offsets of any size, and neither lower-case t and z nor leap seconds.
func timestamp(s string) (time.Time, bool) {
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) || !shaped(s[:len(shape)], shape) {
		return time.Time{}, false
	}
	zone := strings.TrimLeft(s[len(shape):], ".0123456789")
	fraction := s[len(shape) : len(s)-len(zone)]
	if fraction != "" && (len(fraction) < 2 || fraction[0] != '.' || strings.Contains(fraction[1:], ".")) {
		return time.Time{}, false
	}
	switch {
	case zone == "Z" || zone == "z":
	case shaped(zone, "+00:00") && zone[1:3] <= "23" && zone[4:] <= "59":
	default:
		return time.Time{}, false
	}
	upper := strings.ToUpper(s)
	if s[17:19] != "60" {
		t, err := time.Parse(time.RFC3339, upper)
		return t, err == nil
	}
	// A leap second ends a month of UTC. Clocks here have none: it is the
	// second that follows.
	t, err := time.Parse(time.RFC3339, upper[:17]+"59"+upper[19:])
	t = t.Add(time.Second)
	u := t.UTC()
	return t, err == nil && t.Year() <= 9999 && u.Day() == 1 && u.Hour() == 0 && u.Minute() == 0 && u.Second() == 0
}

// shaped tells whether s has digits where shape has zeros, either sign where
// it has a plus, and its letters in any case.
func shaped(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; shape[i] {
		case '0':
			if !digit(c) {
				return false
			}
		case '+':
			if c != '+' && c != '-' {
				return false
			}
		default:
			if c != shape[i] && c|0x20 != shape[i]|0x20 || c < ' ' {
				return false
			}
		}
	}
	return true
}

// formatTime writes t with its offset and to the nanosecond.
func formatTime(t time.Time) string { return t.Format(time.RFC3339Nano) }
