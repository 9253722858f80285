package cloudevent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestURI holds the examples of RFC 3986, 1.1.2 and 5.4, and their neighbours.
func TestURI(t *testing.T) {
	type kind struct{ ok, scheme, fragment bool }
	for s, want := range map[string]kind{
		"ftp://ftp.is.co.za/rfc/rfc1808.txt":        {true, true, false},
		"ldap://[2001:db8::7]/c=GB?objectClass?one": {true, true, false},
		"mailto:John.Doe@example.com":               {true, true, false},
		"tel:+1-816-555-1212":                       {true, true, false},
		"telnet://192.0.2.16:80/":                   {true, true, false},
		"urn:oasis:names:docbook:dtd:xml:4.1.2":     {true, true, false},
		"http://a/b/c/d;p?q#s":                      {true, true, true},
		"":                                          {true, false, false},
		"#s":                                        {true, false, true},
		"?y":                                        {true, false, false},
		"//g":                                       {true, false, false},
		"../..":                                     {true, false, false},
		"g;x=1/../y":                                {true, false, false},
		"http:":                                     {true, true, false},
		"http://":                                   {true, true, false},
		"http://u:p@h:/":                            {true, true, false},
		"http://[v1.a:b]:80":                        {true, true, false},
		"a?b:c":                                     {true, false, false},
		"a%20b%C3%A9":                               {true, false, false},
		":a":                                        {},
		"1:a":                                       {},
		"a_b:c":                                     {},
		"a b":                                       {},
		"a\\b":                                      {},
		"<a>":                                       {},
		"a|b":                                       {},
		"a^b":                                       {},
		"{id}":                                      {},
		"a%2":                                       {},
		"a%gg":                                      {},
		"é":                                         {},
		"a[b]":                                      {},
		"a?[b]":                                     {},
		"a#[b]":                                     {},
		"a#b#c":                                     {},
		"http://[::1":                               {},
		"http://[::1]x":                             {},
		"http://[::1%25eth0]/":                      {},
		"http://[1.2.3.4]/":                         {},
		"http://[vx.a]/":                            {},
		"http://[v1.]/":                             {},
		"http://h:8a/":                              {},
		"http://a@b@c/":                             {},
		"http://h:80:80/":                           {},
		"http://u[@h/":                              {},
	} {
		t.Run(s, func(t *testing.T) {
			p, ok := parseURI(s)
			require.Equal(t, want.ok, ok)
			if ok {
				require.Equal(t, want, kind{ok, p.scheme, p.fragment})
				u := uri(s)
				require.Equal(t, s, u.String())
			}
		})
	}
}

// TestTimestamp holds the examples of RFC 3339, 5.8, and its neighbours.
func TestTimestamp(t *testing.T) {
	for s, want := range map[string]string{
		"1985-04-12T23:20:50.52Z":            "1985-04-12T23:20:50.52Z",
		"1996-12-19T16:39:57-08:00":          "1996-12-20T00:39:57Z",
		"1990-12-31T23:59:60Z":               "1991-01-01T00:00:00Z",
		"1990-12-31T15:59:60-08:00":          "1991-01-01T00:00:00Z",
		"1990-12-31T23:59:60.5Z":             "1991-01-01T00:00:00.5Z",
		"1937-01-01T12:00:27.87+00:20":       "1937-01-01T11:40:27.87Z",
		"2026-11-22t09:00:00z":               "2026-11-22T09:00:00Z",
		"2026-11-22T09:00:00-00:00":          "2026-11-22T09:00:00Z",
		"2026-11-22T09:00:00+23:59":          "2026-11-21T09:01:00Z",
		"2026-11-22T09:00:00.1234567891234Z": "2026-11-22T09:00:00.123456789Z",
		"9999-12-31T23:59:60Z":               "",
		"9999-12-31T23:59:60+00:00":          "",
		"0000-01-01T00:00:00Z":               "0000-01-01T00:00:00Z",
		"2024-02-29T00:00:00Z":               "2024-02-29T00:00:00Z",
		"2026-02-29T00:00:00Z":               "",
		"2026-06-15T23:59:60Z":               "",
		"1990-12-31T12:00:60Z":               "",
		"2026-11-22T24:00:00Z":               "",
		"2026-11-22T09:60:00Z":               "",
		"2026-11-22T09:00:61Z":               "",
		"2026-13-22T09:00:00Z":               "",
		"2026-11-00T09:00:00Z":               "",
		"2026-11-22T09:00Z":                  "",
		"2026-11-22T9:00:00Z":                "",
		"2026-11-22T09:00:00":                "",
		"2026-11-22T09:00:00.Z":              "",
		"2026-11-22T09:00:00,5Z":             "",
		"2026-11-22T09:00:00.5.5Z":           "",
		"2026-11-22T09:00:00+01":             "",
		"2026-11-22T09:00:00+0100":           "",
		"2026-11-22T09:00:00+24:00":          "",
		"2026-11-22T09:00:00+01:60":          "",
		"2026-11-22T09:00:00Zx":              "",
		"2026-11-22 09:00:00Z":               "",
		"2026-11-22_09:00:00Z":               "",
		"26-11-22T09:00:00Z":                 "",
		"+2026-11-22T09:00:00Z":              "",
		"2026/11/22T09:00:00Z":               "",
		"":                                   "",
		"Z":                                  "",
	} {
		t.Run(s, func(t *testing.T) {
			got, ok := timestamp(s)
			require.Equal(t, want != "", ok)
			if ok {
				require.Equal(t, want, got.UTC().Format(time.RFC3339Nano))
				again, ok := timestamp(formatTime(got))
				require.True(t, ok)
				require.True(t, got.Equal(again))
			}
		})
	}
}
