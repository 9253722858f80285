package jsontree

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRefused(t *testing.T) {
	for text, reason := range map[string]string{
		``:                      "unexpected end at byte 0",
		` `:                     "unexpected end at byte 1",
		`{"a":1,"a":2}`:         `duplicate member "a" at byte 7`,
		`{"a":1,"\u0061":2}`:    `duplicate member "a" at byte 7`,
		`{"a":"\ud800"}`:        "lone surrogate at byte 6",
		`"\ud800\u0041"`:        "lone surrogate at byte 1",
		`"\udc00"`:              "lone surrogate at byte 1",
		"\"\xff\"":              "invalid UTF-8 at byte 1",
		"\"a\nb\"":              "control character 0x0a in a string at byte 2",
		`[1,]`:                  "unexpected ']' at byte 3",
		`{"a":1,}`:              "expected a member's name at byte 7",
		`{a:1}`:                 "expected a member's name at byte 1",
		`01`:                    "unexpected text after the value at byte 1",
		`-`:                     "expected a digit at byte 1",
		`1.`:                    "expected a digit at byte 2",
		`1e+`:                   "expected a digit at byte 3",
		`+1`:                    "unexpected '+' at byte 0",
		`nul`:                   "expected null at byte 0",
		`{} {}`:                 "unexpected text after the value at byte 3",
		`"\x"`:                  "unknown escape at byte 2",
		`"\u12g4"`:              `expected four hexadecimal digits after \u at byte 2`,
		`{"a" 1}`:               "expected a colon at byte 5",
		`{"a":1 "b":2}`:         "expected a comma or a closing brace at byte 7",
		`[1 2]`:                 "expected a comma or a closing bracket at byte 3",
		`[[[[[]]]]]`:            "nested too deeply at byte 4",
		"\ufeff{}":              "unexpected '\\ufeff' at byte 0",
		strings.Repeat("[", 99): "nested too deeply at byte 4",
	} {
		_, err := Parse([]byte(text), 4)
		require.EqualError(t, err, reason, "%q", text)
	}
}

func TestManyMembersFindTheirDuplicate(t *testing.T) {
	var b strings.Builder
	b.WriteString("{")
	for i := range 40 {
		b.WriteString(`"k` + strings.Repeat("x", i) + `":0,`)
	}
	_, err := Parse([]byte(b.String()+`"kxxx":1}`), 2)
	require.ErrorContains(t, err, `duplicate member "kxxx"`)
}

func TestTreeKeepsOrderAndBytes(t *testing.T) {
	n, err := Parse([]byte(` {"b": [1, -2.5e3 ,null], "a":"x\n\ud83d\ude00", "B":true} `), 4)
	require.NoError(t, err)
	require.Equal(t, Object, n.Kind)
	require.Equal(t, "b", n.Members[0].Name)
	require.Equal(t, `[1, -2.5e3 ,null]`, string(n.Get("b").Raw))
	require.Equal(t, `-2.5e3`, string(n.Get("b").Items[1].Raw))
	require.Equal(t, Null, n.Get("b").Items[2].Kind)
	require.Equal(t, "x\n😀", n.Get("a").Text)
	require.Equal(t, Bool, n.Get("B").Kind)
	require.Nil(t, n.Get("A"), "names match with case")
	require.Nil(t, n.Get("a").Get("x"))
}

// decoded is what encoding/json makes of text, numbers kept as they stand: a
// valid one may be too large for a float64.
func decoded(t *testing.T, text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}

// FuzzParse holds the parser against encoding/json: what it takes,
// encoding/json takes with the same meaning, and what it refuses although
// encoding/json takes it is refused for one of the reasons that it exists for.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `[1,"a",{"b":null}]`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`, `-0.1E-5`, `[[[[[[]]]]]]`, ` true `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := Parse(text, 32)
		if err == nil {
			require.True(t, json.Valid(text), "taken though invalid")
			require.True(t, utf8.Valid(text))
			want, got := decoded(t, text), decoded(t, n.Raw)
			require.Equal(t, want, got)
			if n.Kind == String {
				require.Equal(t, want, n.Text)
			}
			return
		}
		if json.Valid(text) {
			why := err.(*Error).Reason
			require.True(t, strings.HasPrefix(why, "duplicate member") || why == "lone surrogate" ||
				why == "invalid UTF-8" || why == "nested too deeply", why)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"specversion":"1.0","type":"dev.interlock.ticket.approved.v1","id":"CHG0031337-1","source":"https://tickets.example.com/changes","data":{"switch":"proxy-ssl","enabled":true,"target":{"project_id":"056538411200d4cd2f79c003c7606412","instance_id":"096c0fc43e804757b59946b80dc27f8bin07","proxy_id":"2ec617ba62da4eafb921b69438beed3cpo01"},"ticket":{"id":"CHG0031337","requested_by":"a","approved_by":["b"],"approved_at":"2026-11-22T08:59:30Z"}}}`)
	b.Run("jsontree", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(text, 16); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
