package decision

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

func TestForms(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for rule, texts := range map[string]struct{ good, bad []string }{
		"region":   {[]string{"a", "cn-north-4", "eu-west-101", a(64)}, []string{"", "-a", "a-", "EU", "a_b", "a b", a(65)}},
		"notblank": {[]string{"a", " a "}, []string{"", " ", "\t\n", "\u00a0\u2003"}},
	} {
		for _, s := range texts.good {
			require.True(t, ownRules()[rule].Test(s), "%s: %q", rule, s)
		}
		for _, s := range texts.bad {
			require.False(t, ownRules()[rule].Test(s), "%s: %q", rule, s)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T09:00:00Z":           "2026-11-22T09:00:00Z",
		"2026-11-22t09:00:00z":           "2026-11-22T09:00:00Z",
		"2026-11-22T09:00:00.123456789Z": "2026-11-22T09:00:00.123456789Z",
		"2026-11-22T23:30:00-23:59":      "2026-11-23T23:29:00Z",
		"2026-11-22T09:00:00-00:00":      "2026-11-22T09:00:00Z",
		"2028-02-29T09:00:00Z":           "2028-02-29T09:00:00Z",
		"0000-01-01T00:00:00Z":           "0000-01-01T00:00:00Z",
		"0000-01-01T00:00:00+00:01":      "",
		"9999-12-31T23:59:00-00:01":      "",
		"2026-02-29T09:00:00Z":           "",
		"2026-11-22T9:00:00Z":            "",
		"2026-11-22T9:00:00.1Z":          "",
		"2026-11-22T09:00:00,5Z":         "",
		"2026-11-22T09:00:00":            "",
		"2026-11-22T09:00:00+24:00":      "",
		"2026-11-22T09:00:00+01:60":      "",
		"2026-11-22T09:00:00+0100":       "",
		"2026-11-22T24:00:00Z":           "",
		"2026-11-22 09:00:00Z":           "",
		"2026-11-22":                     "",
		" 2026-11-22T09:00:00Z":          "",
		"":                               "",
	} {
		got, ok := parseTime(text)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, got.Format(time.RFC3339Nano), text)
		}
	}
}

func TestWholeNumbers(t *testing.T) {
	for raw, want := range map[string]int64{"0": 0, "-0": 0, "1": 1, "1.0": 1, "10e-1": 1, "1E0": 1, "-12.50e1": -125, "999999999999999": 999999999999999} {
		got, ok := wholeNumber(raw)
		require.True(t, ok, raw)
		require.Equal(t, want, got, raw)
	}
	for _, raw := range []string{"0.5", "1e-1", "1e16", "1e999", "1e-999999999", "1.0000000000000000001", "9007199254740993"} {
		_, ok := wholeNumber(raw)
		require.False(t, ok, raw)
	}
}

func TestContentIsOfTheInstant(t *testing.T) {
	utc := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	local := utc.In(time.FixedZone("", 3600))
	of := func(at *time.Time) string {
		return (&Decision{Ticket: &events.Ticket{Window: &events.Window{Start: at}}}).Content()
	}
	require.Equal(t, of(&utc), of(&local))
}

func TestEmptyCorrelationStartsAnew(t *testing.T) {
	ev := eventOf(t, events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, ""))
	ev.SetExtension("correlationid", "")
	dec, _, problem := decoder(t).Decode("proxy-ssl", ev)
	require.Nil(t, problem)
	require.Equal(t, "CHG1-1", dec.CorrelationID)
}
