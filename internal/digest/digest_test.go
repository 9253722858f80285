package digest

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

func form(t testing.TB, text string) (string, error) {
	n, err := jsontree.Parse([]byte(text), cloudevent.Depth)
	require.NoError(t, err, text)
	b, err := canonical(nil, &n)
	return string(b), err
}

// TestVectors: the samples of RFC 8785, sections 3.2.2, 3.2.3 and 3.2.4.
func TestVectors(t *testing.T) {
	const sample = `{
       "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
       "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
       "literals": [null, true, false]
     }`
	got, err := form(t, sample)
	require.NoError(t, err)
	require.Equal(t, `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`, got)

	const names = `{
       "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
       "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
     }`
	got, err = form(t, names)
	require.NoError(t, err)
	require.Equal(t, `{"\r":"Carriage Return","1":"One","`+"\u0080"+`":"Control","ö":"Latin Small Letter O With Diaeresis",`+
		`"€":"Euro Sign","😀":"Emoji: Grinning Face","`+"\ufb33"+`":"Hebrew Letter Dalet With Dagesh"}`, got)
}

// TestNumbers: the samples of RFC 8785, appendix B, each given with all of its
// digits.
func TestNumbers(t *testing.T) {
	for bits, expected := range map[uint64]string{
		0x0000000000000000: "0",
		0x8000000000000000: "0",
		0x0000000000000001: "5e-324",
		0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308",
		0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992",
		0xc340000000000000: "-9007199254740992",
		0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22",
		0x44b52d02c7e14af6: "1e+23",
		0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000",
		0x444b1ae4d6e2ef4f: "999999999999999900000",
		0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7",
		0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332",
		0x41b3de4355555554: "333333333.33333325",
		0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334",
		0x41b3de4355555557: "333333333.33333343",
		0xbecbf647612f3696: "-0.0000033333333333333333",
		0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		got, err := form(t, strconv.FormatFloat(math.Float64frombits(bits), 'e', 40, 64))
		require.NoError(t, err)
		require.Equal(t, expected, got)
	}
	_, err := form(t, "1e400") // infinity, of which JSON knows nothing
	require.ErrorContains(t, err, "found the number 1e400, expected one that a double can hold")
}

// TestOf: the digest is that of the canonical text, as any tool computes it, and
// of nothing else in the data.
func TestOf(t *testing.T) {
	// printf %s '{"enabled":true,"switch":"proxy-ssl","target":{"instance_id":"i","project_id":"p"}}' | sha256sum
	const expected = "sha-256:df82a67fac84e4df6ce242cdc585f25c5357a10ea1ac2f762ecea65f3d116ea6"
	for _, data := range []string{
		`{"switch":"proxy-ssl","enabled":true,"target":{"project_id":"p","instance_id":"i"}}`,
		` { "target" : {"instance_id":"i", "project_id":"\u0070"}, "enabled":true, "switch":"proxy-ssl" } `,
		`{"switch":"proxy-ssl","enabled":true,"target":{"project_id":"p","instance_id":"i"},"ticket":{"id":"CHG1"},"more":1}`,
	} {
		got, err := Of([]byte(data))
		require.NoError(t, err)
		require.Equal(t, expected, got, data)
	}
}

// TestBound: whatever of them is another makes another digest.
func TestBound(t *testing.T) {
	seen := map[string]string{}
	for _, data := range []string{
		`{"switch":"a","enabled":true,"target":{"x":1}}`,
		`{"switch":"b","enabled":true,"target":{"x":1}}`,
		`{"switch":"a","enabled":false,"target":{"x":1}}`,
		`{"switch":"a","enabled":true,"target":{"x":2}}`,
		`{"switch":"a","enabled":true,"target":{"x":1},"options":{}}`,
		`{"switch":"a","enabled":true,"target":{"x":1},"options":null}`,
		`{"switch":"a","enabled":true,"target":{"x":1},"then":[]}`,
		`{"switch":"a","enabled":true,"target":{"x":1},"then":[{"switch":"b"},{"switch":"c"}]}`,
		`{"switch":"a","enabled":true,"target":{"x":1},"then":[{"switch":"c"},{"switch":"b"}]}`,
		`{"switch":"a","enabled":true,"target":{"x":1},"on_failure":"undo"}`,
	} {
		got, err := Of([]byte(data))
		require.NoError(t, err)
		require.Empty(t, seen[got], data)
		seen[got] = data
	}
}

func TestWithout(t *testing.T) {
	for data, names := range map[string]string{
		``:                                "data: unexpected end",
		`[]`:                              "data.switch: found nothing in array",
		`{"enabled":true}`:                "data.switch: found nothing in object, expected data that asks for a switch",
		`{"switch":"a","switch":"a"}`:     "data: duplicate member",
		`{"switch":"\ud800"}`:             "data: lone surrogate",
		"{\"switch\":\"\xff\"}":           "data: invalid UTF-8",
		`{"switch":"a","target":[1e999]}`: "data: found the number 1e999",
	} {
		_, err := Of([]byte(data))
		require.ErrorContains(t, err, names)
	}
}

// FuzzCanonical: the canonical form is JSON, says the same as what it is of, and
// is its own canonical form; its numbers are as encoding/json writes them.
func FuzzCanonical(f *testing.F) {
	files, err := filepath.Glob("../../events/samples/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"a":[1e21,-0,5e-324,"\u2028\u007f\u0001"],"😀":{"\ufb33":0.000001}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := jsontree.Parse(text, cloudevent.Depth)
		if err != nil {
			return
		}
		once, err := canonical(nil, &n)
		if err != nil {
			return
		}
		var given, kept any
		require.NoError(t, json.Unmarshal(text, &given))
		require.NoError(t, json.Unmarshal(once, &kept))
		require.Equal(t, given, kept)
		twice, err := form(t, string(once))
		require.NoError(t, err)
		require.Equal(t, string(once), twice)
		if number, ok := given.(float64); ok && number != 0 {
			same, err := json.Marshal(number)
			require.NoError(t, err)
			require.Equal(t, string(same), strings.TrimSpace(string(once)))
		}
	})
}

// TestInUnits: texts are sorted as their UTF-16 units are.
func TestInUnits(t *testing.T) {
	texts := []string{"", "a", "ab", "b", "é", "\u0800", "\ud7ff", "\ue000", "\uf000", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff"}
	for _, x := range texts {
		for _, y := range texts {
			for _, pair := range [][2]string{{x, y}, {x + y, y}, {"é" + x, "é" + y}} {
				units := slices.Compare(utf16.Encode([]rune(pair[0])), utf16.Encode([]rune(pair[1])))
				require.Equal(t, units, inUnits(pair[0], pair[1]), "%q", pair)
			}
		}
	}
}

func BenchmarkOf(b *testing.B) {
	data := []byte(`{"switch":"proxy-ssl","enabled":true,"target":{"project_id":"p","instance_id":"i","proxy_id":"x"},"ticket":{"id":"CHG1"}}`)
	b.ReportAllocs()
	for b.Loop() {
		_, err := Of(data)
		require.NoError(b, err)
	}
}
