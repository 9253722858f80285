package doors

import (
	"strings"
	"testing"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
)

// TestKept finds the events in every form in which they are kept.
func TestKept(t *testing.T) {
	a, b := structured("a"), structured("b")
	quoted := func(s string) string { return string(marshal(t, s)) }
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an event":             {a, []string{"a"}},
		"a batch":              {"[" + a + "," + b + "]", []string{"a", "b"}},
		"lines":                {a + "\n" + b + "\n", []string{"a", "b"}},
		"one after another":    {bridge(t, a) + bridge(t, b), []string{"a", "b"}},
		"envelopes":            {"[" + bridge(t, a) + "," + bridge(t, b) + "]", []string{"a", "b"}},
		"receive-message":      {`{"Messages":[{"MessageId":"1","ReceiptHandle":"r","MD5OfBody":"x","Body":` + quoted(a) + `},{"Body":` + quoted(bridge(t, b)) + `}]}`, []string{"a", "b"}},
		"its messages":         {`[{"MessageId":"1","Body":` + quoted(a) + `}]`, []string{"a"}},
		"a message":            {`{"Body":` + quoted(snsEnvelope(t, a)) + `}`, []string{"a"}},
		"a payload of SQS":     {string(sqsEvent(t, a, b)), []string{"a", "b"}},
		"a payload of SNS":     {string(marshal(t, lambdaevents.SNSEvent{Records: []lambdaevents.SNSEventRecord{snsRecord(a)}})), []string{"a"}},
		"EventGrid":            {`{"events":[` + a + `,` + b + `]}`, []string{"a", "b"}},
		"whole in EventGrid":   {`{"events":[` + onEventGrid(a) + `,` + b + `]}`, []string{"a", "b"}},
		"a payload of SMN":     {string(smnEvent(t, a, b)), []string{"a", "b"}},
		"a failed invocation":  {`{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":` + bridge(t, a) + `}`, []string{"a"}},
		"an empty batch":       {"[]", []string{"!nothing is there"}},
		"nothing":              {" \n", []string{"!nothing is there"}},
		"no JSON":              {a + "x", []string{"a", "!no JSON after byte"}},
		"no event":             {`{"a":1}` + b, []string{`!unrecognised payload: found object of "a"`, "b"}},
		"a message without":    {`{"Messages":[{"Body":"hello"}]}`, []string{"!message: "}},
		"no valid event":       {`{"specversion":"1.0","type":"x","source":"y"}`, []string{"!id"}},
		"wrapped without end":  {`[[[[[[` + a + `]]]]]]`, []string{"!more envelopes"}},
		"doubled, which lies":  {`{"specversion":"1.0","id":"1","id":"2","type":"x","source":"y"}`, []string{"!duplicate member"}},
		"deeper than anything": {strings.Repeat("[", 200) + strings.Repeat("]", 200), []string{"!nested too deeply"}},
	} {
		t.Run(name, func(t *testing.T) {
			items := Kept(siteFields(), []byte(c.text))
			require.Len(t, items, len(c.want))
			for i, want := range c.want {
				if want[0] == '!' {
					require.ErrorContains(t, items[i].Err, want[1:])
				} else {
					require.NoError(t, items[i].Err)
					require.Equal(t, want, items[i].Event.ID())
				}
			}
		})
	}
}
