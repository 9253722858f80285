package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"CHG0031337, größer · 変更 🔑", "CHG0031337, größer · 変更 🔑"},
		{"a\x1b[2Jb\r\nc\td\x7f", `a\u001b[2Jb\u000d\u000ac\u0009d\u007f`},
		{"c1 \u009b", `c1 \u009b`},
		{"\u202egnp\u2066x\u200b\ufeff\u2028", `\u202egnp\u2066x\u200b\ufeff\u2028`},
		{"tag \U000e0041", `tag \udb40\udc41`},
		{"no \xff UTF-8", "no \ufffd UTF-8"},
	} {
		require.Equal(t, c.want, printable(c.text))
	}
	require.Equal(t, "{\n\t\"a\": \"\\u001b\"\n}", printableText("{\n\t\"a\": \"\x1b\"\n}"))
	var back string
	require.NoError(t, json.Unmarshal([]byte(`"`+printable("\u202e\U000e0041\x1b")+`"`), &back))
	require.Equal(t, "\u202e\U000e0041\x1b", back, "in JSON it means the same")
}

// The timeline tells what a cloud answers, whatever that is.
func TestTimelineIsPrintable(t *testing.T) {
	var out strings.Builder
	newTimeline(&out, false).show(line{What: "answer", Body: "a\nb", Result: "\x1b[2J", JobID: "\u202e"})
	require.True(t, strings.HasSuffix(out.String(), `answer    a\u000ab  \u001b[2J  job_id=\u202e`+"\n"), out.String())
}
